// Between tokenizers and the vocabularies of GGUF.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/core.h"
#include "text/json_fields.h"
#include "text/rwkv.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

int32_t type_of(const Vocabulary& v, size_t id) {
  return id < v.token_types.size() ? v.token_types[id] : static_cast<int32_t>(TokenType::normal);
}
int32_t special_of(const Vocabulary& v, const char* name) {
  auto it = v.special_ids.find(name);
  if (it == v.special_ids.end() && std::string_view(name) == "separator")
    it = v.special_ids.find("seperator");
  return it == v.special_ids.end() || it->second < 0 || static_cast<size_t>(it->second) >= v.tokens.size()
             ? -1
             : it->second;
}

void add_tokens(const Vocabulary& v, Parts& parts) {
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    const auto type = static_cast<TokenType>(type_of(v, id));
    if (type != TokenType::control && type != TokenType::user_defined && type != TokenType::unknown) continue;
    AddedToken a;
    a.id = static_cast<int32_t>(id);
    a.content = parts.pieces[id];
    a.special = type != TokenType::user_defined;
    if (!a.content.empty()) parts.added.push_back(std::move(a));
  }
}

Parts bpe_parts(const Vocabulary& v, const std::string& what) {
  const std::string name = v.pre.empty() ? "default" : v.pre;
  const PreName* pre = find_pre(name);
  if (!pre)
    fail(Fault::file, "{}: unknown pre-tokenizer {} (tokenizer.ggml.pre); known are {}", what,
         printable(name), pre_names());
  Parts parts;
  parts.pieces = v.tokens;
  for (size_t id = 0; id < parts.pieces.size(); ++id) {
    auto& piece = parts.pieces[id];
    if (type_of(v, id) == static_cast<int32_t>(TokenType::unused)) piece.clear();
    if (!utf8_valid(piece)) piece = utf8_replace_invalid(piece);
  }
  parts.pre_tokenizer = pre->pre_tokenizer;
  parts.normalizer = pre->normalizer;
  parts.bpe.ignore_merges = pre->ignore_merges;
  if (pre->bytes) {
    parts.decoder = {
        {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
    if (v.add_space_prefix.value_or(false) && parts.pre_tokenizer["type"] == "ByteLevel")
      parts.pre_tokenizer["add_prefix_space"] = true;
  } else {
    parts.bpe.byte_fallback = parts.bpe.fuse_unk = true;
    Json blank = {{"type", "Replace"}, {"pattern", {{"String", kMetaspace}}}, {"content", " "}};
    parts.decoder = {{"type", "Sequence"},
                     {"decoders", Json::array({blank, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}})}};
    if (const int32_t unk = special_of(v, "unknown"); unk >= 0) {
      parts.bpe.unk_token = parts.pieces[static_cast<size_t>(unk)];
      parts.bpe.has_unk = true;
    }
  }
  PieceIndex index;
  index.reserve(parts.pieces.size());
  for (size_t id = 0; id < parts.pieces.size(); ++id) index.add(parts.pieces[id], static_cast<int32_t>(id));
  std::string joined;
  for (const std::string& merge : v.merges) {
    const size_t blank = merge.find(' ', 1);
    if (blank == std::string::npos)
      fail(Fault::file, "{}: the merge {} is not two pieces", what, printable(merge));
    const std::string_view left = std::string_view(merge).substr(0, blank),
                           right = std::string_view(merge).substr(blank + 1);
    joined = left;
    joined += right;
    const PairMerge m{index.find(left), index.find(right), index.find(joined)};
    // Merges that lead to no token never come to bear.
    if (m.left >= 0 && m.right >= 0 && m.merged >= 0) parts.merges.push_back(m);
  }
  add_tokens(v, parts);
  std::vector<int32_t> post;
  const int32_t bos = special_of(v, "bos"), eos = special_of(v, "eos");
  if (v.add_bos.value_or(pre->add_bos) && bos >= 0) post.push_back(bos);
  post.push_back(kSequence);
  if (v.add_eos.value_or(false) && eos >= 0) post.push_back(eos);
  parts.post_processor = post_processor_of(post, parts.pieces);
  return parts;
}

Parts bert_parts(const Vocabulary& v) {
  Parts parts;
  parts.type = "WordPiece";
  const bool metaspace = std::any_of(v.tokens.begin(), v.tokens.end(), [](const std::string& t) {
    return t.starts_with(kMetaspace) && t.size() > 3;
  });
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    std::string piece = utf8_valid(v.tokens[id]) ? v.tokens[id] : utf8_replace_invalid(v.tokens[id]);
    const bool bracketed = piece.size() > 1 && piece.front() == '[' && piece.back() == ']';
    const auto type = static_cast<TokenType>(type_of(v, id));
    const bool marked =
        type == TokenType::control || type == TokenType::unknown || type == TokenType::user_defined;
    if (metaspace && piece.starts_with(kMetaspace))
      piece.erase(0, kMetaspace.size());
    else if (metaspace && !bracketed && !marked)
      piece.insert(0, "##");
    parts.pieces.push_back(std::move(piece));
  }
  const int32_t unk = special_of(v, "unknown");
  parts.unk_token = unk >= 0 ? parts.pieces[static_cast<size_t>(unk)] : "[UNK]";
  parts.normalizer = {{"type", "BertNormalizer"},
                      {"clean_text", true},
                      {"handle_chinese_chars", true},
                      {"strip_accents", nullptr},
                      {"lowercase", true}};
  parts.pre_tokenizer = {{"type", "BertPreTokenizer"}};
  parts.decoder = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  add_tokens(v, parts);
  // Files without token types name the special tokens by id alone.
  for (const char* name : {"bos", "cls", "eos", "separator", "unknown", "padding", "mask"}) {
    const int32_t id = special_of(v, name);
    if (id < 0 ||
        std::any_of(parts.added.begin(), parts.added.end(), [&](const auto& a) { return a.id == id; }))
      continue;
    AddedToken a;
    a.id = id;
    a.content = parts.pieces[static_cast<size_t>(id)];
    a.special = true;
    parts.added.push_back(std::move(a));
  }
  std::sort(parts.added.begin(), parts.added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  int32_t cls = special_of(v, "cls"), sep = special_of(v, "separator");
  if (cls < 0) cls = special_of(v, "bos");
  if (sep < 0) sep = special_of(v, "eos");
  std::vector<int32_t> post;
  if (v.add_bos.value_or(true) && cls >= 0) post.push_back(cls);
  post.push_back(kSequence);
  if (v.add_eos.value_or(true) && sep >= 0) post.push_back(sep);
  parts.post_processor = post_processor_of(post, parts.pieces);
  return parts;
}

// Byte-level BPE to "gpt2"; `exact` is false where GGUF's fields cannot say all.
void write_bpe(const Parts& parts, Vocabulary& v, bool& exact) {
  v.model = "gpt2";
  if (const PreName* pre = find_pre_by_parts(parts, exact)) {
    v.pre = pre->name;
  } else {
    v.pre = "default";
    v.notice = "no published name of tokenizer.ggml.pre fits this pre-tokenizer (\"default\" was written)";
  }
  for (const PairMerge& m : parts.merges)
    v.merges.push_back(parts.pieces[static_cast<size_t>(m.left)] + " " +
                       parts.pieces[static_cast<size_t>(m.right)]);
}

// BPE over U+2581 to "llama": the score of a piece is the rank of its first merge.
void write_bpe_as_sentencepiece(const Parts& parts, Vocabulary& v) {
  v.model = "llama";
  v.pre = "default";
  v.scores.assign(v.tokens.size(), -1e6f);
  float rank = 0;
  for (const PairMerge& m : parts.merges) {
    float& score = v.scores[static_cast<size_t>(m.merged)];
    if (score <= -1e6f) score = rank;
    rank -= 1;
  }
  for (size_t id = 0; id < v.tokens.size(); ++id)
    if (byte_piece(v.tokens[id]) >= 0) v.token_types[id] = static_cast<int32_t>(TokenType::byte);
  v.add_space_prefix = parts.normalizer.dump().find("Prepend") != std::string::npos ||
                       parts.pre_tokenizer.dump().find("\"always\"") != std::string::npos ||
                       parts.pre_tokenizer.dump().find("\"first\"") != std::string::npos;
}

void write_unigram(const Parts& parts, Vocabulary& v) {
  v.model = "t5";
  v.pre = "default";
  for (const double s : parts.scores) v.scores.push_back(static_cast<float>(s));
  v.scores.resize(v.tokens.size(), 0.0f);
  v.add_space_prefix = parts.pre_tokenizer.dump().find("\"never\"") == std::string::npos;
  v.remove_extra_whitespaces = parts.normalizer.dump().find(" {2,}") != std::string::npos;
  for (const Json& each : flatten(parts.normalizer, "normalizers", "normalizer"))
    if (each["type"] == "Precompiled")
      v.precompiled_charsmap =
          base64_decode(text_field(each, "precompiled_charsmap", "normalizer", ""), "normalizer");
}

void write_wordpiece(Vocabulary& v) {
  v.model = "bert";
  v.pre = "default";
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    std::string& t = v.tokens[id];
    const bool bracketed = t.size() > 1 && t.front() == '[' && t.back() == ']';
    if (t.starts_with("##"))
      t.erase(0, 2);
    else if (!bracketed && v.token_types[id] == static_cast<int32_t>(TokenType::normal))
      t.insert(0, kMetaspace);
  }
}

void write_special(const Tokenizer::Core& core, Vocabulary& v) {
  const auto put = [&](const char* name, const std::optional<int32_t>& id) {
    if (id) v.special_ids[name] = *id;
  };
  put("bos", core.special.bos);
  put("eos", core.special.eos);
  put("unknown", core.special.unk);
  put("padding", core.special.pad);
  put("separator", core.special.sep);
  put("cls", core.special.cls);
  put("mask", core.special.mask);
  put("eot", core.special.eot);
  v.end_ids = core.end_of_generation;
  const auto& post = core.post;
  const auto is = [](int32_t id, const std::optional<int32_t>& role) { return role && *role == id; };
  v.add_bos = !post.empty() && (is(post.front(), core.special.bos) || is(post.front(), core.special.cls));
  v.add_eos = !post.empty() && (is(post.back(), core.special.eos) || is(post.back(), core.special.sep));
}

// With the added tokens: whether the model knows those too makes no difference, it never gets to see them.
std::vector<std::string> all_pieces(const Parts& parts) {
  auto out = parts.pieces;
  for (const AddedToken& a : parts.added) {
    if (static_cast<size_t>(a.id) >= out.size()) out.resize(static_cast<size_t>(a.id) + 1);
    out[static_cast<size_t>(a.id)] = a.content;
  }
  return out;
}

// The ids that encoding depends on, without what only looks different.
bool same_parts(const Parts& a, const Parts& b, const std::vector<int32_t>& post) {
  const auto sorted = [](std::vector<AddedToken> list) {
    std::sort(list.begin(), list.end(), [](const auto& x, const auto& y) { return x.id < y.id; });
    return list;
  };
  const auto decoder = [](Json j) {
    if (j.is_object() && j["type"] == "ByteLevel") j = {{"type", "ByteLevel"}};
    return j;
  };
  const auto same_merges = [&] {
    return a.merges.size() == b.merges.size() &&
           std::equal(a.merges.begin(), a.merges.end(), b.merges.begin(),
                      [](const PairMerge& x, const PairMerge& y) {
                        return x.left == y.left && x.right == y.right && x.merged == y.merged;
                      });
  };
  const BpeOptions &x = a.bpe, &y = b.bpe;
  return a.type == b.type && a.normalizer == b.normalizer && decoder(a.decoder) == decoder(b.decoder) &&
         canonical_pre_tokenizer(a.pre_tokenizer) == canonical_pre_tokenizer(b.pre_tokenizer) &&
         post_template(b.post_processor, "post_processor") == post && all_pieces(a) == all_pieces(b) &&
         same_merges() && sorted(a.added) == sorted(b.added) && x.byte_fallback == y.byte_fallback &&
         x.fuse_unk == y.fuse_unk && x.ignore_merges == y.ignore_merges && x.has_unk == y.has_unk &&
         x.unk_token == y.unk_token && x.continuing_subword_prefix == y.continuing_subword_prefix &&
         x.end_of_word_suffix == y.end_of_word_suffix && a.unk_token == b.unk_token && a.prefix == b.prefix &&
         a.most_characters == b.most_characters;
}

Vocabulary vocabulary_of_json(const Tokenizer::Core& core) {
  const Parts parts = core.source_parts ? *core.source_parts : parse_parts(core.source_json, core.what);
  Vocabulary v;
  v.tokens = core.pieces;
  v.token_types.assign(v.tokens.size(), static_cast<int32_t>(TokenType::normal));
  for (size_t id = 0; id < v.tokens.size(); ++id)
    if (v.tokens[id].empty()) {
      v.tokens[id] = fmt::format("[PAD{}]", id);
      v.token_types[id] = static_cast<int32_t>(TokenType::unused);
    }
  for (const AddedToken& a : core.added)
    v.token_types[static_cast<size_t>(a.id)] =
        static_cast<int32_t>(a.special ? TokenType::control : TokenType::user_defined);
  bool exact = false;
  bool byte_level = parts.type == "BPE";
  if (byte_level) {
    byte_level = core.spelling == Tokenizer::Core::Spelling::byte_alphabet;
    if (byte_level)
      write_bpe(parts, v, exact);
    else
      write_bpe_as_sentencepiece(parts, v);
  } else if (parts.type == "Unigram") {
    write_unigram(parts, v);
  } else if (parts.type == "WordPiece") {
    write_wordpiece(v);
    exact = true;
  } else {
    v.model = "none";
    v.notice = "GGUF has no name for a WordLevel vocabulary";
  }
  write_special(core, v);
  if (core.special.unk && (v.model == "llama" || v.model == "t5"))
    v.token_types[static_cast<size_t>(*core.special.unk)] = static_cast<int32_t>(TokenType::unknown);
  Parts own = parts;
  own.added = core.added;  // with what tokenizer_config.json added
  if (exact && same_parts(own, parts_of(v, core.what), core.post)) return v;
  if (core.source_parts || own.added != parts.added ||
      core.post != post_template(parts.post_processor, core.what)) {
    own.post_processor = post_processor_of(core.post, core.pieces);
    v.huggingface_json = write_parts(own);
  } else {
    v.huggingface_json = core.source_json;
  }
  if (v.notice.empty())
    v.notice =
        "GGUF's own fields do not say all of this tokenizer; tokenizer.huggingface.json keeps it whole";
  return v;
}

}  // namespace

Parts parts_of(const Vocabulary& v, const std::string& what) {
  check_pieces(v.tokens, what);
  if (v.model == "bert") return bert_parts(v);
  if (v.model == "gpt2" || v.model == "gemma4") return bpe_parts(v, what);
  fail(Fault::file, "{}: unknown tokenizer model {} (llama, gpt2, bert, t5 and rwkv are known)", what,
       printable(v.model));
}

SentencePieceSpec spec_of(const Vocabulary& v, const std::string& what) {
  check_pieces(v.tokens, what);
  const size_t n = v.tokens.size();
  if (n == 0) fail(Fault::file, "{}: a vocabulary without tokens", what);
  if (v.scores.size() != n)
    fail(Fault::file, "{}: {} scores for {} tokens; a {} vocabulary needs one each", what, v.scores.size(), n,
         v.model);
  if (!v.token_types.empty() && v.token_types.size() != n)
    fail(Fault::file, "{}: {} token types for {} tokens", what, v.token_types.size(), n);
  SentencePieceSpec spec;
  spec.kind = v.model == "t5" ? SentencePieceKind::unigram : SentencePieceKind::bpe;
  spec.pieces = v.tokens;
  spec.scores = v.scores;
  for (const float s : spec.scores)
    if (!std::isfinite(s)) fail(Fault::file, "{}: a token score that is not finite", what);
  spec.types = v.token_types;
  spec.unk = special_of(v, "unknown");
  spec.bos = special_of(v, "bos");
  spec.eos = special_of(v, "eos");
  spec.pad = special_of(v, "padding");
  if (spec.types.empty()) {
    spec.types.assign(n, static_cast<int32_t>(TokenType::normal));
    for (size_t id = 0; id < n; ++id)
      if (byte_piece(spec.pieces[id]) >= 0) spec.types[id] = static_cast<int32_t>(TokenType::byte);
    for (const int32_t id : {spec.bos, spec.eos, spec.pad})
      if (id >= 0) spec.types[static_cast<size_t>(id)] = static_cast<int32_t>(TokenType::control);
    if (spec.unk >= 0) spec.types[static_cast<size_t>(spec.unk)] = static_cast<int32_t>(TokenType::unknown);
  }
  for (size_t id = 0; id < n && spec.unk < 0; ++id)
    if (spec.types[id] == static_cast<int32_t>(TokenType::unknown)) spec.unk = static_cast<int32_t>(id);
  for (size_t id = 0; id < n; ++id)
    if (spec.pieces[id].empty()) spec.types[id] = static_cast<int32_t>(TokenType::unused);
  spec.byte_fallback =
      std::count(spec.types.begin(), spec.types.end(), static_cast<int32_t>(TokenType::byte)) > 0;
  spec.add_dummy_prefix = v.add_space_prefix.value_or(true);
  spec.remove_extra_whitespaces = v.remove_extra_whitespaces.value_or(false);
  spec.charsmap = v.precompiled_charsmap;
  return spec;
}

Vocabulary vocabulary_of(const SentencePieceSpec& spec) {
  Vocabulary v;
  v.model = spec.kind == SentencePieceKind::unigram ? "t5" : "llama";
  v.pre = "default";
  v.tokens = spec.pieces;
  v.scores = spec.scores;
  v.token_types = spec.types;
  v.add_space_prefix = spec.add_dummy_prefix;
  v.remove_extra_whitespaces = spec.remove_extra_whitespaces;
  v.precompiled_charsmap = spec.charsmap;
  if (spec.kind == SentencePieceKind::word || spec.kind == SentencePieceKind::character)
    v.notice = "GGUF has no name for a SentencePiece model of words or characters; it is written as BPE";
  else if (spec.whitespace_as_suffix || !spec.escape_whitespaces)
    v.notice =
        "GGUF cannot say that this SentencePiece model treats blanks as suffixes or leaves them unescaped";
  return v;
}

}  // namespace ridge::text

namespace ridge {
using namespace text;

Vocabulary Tokenizer::vocabulary() const {
  if (core_->source_vocabulary) {
    Vocabulary v = *core_->source_vocabulary;
    v.end_ids = core_->end_of_generation;
    return v;
  }
  if (!core_->sp_spec) return vocabulary_of_json(*core_);
  Vocabulary v = vocabulary_of(*core_->sp_spec);
  // Tokens that a configuration added.
  v.tokens = core_->pieces;
  v.scores.resize(v.tokens.size(), -1000.0f);
  v.token_types.resize(v.tokens.size(), static_cast<int32_t>(TokenType::unused));
  for (size_t id = core_->sp_spec->pieces.size(); id < v.tokens.size(); ++id)
    if (v.tokens[id].empty()) v.tokens[id] = fmt::format("[PAD{}]", id);
  for (const AddedToken& a : core_->added) {
    auto& type = v.token_types[static_cast<size_t>(a.id)];
    if (type == static_cast<int32_t>(TokenType::unknown)) continue;
    type = static_cast<int32_t>(a.special ? TokenType::control : TokenType::user_defined);
  }
  write_special(*core_, v);
  return v;
}

std::string Tokenizer::to_json() const {
  if (!core_->source_json.empty()) return core_->source_json;
  if (core_->source_parts) return write_parts(*core_->source_parts);
  const Vocabulary v = vocabulary();
  if (v.model != "llama" && v.model != "t5") {
    if (v.model == "rwkv")
      fail(Fault::usage, "an RWKV World vocabulary has no tokenizer.json; keep its own file");
    return write_parts(parts_of(v, core_->what));
  }
  // SentencePiece as the `tokenizers` library says it.
  Parts parts;
  parts.pieces = v.tokens;
  const bool prefix = v.add_space_prefix.value_or(true);
  Json normalizers = Json::array();
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    const auto type = static_cast<TokenType>(v.token_types.empty() ? 1 : v.token_types[id]);
    if (type != TokenType::control && type != TokenType::unknown && type != TokenType::user_defined) continue;
    AddedToken a;
    a.id = static_cast<int32_t>(id);
    a.content = v.tokens[id];
    a.special = type != TokenType::user_defined;
    parts.added.push_back(std::move(a));
  }
  const int32_t unk = core_->special.unk.value_or(-1);
  const bool bytes =
      std::any_of(v.tokens.begin(), v.tokens.end(), [](const auto& t) { return byte_piece(t) >= 0; });
  const Json to_blank = {{"type", "Replace"}, {"pattern", {{"String", kMetaspace}}}, {"content", " "}};
  Json decoders = Json::array({to_blank, {{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  parts.decoder = {{"type", "Sequence"}, {"decoders", decoders}};
  if (!v.precompiled_charsmap.empty())
    normalizers.push_back(
        {{"type", "Precompiled"}, {"precompiled_charsmap", base64_encode(v.precompiled_charsmap)}});
  if (v.remove_extra_whitespaces.value_or(false)) {
    normalizers.push_back({{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}});
    normalizers.push_back({{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}});
  }
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kMetaspace}});
  normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kMetaspace}});
  parts.normalizer = {{"type", "Sequence"}, {"normalizers", normalizers}};
  if (v.model == "t5") {
    parts.type = "Unigram";
    parts.unk_id = unk;
    parts.byte_fallback = bytes;
    for (const float s : v.scores) parts.scores.push_back(static_cast<double>(s));
  } else {
    parts.bpe.byte_fallback = bytes;
    parts.bpe.fuse_unk = true;
    parts.bpe.has_unk = unk >= 0;
    if (unk >= 0) parts.bpe.unk_token = v.tokens[static_cast<size_t>(unk)];
    parts.merges = merges_by_score(v.tokens, v.scores, v.token_types);
  }
  parts.post_processor = post_processor_of(core_->post, parts.pieces);
  return write_parts(parts);
}

Tokenizer tokenizer_from_vocabulary(const Vocabulary& v, const std::string& what) {
  std::shared_ptr<Tokenizer::Core> core;
  if (!v.huggingface_json.empty()) {
    core = make_core(parse_parts(v.huggingface_json, what + " (tokenizer.huggingface.json)"), what);
    core->source_json = v.huggingface_json;
  } else if (v.model == "llama" || v.model == "t5") {
    core = make_core(spec_of(v, what), what);
  } else if (v.model == "rwkv") {
    core = rwkv_core(v, what);
  } else {
    core = make_core(parts_of(v, what), what);
  }
  const auto role = [&](const char* name, std::optional<int32_t>& id) {
    if (const int32_t found = special_of(v, name); found >= 0) id = found;
  };
  SpecialIds& s = core->special;
  role("bos", s.bos), role("eos", s.eos), role("unknown", s.unk), role("padding", s.pad),
      role("separator", s.sep);
  role("cls", s.cls), role("mask", s.mask), role("eot", s.eot);
  if (core->sp_spec)
    set_template(*core, v.add_bos.value_or(v.model == "llama"), v.add_eos.value_or(v.model == "t5"));
  std::vector<int32_t> ends = v.end_ids;
  if (const int32_t eom = special_of(v, "eom"); eom >= 0) ends.push_back(eom);
  complete_special(*core, ends);
  core->source_vocabulary = v;
  return Tokenizer(core);
}

std::string sentencepiece_model(const Vocabulary& v) {
  if (v.model != "llama" && v.model != "t5")
    fail(Fault::usage, "a vocabulary of kind {} cannot be written as a SentencePiece model",
         printable(v.model));
  return write_sentencepiece(spec_of(v, "vocabulary"));
}

}  // namespace ridge

// Vocabulary files of all kinds, made into parts or SentencePiece specs.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "text/config.h"
#include "text/json_fields.h"
#include "text/unicode.h"

namespace ridge {
using namespace text;

namespace text {
namespace {

Json byte_level_json(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

// Lines without their ends.
template <typename F>
void lines(std::string_view text, F&& f) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t n = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, n);
    text.remove_prefix(std::min(n + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    f(number, line);
  }
}

void read_vocab_json(std::string_view text, Parts& parts, const std::string& what) {
  const Json json = parse_json(text, what);
  if (!json.is_object()) fail(Fault::file, "{}: not an object of pieces and ids", what);
  const size_t most = json.size() * 4 + (size_t{1} << 20);
  for (const auto& [piece, id] : json.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= most)
      fail(Fault::file, "{}: the id of {} is not a whole number below {}", what, printable(piece), most);
    const auto at = id.get<size_t>();
    if (at >= parts.pieces.size()) parts.pieces.resize(at + 1);
    parts.pieces[at] = piece;
  }
}

void read_merges_txt(std::string_view text, Parts& parts, const std::string& what) {
  PieceIndex index;
  index.reserve(parts.pieces.size());
  for (size_t id = 0; id < parts.pieces.size(); ++id) index.add(parts.pieces[id], static_cast<int32_t>(id));
  std::string joined;
  lines(text, [&](size_t number, std::string_view line) {
    if (line.empty() || line.starts_with("#version")) return;
    const size_t blank = line.find(' ');
    if (blank == std::string_view::npos || line.find(' ', blank + 1) != std::string_view::npos)
      fail(Fault::file, "{}: line {} of the merges is not two pieces", what, number);
    joined = line.substr(0, blank);
    joined += line.substr(blank + 1);
    const PairMerge m{index.find(line.substr(0, blank)), index.find(line.substr(blank + 1)),
                      index.find(joined)};
    if (m.left < 0 || m.right < 0 || m.merged < 0)
      fail(Fault::file, "{}: line {} of the merges names a piece that is not in the vocabulary", what,
           number);
    parts.merges.push_back(m);
  });
}

// CLIP (Radford et al., 2021): lower case, pieces that end words carry </w>.
void clip_parts(Parts& parts) {
  const Json blanks = {{"type", "Replace"}, {"pattern", {{"Regex", R"(\s+)"}}}, {"content", " "}};
  parts.normalizer = {{"type", "Sequence"},
                      {"normalizers", Json::array({{{"type", "NFC"}}, blanks, {{"type", "Lowercase"}}})}};
  const Json split = {
      {"type", "Split"},
      {"pattern", {{"Regex", R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)"}}},
      {"behavior", "Removed"},
      {"invert", true}};
  parts.pre_tokenizer = {{"type", "Sequence"},
                         {"pretokenizers", Json::array({split, byte_level_json(false, false)})}};
  const Json words = {{"type", "Replace"}, {"pattern", {{"String", "</w>"}}}, {"content", " "}};
  const Json strip = {{"type", "Strip"}, {"content", " "}, {"start", 0}, {"stop", 1}};
  parts.decoder = {{"type", "Sequence"},
                   {"decoders", Json::array({byte_level_json(true, true), words, strip})}};
  parts.bpe.end_of_word_suffix = "</w>";
}

int32_t id_in(const Parts& parts, const std::string& piece) {
  for (const auto& a : parts.added)
    if (a.content == piece) return a.id;
  const auto it = std::find(parts.pieces.begin(), parts.pieces.end(), piece);
  return piece.empty() || it == parts.pieces.end() ? -1 : static_cast<int32_t>(it - parts.pieces.begin());
}

// Ids may lie beyond the model's pieces: the names for post_processor_of.
std::vector<std::string> all_pieces(const Parts& parts) {
  auto out = parts.pieces;
  for (const auto& a : parts.added) {
    if (static_cast<size_t>(a.id) >= out.size()) out.resize(static_cast<size_t>(a.id) + 1);
    out[static_cast<size_t>(a.id)] = a.content;
  }
  return out;
}

void surround(Parts& parts, int32_t before, int32_t after) {
  std::vector<int32_t> post;
  if (before >= 0) post.push_back(before);
  post.push_back(kSequence);
  if (after >= 0) post.push_back(after);
  parts.post_processor = post_processor_of(post, all_pieces(parts));
}

// Classes whose BOS and EOS go by add_bos_token and add_eos_token whatever the tokenizer.json says.
bool goes_by_flags(const std::string& name) {
  return name.starts_with("Llama") || name.starts_with("CodeLlama") || name.starts_with("Gemma") ||
         name.starts_with("Cohere");
}

}  // namespace

Tokenizer from_parts(Parts parts, const TokenizerConfig& config, std::string source_json,
                     const std::string& what) {
  extend(parts, config);
  auto source = source_json.empty() ? std::make_shared<const Parts>(parts) : nullptr;
  auto core = make_core(std::move(parts), what);
  core->source_json = std::move(source_json);
  core->source_parts = std::move(source);
  apply(*core, config);
  if (goes_by_flags(config.class_name()) && (config.flag("add_bos_token") || config.flag("add_eos_token")))
    set_template(*core, config.flag("add_bos_token").value_or(true),
                 config.flag("add_eos_token").value_or(false));
  return Tokenizer(core);
}

Tokenizer from_json(std::string_view text, const TokenizerConfig& config, const std::string& what) {
  return from_parts(parse_parts(text, what), config, std::string(text), what);
}

Tokenizer from_merges(std::string_view vocab, std::string_view merges, const TokenizerConfig& config,
                      const std::string& what) {
  Parts parts;
  read_vocab_json(vocab, parts, what);
  read_merges_txt(merges, parts, what);
  const std::string name = config.class_name();
  TokenizerConfig named = config;
  for (const auto& [key, token] : {std::pair{"bos_token", "<|startoftext|>"},
                                   {"bos_token", "<|endoftext|>"},
                                   {"eos_token", "<|endoftext|>"}})
    if (named.token(key).empty() && id_in(parts, token) >= 0) named.json[key] = token;
  const auto word_ends = std::count_if(parts.pieces.begin(), parts.pieces.end(),
                                       [](const std::string& p) { return p.ends_with("</w>"); });
  extend(parts, named);
  if (name.starts_with("CLIP") || word_ends > 256) {
    clip_parts(parts);
    parts.bpe.has_unk = id_in(parts, "<|endoftext|>") >= 0;
    parts.bpe.unk_token = parts.bpe.has_unk ? "<|endoftext|>" : "";
    surround(parts, id_in(parts, "<|startoftext|>"), id_in(parts, "<|endoftext|>"));
    return from_parts(std::move(parts), named, {}, what);
  }
  parts.decoder = byte_level_json(true, true);
  if (name.starts_with("Qwen2")) {
    const PreName* pre = find_pre("qwen2");
    parts.normalizer = pre->normalizer;
    parts.pre_tokenizer = pre->pre_tokenizer;
  } else {
    parts.pre_tokenizer = byte_level_json(config.flag("add_prefix_space").value_or(false), true);
  }
  if (name.starts_with("Roberta") || name.starts_with("Bart") || name.starts_with("Longformer"))
    surround(parts, id_in(parts, config.token("cls_token").empty() ? "<s>" : config.token("cls_token")),
             id_in(parts, config.token("sep_token").empty() ? "</s>" : config.token("sep_token")));
  else if (named.flag("add_bos_token").value_or(false))
    surround(parts, id_in(parts, named.token("bos_token")), -1);
  return from_parts(std::move(parts), named, {}, what);
}

Tokenizer from_bert(std::string_view text, const TokenizerConfig& config, const std::string& what) {
  Parts parts;
  parts.type = "WordPiece";
  if (!utf8_valid(text)) fail(Fault::file, "{}: not UTF-8", what);
  lines(text, [&](size_t, std::string_view line) {
    size_t end = line.size();
    while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '\t')) --end;
    parts.pieces.emplace_back(line.substr(0, end));
  });
  const auto name = [&](const char* key, const char* otherwise) {
    const std::string token = config.token(key);
    return token.empty() ? std::string(otherwise) : token;
  };
  parts.unk_token = name("unk_token", "[UNK]");
  if (id_in(parts, parts.unk_token) < 0)
    fail(Fault::file, "{}: no unknown token {} in the vocabulary", what, printable(parts.unk_token));
  parts.normalizer = {{"type", "BertNormalizer"},
                      {"clean_text", true},
                      {"handle_chinese_chars", config.flag("tokenize_chinese_chars").value_or(true)},
                      {"strip_accents", nullptr},
                      {"lowercase", config.flag("do_lower_case").value_or(true)}};
  if (const auto strip = config.flag("strip_accents")) parts.normalizer["strip_accents"] = *strip;
  parts.pre_tokenizer = {{"type", "BertPreTokenizer"}};
  parts.decoder = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  TokenizerConfig named = config;
  for (const auto& [key, token] : {std::pair{"unk_token", "[UNK]"},
                                   {"cls_token", "[CLS]"},
                                   {"sep_token", "[SEP]"},
                                   {"pad_token", "[PAD]"},
                                   {"mask_token", "[MASK]"}})
    if (config.token(key).empty() && id_in(parts, token) >= 0) named.json[key] = token;
  extend(parts, named);
  surround(parts, id_in(parts, named.token("cls_token")), id_in(parts, named.token("sep_token")));
  return from_parts(std::move(parts), named, {}, what);
}

Tokenizer from_tiktoken(std::string_view text, std::string_view pre_name, const TokenizerConfig& config,
                        const std::string& what) {
  const PreName* pre = find_pre(pre_name);
  if (!pre || !pre->bytes)
    fail(Fault::usage, "unknown pre-tokenizer {}; known are {}", printable(pre_name), pre_names());
  std::vector<std::string> tokens;
  lines(text, [&](size_t number, std::string_view line) {
    if (line.empty()) return;
    const size_t blank = line.find(' ');
    size_t rank = 0;
    const auto digits = line.substr(std::min(blank + 1, line.size()));
    const auto end = digits.data() + digits.size();
    if (blank == std::string_view::npos || digits.empty() ||
        std::from_chars(digits.data(), end, rank).ptr != end)
      fail(Fault::file, "{}: line {} is not \"base64 rank\"", what, number);
    // Ranks come in order in all published files; gaps are small.
    if (rank >= number * 4 + (size_t{1} << 20))
      fail(Fault::file, "{}: line {}: rank {} out of range", what, number, rank);
    if (rank >= tokens.size()) tokens.resize(rank + 1);
    tokens[rank] = base64_decode(line.substr(0, blank), what);
    if (tokens[rank].empty()) fail(Fault::file, "{}: line {}: an empty token", what, number);
  });
  if (tokens.empty()) fail(Fault::file, "{}: no ranks", what);
  check_pieces(tokens, what);
  Parts parts;
  Keys keys;
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!tokens[id].empty()) keys.emplace_back(tokens[id], static_cast<int32_t>(id));
    parts.pieces.push_back(to_byte_alphabet(tokens[id]));
  }
  all_splits(keys, keys, [&](int32_t l, int32_t r, int32_t whole) { parts.merges.push_back({l, r, whole}); });
  std::sort(parts.merges.begin(), parts.merges.end(), [](const PairMerge& a, const PairMerge& b) {
    return std::tie(a.merged, a.left, a.right) < std::tie(b.merged, b.left, b.right);
  });
  parts.bpe.ignore_merges = parts.bpe.rank_by_id = true;
  parts.pre_tokenizer = pre->pre_tokenizer;
  parts.normalizer = nullptr;
  parts.decoder = byte_level_json(true, true);
  TokenizerConfig full = config;
  const bool llama3 = pre->ignore_merges && pre_name.starts_with("llama") && tokens.size() == 128000;
  if (llama3 && config.added.empty()) {
    const auto add = [&](const std::string& content) {
      AddedToken a;
      a.id = 128000 + static_cast<int32_t>(parts.added.size());
      a.content = content;
      a.special = true;
      parts.added.push_back(std::move(a));
    };
    int reserved = 0;
    const auto add_reserved = [&] { add("<|reserved_special_token_" + std::to_string(reserved++) + "|>"); };
    add("<|begin_of_text|>"), add("<|end_of_text|>");
    add_reserved(), add_reserved();
    add("<|finetune_right_pad_id|>");
    add_reserved();
    add("<|start_header_id|>"), add("<|end_header_id|>"), add("<|eom_id|>"), add("<|eot_id|>"),
        add("<|python_tag|>");
    while (parts.added.size() < 256) add_reserved();
    full.json["bos_token"] = "<|begin_of_text|>";
    full.json["eos_token"] = "<|end_of_text|>";
  }
  extend(parts, full);
  if (llama3 || full.flag("add_bos_token").value_or(false))
    surround(parts, id_in(parts, full.token("bos_token")), -1);
  return from_parts(std::move(parts), full, {}, what);
}

Tokenizer from_sentencepiece(SentencePieceSpec spec, const TokenizerConfig& config, const std::string& what) {
  const std::string name = config.class_name();
  if (config.flag("add_prefix_space") == std::optional(false)) spec.add_dummy_prefix = false;
  auto core = make_core(std::move(spec), what);
  core->control_in_text = config.present;
  core->prefix_every_segment = config.flag("legacy").value_or(true);
  if (config.present) {
    Parts parts;  // for its list of added tokens
    parts.pieces = core->pieces;
    parts.added = core->added;
    extend(parts, config);
    core->added = std::move(parts.added);
    for (auto& a : core->added) a.normalized = false;
    core->finish();
  }
  apply(*core, config);
  const bool llama = goes_by_flags(name) || name.starts_with("Mistral");
  const bool eos = name.starts_with("T5") || name.starts_with("MT5") || name.starts_with("Pegasus") ||
                   name.starts_with("Marian");
  if (name.starts_with("Albert") && core->special.cls && core->special.sep)
    core->post = {*core->special.cls, kSequence, *core->special.sep};
  else
    set_template(*core, config.flag("add_bos_token").value_or(llama),
                 config.flag("add_eos_token").value_or(eos));
  return Tokenizer(core);
}

Tokenizer from_marian(SentencePieceSpec source, std::string_view vocab, const TokenizerConfig& config,
                      const std::string& what) {
  Parts joint;
  read_vocab_json(vocab, joint, what);
  PieceIndex index;
  for (size_t id = 0; id < joint.pieces.size(); ++id)
    if (!joint.pieces[id].empty()) index.add(joint.pieces[id], static_cast<int32_t>(id));
  const auto named = [&](const char* key, const char* otherwise) {
    const std::string token = config.token(key);
    return index.find(token.empty() ? otherwise : token);
  };
  SentencePieceSpec spec = source;
  spec.pieces = joint.pieces;
  spec.unk = named("unk_token", "<unk>");
  spec.eos = named("eos_token", "</s>");
  spec.pad = named("pad_token", "<pad>");
  spec.bos = -1;
  if (spec.unk < 0) fail(Fault::file, "{}: no unknown token in the joint vocabulary", what);
  // Pieces of the other language only are there, but never chosen.
  spec.scores.assign(joint.pieces.size(), 0.0f);
  spec.types.assign(joint.pieces.size(), static_cast<int32_t>(TokenType::unused));
  std::vector<int32_t> beyond;  // pieces of the source that the joint vocabulary lacks are unknown
  for (size_t id = 0; id < source.pieces.size(); ++id) {
    if (source.types[id] != static_cast<int32_t>(TokenType::normal) &&
        source.types[id] != static_cast<int32_t>(TokenType::user_defined))
      continue;
    int32_t at = index.find(source.pieces[id]);
    if (at < 0) {
      at = static_cast<int32_t>(spec.pieces.size());
      spec.pieces.push_back(source.pieces[id]);
      spec.scores.push_back(0);
      spec.types.push_back(0);
      beyond.push_back(at);
    }
    spec.scores[static_cast<size_t>(at)] = source.scores[id];
    spec.types[static_cast<size_t>(at)] = source.types[id];
  }
  spec.types[static_cast<size_t>(spec.unk)] = static_cast<int32_t>(TokenType::unknown);
  for (const int32_t id : {spec.eos, spec.pad})
    if (id >= 0) spec.types[static_cast<size_t>(id)] = static_cast<int32_t>(TokenType::control);
  auto core = make_core(std::move(spec), what);
  core->remap.resize(core->pieces.size());
  for (size_t id = 0; id < core->remap.size(); ++id) core->remap[id] = static_cast<int32_t>(id);
  for (const int32_t id : beyond) core->remap[static_cast<size_t>(id)] = core->sp_spec->unk;
  core->pieces.resize(joint.pieces.size());
  core->finish();
  core->sp->look_up_unknown(&core->index);
  apply(*core, config);
  set_template(*core, false, true);
  return Tokenizer(core);
}

}  // namespace text

Tokenizer tokenizer_from_json(std::string_view text, std::string_view config, const std::string& what) {
  return from_json(text, parse_config(config, "tokenizer_config.json"), what);
}
Tokenizer tokenizer_from_sentencepiece(std::string_view bytes, std::string_view config,
                                       const std::string& what) {
  return from_sentencepiece(read_sentencepiece(bytes, what), parse_config(config, "tokenizer_config.json"),
                            what);
}
Tokenizer tokenizer_from_merges(std::string_view vocab, std::string_view merges, std::string_view config,
                                const std::string& what) {
  return from_merges(vocab, merges, parse_config(config, "tokenizer_config.json"), what);
}
Tokenizer tokenizer_from_tiktoken(std::string_view text, std::string_view pre, std::string_view config,
                                  const std::string& what) {
  return from_tiktoken(text, pre, parse_config(config, "tokenizer_config.json"), what);
}
Tokenizer tokenizer_from_bert(std::string_view text, std::string_view config, const std::string& what) {
  return from_bert(text, parse_config(config, "tokenizer_config.json"), what);
}

Tokenizer tokenizer_from_llama2c(std::string_view bytes, int32_t vocab_size, const std::string& what) {
  SentencePieceSpec spec;
  spec.kind = SentencePieceKind::bpe;
  size_t at = 4;  // int32 longest piece, then {float score, int32 length, bytes}
  const auto int32_at = [&](size_t i) {
    int32_t v;
    std::memcpy(&v, bytes.data() + i, 4);
    return v;
  };
  if (bytes.size() < 4 || int32_at(0) < 0) fail(Fault::file, "{}: not a llama2.c tokenizer", what);
  while (vocab_size > 0 ? spec.pieces.size() < static_cast<size_t>(vocab_size) : at < bytes.size()) {
    const size_t id = spec.pieces.size();
    if (bytes.size() - at < 8) fail(Fault::file, "{}: ends within piece {}", what, id);
    float score;
    std::memcpy(&score, bytes.data() + at, 4);
    const int32_t length = int32_at(at + 4);
    at += 8;
    if (length < 0 || static_cast<size_t>(length) > bytes.size() - at)
      fail(Fault::file, "{}: piece {} has the length {}, {} bytes are left", what, id, length,
           bytes.size() - at);
    if (!std::isfinite(score)) fail(Fault::file, "{}: piece {} has a score that is not finite", what, id);
    std::string piece;
    for (const char c : bytes.substr(at, static_cast<size_t>(length)))
      c == ' ' ? piece += kMetaspace : piece += c;
    at += static_cast<size_t>(length);
    TokenType type = id == 0 ? TokenType::unknown : id < 3 ? TokenType::control : TokenType::normal;
    if (id >= 3 && byte_piece(piece) >= 0) type = TokenType::byte;
    if (id == 1) piece = "<s>";  // the file has them with newlines around
    if (id == 2) piece = "</s>";
    if (piece.empty()) type = TokenType::unused;
    spec.pieces.push_back(std::move(piece));
    spec.scores.push_back(score);
    spec.types.push_back(static_cast<int32_t>(type));
  }
  if (spec.pieces.size() < 3)
    fail(Fault::file, "{}: {} pieces; unknown, BOS and EOS at least", what, spec.pieces.size());
  spec.unk = 0, spec.bos = 1, spec.eos = 2;
  spec.byte_fallback =
      std::count(spec.types.begin(), spec.types.end(), static_cast<int32_t>(TokenType::byte)) == 256;
  spec.remove_extra_whitespaces = false;
  auto core = make_core(std::move(spec), what);
  core->control_in_text = false;
  complete_special(*core, {});
  set_template(*core, true, false);
  return Tokenizer(core);
}

}  // namespace ridge

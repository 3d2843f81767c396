// Cores of tokenizers from their parts.
#include <algorithm>
#include <array>

#include "text/core.h"
#include "text/json_fields.h"
#include "text/unicode.h"

namespace ridge {
using namespace text;

void Tokenizer::Core::set_decoder(const Json& json) {
  make_decode_steps(json, what);  // errors now, not at the first decode
  make_steps = [json, name = what] { return make_decode_steps(json, name); };
  spelling = Spelling::plain;
  for (const Json& each : flatten(json, "decoders", what)) {
    const std::string type = text_field(each, "type", what);
    if (type == "ByteLevel") spelling = Spelling::byte_alphabet;
    if (type == "WordPiece") spelling = Spelling::wordpiece;
    if (type == "BPEDecoder") spelling = Spelling::word_end;
    if (type == "Metaspace" || type == "ByteFallback" || (type == "Replace" && spelling == Spelling::plain))
      spelling = Spelling::metaspace;
  }
}

namespace text {
namespace {

std::unique_ptr<Model> make_model(const Parts& parts, const Tokenizer::Core& core, bool bytes) {
  if (parts.type == "BPE") {
    BpeOptions options = parts.bpe;
    options.bytes = bytes;
    return make_bpe(core.pieces, core.model_index, parts.merges, options, core.what);
  }
  if (parts.type == "Unigram")
    return make_unigram(parts.pieces, parts.scores, parts.unk_id, parts.byte_fallback, core.model_index);
  if (parts.type == "WordPiece")
    return make_wordpiece(core.model_index, parts.unk_token, parts.prefix, parts.most_characters, core.what);
  return make_wordlevel(core.model_index, parts.unk_token);
}

}  // namespace

std::shared_ptr<Tokenizer::Core> make_core(Parts parts, const std::string& what) {
  auto core = std::make_shared<Tokenizer::Core>();
  core->what = what;
  core->kind = parts.type;
  core->pieces = parts.pieces;
  core->added = parts.added;
  core->normalizers = make_normalizers(parts.normalizer, what);
  core->finish();
  for (size_t id = 0; id < parts.pieces.size(); ++id)
    if (!parts.pieces[id].empty()) core->model_index.add(core->pieces[id], static_cast<int32_t>(id));
  // Words stay bytes up to the model where the byte alphabet would only be a detour.
  bool bytes = false;
  core->pre_tokenizers =
      make_pre_tokenizers(parts.pre_tokenizer, parts.type == "BPE" && !parts.bpe.byte_fallback, bytes, what);
  if (bytes) core->fast = fast_path(parts.pre_tokenizer);
  for (const Json& each : flatten(parts.pre_tokenizer, "pretokenizers", what))
    core->prefix_first = core->prefix_first || text_field(each, "prepend_scheme", what, "") == "first";
  core->model = make_model(parts, *core, bytes);
  core->post = post_template(parts.post_processor, what);
  for (const int32_t id : core->post)
    if (id >= static_cast<int32_t>(core->pieces.size()))
      fail(Fault::file, "{}: the post-processor adds id {}, the vocabulary has {}", what, id,
           core->pieces.size());
  core->set_decoder(parts.decoder);
  if (parts.type == "BPE" && !parts.bpe.unk_token.empty())
    if (const int32_t id = core->index.find(parts.bpe.unk_token); id >= 0) core->special.unk = id;
  if (parts.unk_id >= 0) core->special.unk = parts.unk_id;
  if (!parts.unk_token.empty())
    if (const int32_t id = core->index.find(parts.unk_token); id >= 0) core->special.unk = id;
  return core;
}

std::shared_ptr<Tokenizer::Core> make_core(SentencePieceSpec spec, const std::string& what) {
  auto core = std::make_shared<Tokenizer::Core>();
  core->what = what;
  core->kind = spec.kind == SentencePieceKind::unigram ? "SentencePiece Unigram"
               : spec.kind == SentencePieceKind::bpe   ? "SentencePiece BPE"
               : spec.kind == SentencePieceKind::word  ? "SentencePiece words"
                                                       : "SentencePiece characters";
  for (auto& piece : spec.pieces)
    if (!utf8_valid(piece)) piece = utf8_replace_invalid(piece);
  check_pieces(spec.pieces, what);
  core->pieces = spec.pieces;
  core->sp_spec = std::make_unique<SentencePieceSpec>(std::move(spec));
  const SentencePieceSpec& s = *core->sp_spec;
  core->sp = std::make_unique<SentencePieceEncoder>(s, what);
  for (size_t id = 0; id < s.pieces.size(); ++id) {
    const int32_t type = s.types[id];
    if (type != static_cast<int32_t>(TokenType::control) && type != static_cast<int32_t>(TokenType::unknown))
      continue;
    AddedToken a;
    a.id = static_cast<int32_t>(id);
    a.content = s.pieces[id];
    a.special = true;
    core->added.push_back(std::move(a));
  }
  core->finish();
  core->spelling = Tokenizer::Core::Spelling::metaspace;
  core->make_steps = [spec = core->sp_spec.get()] {
    SentencePieceDecoding how;
    how.pieces = &spec->pieces;
    how.types = &spec->types;
    how.strip_one = spec->add_dummy_prefix;
    how.strip_all = spec->remove_extra_whitespaces;
    how.unk_surface = spec->unk_surface;
    std::vector<std::unique_ptr<DecodeStep>> steps;
    steps.push_back(sentencepiece_step(how));
    return steps;
  };
  const auto role = [](int32_t id) { return id < 0 ? std::nullopt : std::optional(id); };
  core->special.unk = role(s.unk);
  core->special.bos = role(s.bos);
  core->special.eos = role(s.eos);
  core->special.pad = role(s.pad);
  return core;
}

void set_template(Tokenizer::Core& core, bool add_bos, bool add_eos) {
  core.post.clear();
  if (add_bos && core.special.bos) core.post.push_back(*core.special.bos);
  core.post.push_back(kSequence);
  if (add_eos && core.special.eos) core.post.push_back(*core.special.eos);
}

void complete_special(Tokenizer::Core& core, const std::vector<int32_t>& end_ids) {
  const auto size = static_cast<int32_t>(core.pieces.size());
  SpecialIds& s = core.special;
  for (auto* id : {&s.bos, &s.eos, &s.unk, &s.pad, &s.sep, &s.cls, &s.mask, &s.eot})
    if (*id && (**id < 0 || **id >= size)) id->reset();
  constexpr std::array<std::string_view, 10> kTurnEnds = {
      "<|eot_id|>", "<|im_end|>", "<|end|>",    "<end_of_turn>", "<turn|>",
      "<|eot|>",    "<EOT>",      "<|eom_id|>", "<|return|>",    "<|user_end|>"};
  constexpr std::array<std::string_view, 6> kTextEnds = {"<|endoftext|>",      "<|end_of_text|>",
                                                         "<|eom_id|>",         "<｜end▁of▁sentence｜>",
                                                         "<end_of_utterance>", "<|call|>"};
  auto& ends = core.end_of_generation;
  ends.clear();
  const auto add = [&](int32_t id) {
    if (id >= 0 && id < size && std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
  };
  if (s.eos) add(*s.eos);
  for (const int32_t id : end_ids) add(id);
  const auto named = [&](std::string_view name) {
    const int32_t id = core.index.find(name);
    return id >= 0 && core.is_special[static_cast<size_t>(id)] ? id : -1;
  };
  for (const auto name : kTurnEnds) {
    const int32_t id = named(name);
    if (id >= 0 && !s.eot) s.eot = id;
    add(id);
  }
  if (s.eot) add(*s.eot);
  // A tokenizer may use these for other things (as BOS of GPT-2), but a model that writes one has ended.
  for (const auto name : kTextEnds) add(named(name));
}

}  // namespace text
}  // namespace ridge

#include "engine/generation_config.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "files/checkpoint.h"
#include "text/tokenizer.h"

namespace ridge {
namespace {

constexpr int64_t kMostBeams = 1024, kMostTokens = int64_t{1} << 24;

// Typed access to one JSON object; null and missing are the same.
class Keys {
 public:
  Keys(const Json& json, std::string what, int64_t vocab)
      : json_(json), what_(std::move(what)), vocab_(vocab) {}

  const Json* find(const char* key) const {
    const auto it = json_.find(key);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }
  [[noreturn]] void wrong(const char* key, const Json& value, const char* expected) const {
    fail(Fault::file, "{}: \"{}\" is {}, expected {}", what_, key, printable(value.dump(), 60), expected);
  }
  std::optional<int64_t> integer(const char* key, int64_t least, int64_t most) const {
    const Json* j = find(key);
    if (!j) return {};
    if (!j->is_number_integer() || j->get<double>() < static_cast<double>(least) ||
        j->get<double>() > static_cast<double>(most))
      wrong(key, *j, fmt::format("an integer from {} to {}", least, most).c_str());
    return j->get<int64_t>();
  }
  double real(const char* key, double otherwise, bool positive) const {
    const Json* j = find(key);
    if (!j) return otherwise;
    if (!j->is_number() || !std::isfinite(j->get<double>()) || (positive && !(j->get<double>() > 0)))
      wrong(key, *j, positive ? "a positive number" : "a number");
    return j->get<double>();
  }
  bool flag(const char* key) const {
    const Json* j = find(key);
    if (j && !j->is_boolean()) wrong(key, *j, "true or false");
    return j && j->get<bool>();
  }
  int32_t id_of(const char* key, const Json& j) const {
    if (!j.is_number_integer() || j.get<double>() < 0 || j.get<double>() >= static_cast<double>(vocab_))
      wrong(key, j, fmt::format("token ids below {}", vocab_).c_str());
    return j.get<int32_t>();
  }
  std::optional<int32_t> id(const char* key) const {
    const Json* j = find(key);
    // -1 is how older configurations say that there is none.
    if (!j || (j->is_number_integer() && j->get<int64_t>() < 0)) return {};
    return id_of(key, *j);
  }
  // One id or a list of them.
  std::vector<int32_t> ids(const char* key) const {
    const Json* j = find(key);
    std::vector<int32_t> list;
    if (!j) return list;
    if (!j->is_array()) {
      if (const auto one = id(key)) list.push_back(*one);
      return list;
    }
    for (const Json& e : *j)
      if (!(e.is_number_integer() && e.get<int64_t>() < 0)) list.push_back(id_of(key, e));
    return list;
  }
  std::vector<int32_t> sequence(const char* key, const Json& j) const {
    std::vector<int32_t> list;
    if (!j.is_array() || j.empty()) wrong(key, j, "lists of token ids");
    for (const Json& e : j) list.push_back(id_of(key, e));
    return list;
  }

 private:
  const Json& json_;
  std::string what_;
  int64_t vocab_;
};

// What other ways of searching would do is refused where it is asked for.
void refuse_others(const Keys& keys, const std::string& what) {
  for (const char* key : {"num_beam_groups"})
    if (const auto n = keys.integer(key, 0, kMostTokens); n && *n > 1)
      fail(Fault::file, "{}: \"{}\" {} (diverse beam search) is not supported", what, key, *n);
  for (const char* key : {"constraints", "force_words_ids", "watermarking_config", "prompt_lookup_num_tokens",
                          "dola_layers", "stop_strings"})
    if (keys.find(key)) fail(Fault::file, "{}: \"{}\" is not supported", what, key);
  const double guidance = keys.real("guidance_scale", 1, false);
  if (guidance != 1) fail(Fault::file, "{}: \"guidance_scale\" {} is not supported", what, guidance);
}

void read_lists(const Keys& keys, GenerationConfig& c) {
  if (const Json* j = keys.find("bad_words_ids")) {
    if (!j->is_array()) keys.wrong("bad_words_ids", *j, "a list of lists of token ids");
    for (const Json& word : *j) c.bad_words.push_back(keys.sequence("bad_words_ids", word));
  }
  if (const Json* j = keys.find("sequence_bias")) {
    if (!j->is_array()) keys.wrong("sequence_bias", *j, "pairs of token ids and a bias");
    for (const Json& pair : *j) {
      if (!pair.is_array() || pair.size() != 2 || !pair[1].is_number())
        keys.wrong("sequence_bias", pair, "pairs of token ids and a bias");
      c.sequence_bias.emplace_back(keys.sequence("sequence_bias", pair[0]), pair[1].get<float>());
    }
  }
  if (const Json* j = keys.find("exponential_decay_length_penalty")) {
    if (!j->is_array() || j->size() != 2 || !(*j)[0].is_number_integer() || !(*j)[1].is_number())
      keys.wrong("exponential_decay_length_penalty", *j, "[first new token, factor]");
    c.exponential_decay = {{(*j)[0].get<int64_t>(), (*j)[1].get<double>()}};
  }
}

void read(const Json& json, const std::string& what, int64_t vocab, GenerationConfig& c) {
  const Keys keys(json, what, vocab);
  refuse_others(keys, what);
  c.decoder_start = keys.id("decoder_start_token_id");
  if (!c.decoder_start) c.decoder_start = keys.id("bos_token_id");
  c.eos = keys.ids("eos_token_id");
  c.pad = keys.id("pad_token_id");
  c.max_length = keys.integer("max_length", 1, kMostTokens);
  c.max_new_tokens = keys.integer("max_new_tokens", 1, kMostTokens);
  c.min_length = keys.integer("min_length", 0, kMostTokens).value_or(0);
  c.min_new_tokens = keys.integer("min_new_tokens", 0, kMostTokens);
  c.beams = keys.integer("num_beams", 1, kMostBeams).value_or(1);
  c.returned = keys.integer("num_return_sequences", 1, kMostBeams).value_or(1);
  c.length_penalty = keys.real("length_penalty", 1, false);
  if (const Json* j = keys.find("early_stopping")) {
    using E = GenerationConfig::EarlyStopping;
    if (!j->is_boolean() && *j != "never") keys.wrong("early_stopping", *j, "true, false or \"never\"");
    c.early_stopping = !j->is_boolean() ? E::never : j->get<bool>() ? E::yes : E::no;
  }
  c.repetition_penalty = keys.real("repetition_penalty", 1, true);
  c.encoder_repetition_penalty = keys.real("encoder_repetition_penalty", 1, true);
  c.no_repeat_ngram = keys.integer("no_repeat_ngram_size", 0, kMostTokens).value_or(0);
  c.encoder_no_repeat_ngram = keys.integer("encoder_no_repeat_ngram_size", 0, kMostTokens).value_or(0);
  c.forced_bos = keys.id("forced_bos_token_id");
  c.forced_eos = keys.ids("forced_eos_token_id");
  c.suppress = keys.ids("suppress_tokens");
  c.begin_suppress = keys.ids("begin_suppress_tokens");
  c.renormalize = keys.flag("renormalize_logits");
  c.remove_invalid = keys.flag("remove_invalid_values");
  c.do_sample = keys.flag("do_sample");
  read_lists(keys, c);
}

}  // namespace

int64_t GenerationConfig::longest(int64_t prompt) const {
  if (max_new_tokens) return prompt + *max_new_tokens;
  return std::max(max_length ? *max_length : prompt + 20, prompt + 1);
}

GenerationConfig generation_config_of(const Checkpoint& checkpoint, const Tokenizer* tokenizer,
                                      int64_t vocab) {
  GenerationConfig c;
  const auto& metadata = checkpoint.metadata();
  if (checkpoint.layout() == Checkpoint::Layout::huggingface) {
    const bool own = !checkpoint.generation_config().empty();
    read(own ? checkpoint.generation_config() : checkpoint.config(),
         checkpoint.path() + (own ? ": generation_config.json" : ": config.json"), vocab, c);
  } else if (const auto text = metadata.optional_string("ridge.generation_config")) {
    const std::string what = checkpoint.path() + ": ridge.generation_config";
    read(parse_json(*text, what), what, vocab, c);
  }
  if (!c.decoder_start)
    if (const auto start =
            metadata.optional_i64(metadata.string_or("general.architecture", "") + ".decoder_start_token_id");
        start && *start >= 0 && *start < vocab)
      c.decoder_start = static_cast<int32_t>(*start);
  const auto published = [&](const char* key) -> std::optional<int32_t> {
    const auto id = metadata.optional_i64(key);
    return id && *id >= 0 && *id < vocab ? std::optional(static_cast<int32_t>(*id)) : std::nullopt;
  };
  if (const auto end = published("tokenizer.ggml.eos_token_id"); end && c.eos.empty()) c.eos = {*end};
  if (!c.pad) c.pad = published("tokenizer.ggml.padding_token_id");
  if (tokenizer) {
    if (c.eos.empty() && tokenizer->special().eos) c.eos = {*tokenizer->special().eos};
    if (!c.pad) c.pad = tokenizer->special().pad;
    if (!c.decoder_start) c.decoder_start = tokenizer->special().bos;
  }
  if (!c.decoder_start) c.decoder_start = c.pad;
  return c;
}

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

bool ends_with(std::span<const int32_t> ids, std::span<const int32_t> end) {
  return end.size() <= ids.size() &&
         std::equal(end.begin(), end.end(), ids.end() - static_cast<std::ptrdiff_t>(end.size()));
}

void forbid(std::span<const int32_t> list, std::span<float> scores) {
  for (const int32_t id : list) scores[static_cast<size_t>(id)] = kNever;
}
void force(std::span<const int32_t> list, std::span<float> scores) {
  std::fill(scores.begin(), scores.end(), kNever);
  for (const int32_t id : list) scores[static_cast<size_t>(id)] = 0;
}

// Forbids what followed the last n - 1 tokens of `ids` wherever they stand in `text`.
void ban_after(std::span<const int32_t> ids, std::span<const int32_t> text, int64_t n,
               std::span<float> scores) {
  const auto before = static_cast<size_t>(n - 1);
  if (ids.size() < before || text.size() < static_cast<size_t>(n)) return;
  const auto last = ids.subspan(ids.size() - before);
  for (size_t i = 0; i + before < text.size(); ++i)
    if (std::equal(last.begin(), last.end(), text.begin() + static_cast<std::ptrdiff_t>(i)) &&
        static_cast<size_t>(text[i + before]) < scores.size())
      scores[static_cast<size_t>(text[i + before])] = kNever;
}

void normalize(std::span<float> scores) {
  const float most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const float s : scores) sum += std::exp(s - most);
  const auto log = static_cast<float>(std::log(sum));
  for (float& s : scores) s = s - most - log;
}

}  // namespace

ScoreRules::ScoreRules(const GenerationConfig& config, int64_t prompt, std::vector<int32_t> source)
    : config_(config), prompt_(prompt), max_length_(config.longest(prompt)), source_(std::move(source)) {}

void ScoreRules::penalize(std::span<const int32_t> ids, double penalty, std::span<float> scores) const {
  std::vector<int32_t> once(ids.begin(), ids.end());
  std::sort(once.begin(), once.end());
  once.erase(std::unique(once.begin(), once.end()), once.end());
  const auto p = static_cast<float>(penalty);
  for (const int32_t id : once)
    if (static_cast<size_t>(id) < scores.size()) {
      float& s = scores[static_cast<size_t>(id)];
      s = s < 0 ? s * p : s / p;
    }
}

void ScoreRules::ban_repeats(std::span<const int32_t> ids, std::span<float> scores) const {
  if (config_.no_repeat_ngram > 0) ban_after(ids, ids, config_.no_repeat_ngram, scores);
  if (config_.encoder_no_repeat_ngram > 0) ban_after(ids, source_, config_.encoder_no_repeat_ngram, scores);
}

void ScoreRules::bias(std::span<const int32_t> ids, std::span<float> scores) const {
  for (const auto& [sequence, value] : config_.sequence_bias)
    if (ends_with(ids, std::span(sequence).first(sequence.size() - 1)))
      scores[static_cast<size_t>(sequence.back())] += value;
}

void ScoreRules::apply(std::span<const int32_t> ids, std::span<float> scores) const {
  const GenerationConfig& c = config_;
  const auto length = static_cast<int64_t>(ids.size());
  bias(ids, scores);
  if (c.encoder_repetition_penalty != 1) penalize(source_, 1 / c.encoder_repetition_penalty, scores);
  if (c.repetition_penalty != 1) penalize(ids, c.repetition_penalty, scores);
  ban_repeats(ids, scores);
  for (const auto& word : c.bad_words) {
    const bool is_end = word.size() == 1 && std::find(c.eos.begin(), c.eos.end(), word[0]) != c.eos.end();
    if (!is_end && ends_with(ids, std::span(word).first(word.size() - 1)))
      scores[static_cast<size_t>(word.back())] = kNever;
  }
  const int64_t least = c.min_new_tokens ? prompt_ + *c.min_new_tokens : c.min_length;
  if (length < least) forbid(c.eos, scores);
  if (c.forced_bos && length == 1) force(std::span(&*c.forced_bos, 1), scores);
  if (!c.forced_eos.empty() && length == max_length_ - 1) force(c.forced_eos, scores);
  if (c.remove_invalid)
    for (float& s : scores)
      s = s != s ? 0 : std::clamp(s, -std::numeric_limits<float>::max(), std::numeric_limits<float>::max());
  if (c.exponential_decay && length > c.exponential_decay->first + prompt_) {
    const auto past = static_cast<double>(length - c.exponential_decay->first - prompt_);
    const auto factor = static_cast<float>(std::pow(c.exponential_decay->second, past) - 1);
    for (const int32_t id : c.eos)
      if (float& s = scores[static_cast<size_t>(id)]; std::isfinite(s)) s += std::fabs(s) * factor;
  }
  forbid(c.suppress, scores);
  const int64_t begin = prompt_ > 1 || !c.forced_bos ? prompt_ : prompt_ + 1;
  if (length == begin) forbid(c.begin_suppress, scores);
  if (c.renormalize) normalize(scores);
}

}  // namespace ridge

// How the answer of an encoder-decoder is searched: what generation_config.json says, with the meanings of
// the transformers library.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ridge {

class Checkpoint;
class Tokenizer;

struct GenerationConfig {
  std::optional<int32_t> decoder_start;  // the first token that the decoder is given
  std::vector<int32_t> eos;              // any of them ends an answer
  std::optional<int32_t> pad;

  // Lengths count the decoder's prompt. Without either, 20 new tokens.
  std::optional<int64_t> max_length, max_new_tokens;
  int64_t min_length = 0;
  std::optional<int64_t> min_new_tokens;

  int64_t beams = 1;     // 1: greedy
  int64_t returned = 1;  // n best
  // A finished answer's score is its log-probability / length^length_penalty.
  double length_penalty = 1;
  // yes: stop at `beams` finished answers; no: when the best running one, at its length of now, could not
  // enter them; never: nor at any length up to max_length.
  enum class EarlyStopping { no, yes, never };
  EarlyStopping early_stopping = EarlyStopping::no;

  double repetition_penalty = 1, encoder_repetition_penalty = 1;
  int64_t no_repeat_ngram = 0, encoder_no_repeat_ngram = 0;
  std::vector<std::vector<int32_t>> bad_words;
  std::vector<std::pair<std::vector<int32_t>, float>> sequence_bias;
  std::optional<int32_t> forced_bos;
  std::vector<int32_t> forced_eos;
  std::optional<std::pair<int64_t, double>> exponential_decay;  // from this many new tokens on, factor
  std::vector<int32_t> suppress, begin_suppress;
  bool renormalize = false, remove_invalid = false;
  bool do_sample = false;  // asked for, and not done: see docs/seq2seq.md

  // The longest an answer may become, with a prompt of so many tokens.
  int64_t longest(int64_t prompt) const;
};

// generation_config.json, else the same keys of config.json, else what GGUF metadata and the tokenizer say.
// `tokenizer` may be null. Settings that would change the result and are not supported are an
// Error(Fault::file), as are values of a wrong type; `vocab` bounds ids.
GenerationConfig generation_config_of(const Checkpoint& checkpoint, const Tokenizer* tokenizer,
                                      int64_t vocab);

// The rules that a configuration lays on the scores of the next token, in the library's order.
class ScoreRules {
 public:
  // `prompt`: length of the decoder's prompt. `source`: the tokens of the source, empty where it is no text.
  ScoreRules(const GenerationConfig& config, int64_t prompt, std::vector<int32_t> source);
  // scores [vocab] of the token after `ids` (prompt and answer so far), in place.
  void apply(std::span<const int32_t> ids, std::span<float> scores) const;

 private:
  void penalize(std::span<const int32_t> ids, double penalty, std::span<float> scores) const;
  void ban_repeats(std::span<const int32_t> ids, std::span<float> scores) const;
  void bias(std::span<const int32_t> ids, std::span<float> scores) const;
  const GenerationConfig& config_;
  int64_t prompt_, max_length_;
  std::vector<int32_t> source_;
};

}  // namespace ridge

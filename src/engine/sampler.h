// Choosing the next token from logits.
//
// The order is that of llama.cpp's default chain: repeat penalty, top-k, top-p, min-p, temperature, draw.
// (The transformers library divides by the temperature before top-k, top-p and min-p; at temperature 1 both
// are the same.) Each filter renormalises what the one before it left.
//   repeat penalty   Keskar et al. 2019 (CTRL): a logit of a recent token is divided by it where positive,
//   else
//                    multiplied
//   top-k            Fan et al. 2018        top-p   Holtzman et al. 2020 (the smallest set that holds p)
//   min-p            Nguyen et al. 2024: tokens of at least min_p times the largest probability
// Deterministic: the same logits, history and seed give the same tokens on every machine (ties: the lower id
// first).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace ridge {

struct SamplerOptions {
  double temperature = 0.8;   // 0: the largest logit (greedy)
  int64_t top_k = 40;         // 0: all
  double top_p = 0.95;        // 1: all
  double min_p = 0.05;        // 0: all
  double repeat_penalty = 1;  // 1: none
  int64_t repeat_last = 64;   // tokens that the penalty looks back; -1: all
  uint64_t seed = 0;
};

struct Candidate {
  int32_t id;
  float logit;         // after the penalty
  double probability;  // after all filters and the temperature; they sum to 1
};

class Sampler {
 public:
  // Throws Error(Fault::usage) for options out of range.
  explicit Sampler(const SamplerOptions& options);

  // The next token. `history`: the tokens so far, prompt included. A logit that is NaN or -inf is never
  // taken; where no logit is left: Error(Fault::check).
  int32_t sample(std::span<const float> logits, std::span<const int32_t> history);

  // What sample() draws from, most probable first. Greedy: one candidate.
  std::vector<Candidate> distribution(std::span<const float> logits, std::span<const int32_t> history) const;

  const SamplerOptions& options() const { return options_; }

 private:
  SamplerOptions options_;
  Random random_;
};

}  // namespace ridge

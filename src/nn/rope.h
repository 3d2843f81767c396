// Rotary position embedding (Su et al. 2021) with the published ways to stretch it: linear, NTK by parts as
// in YaRN (Peng et al. 2023), Llama 3's smooth bands, LongRoPE (Ding et al. 2024). A way is a rule for the
// frequencies and a factor on cos and sin.
#pragma once
#include <string>
#include <vector>

#include "context/context.h"
#include "nn/config_keys.h"

namespace ridge {

struct RopeConfig {
  double theta = 10000;
  std::string type = "default";  // "default", "linear", "llama3", "yarn", "longrope"
  double factor = 1;
  double low_freq_factor = 1, high_freq_factor = 4;                      // llama3
  double beta_fast = 32, beta_slow = 1, mscale = 0, mscale_all_dim = 0;  // yarn
  double attention_factor = 0;                                           // 0: by the rule of the type
  std::vector<double> long_factor, short_factor;                         // longrope
  int64_t original_context = 0;                                          // 0: not given
  double partial = 1;                                                    // share of the head that is rotated
  std::vector<double> divisors;                                          // from a GGUF's rope_freqs tensor

  // Reads or writes all keys. `group` picks rope_parameters.<group> where a model has several (Gemma 3).
  // `context`: max_position_embeddings, the default of original_context.
  void config(ConfigKeys& keys, int64_t head_dim, int64_t context, const char* group = nullptr);

  // For `dims` rotated dimensions: dims/2 frequencies in double, for sequences of up to `context` tokens
  // (longrope chooses by it).
  std::vector<double> inverse_frequencies(int64_t dims, int64_t context) const;
  // Multiplies cos and sin.
  double magnitude(int64_t context) const;
};

// What the forward pass holds.
struct Rope {
  Tensor inverse_frequencies;  // f32 [dims / 2]
  float factor = 1;
  bool interleaved = false;

  void make(Device& device, const RopeConfig& config, int64_t dims, int64_t context, bool interleaved);
  // x f32 [tokens, heads, d]
  Tensor operator()(Context& cx, const Tensor& x, const Tensor& positions) const;
};

}  // namespace ridge

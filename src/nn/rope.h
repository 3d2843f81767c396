// Rotary position embedding (Su et al. 2021) with the published ways to stretch it: linear and dynamic
// interpolation, NTK by parts as in YaRN (Peng et al. 2023), Llama 3's smooth bands, LongRoPE (Ding et al.
// 2024). A way is a rule for the frequencies and a factor on cos and sin.
#pragma once
#include <string>
#include <vector>

#include "context/context.h"
#include "nn/config_keys.h"
#include "nn/step.h"
#include "nn/weights.h"

namespace ridge {

struct RopeConfig {
  double theta = 10000;
  std::string type = "default";  // "default", "linear", "dynamic", "llama3", "yarn", "longrope"
  double factor = 0;             // 0: not given
  double low_freq_factor = 1, high_freq_factor = 4;                      // llama3
  double beta_fast = 32, beta_slow = 1, mscale = 0, mscale_all_dim = 0;  // yarn
  bool truncate = true;                                                  // yarn
  double attention_factor = 0;                                           // 0: by the rule of the type
  std::vector<double> long_factor, short_factor;                         // longrope
  int64_t original_context = 0;
  double partial = 1;   // share of the head that is rotated; set it before config() for another default
  int64_t dims = 0;     // elements of the head that are rotated, from config()
  int64_t context = 0;  // max_position_embeddings
  std::vector<double> divisors;  // of the frequencies, from a GGUF's rope_freqs tensor
  bool has_partial = false;      // the configuration names a share

  // Reads or writes all keys; theta and partial hold the architecture's defaults. `group` picks
  // rope_parameters.<group> where a model has several (Gemma 3). `context`: max_position_embeddings.
  void config(ConfigKeys& keys, int64_t head_dim, int64_t context, const char* group = nullptr);

  // ceil(dims / 2) frequencies for sequences that reach up to `reach` tokens (longrope and dynamic choose by
  // it).
  std::vector<double> inverse_frequencies(int64_t reach) const;
  // Multiplies cos and sin.
  double magnitude() const;
  // What Llama 3's bands divide the frequencies by, as GGUF's rope_freqs holds it.
  std::vector<double> band_divisors() const;

 private:
  void config_gguf(ConfigKeys& keys, int64_t head_dim, bool local);
};

// What the forward pass holds.
class Rope {
 public:
  // The tensors that GGUF files hold in place of settings: rope_freqs, rope_factors_long and -_short.
  void visit(WeightVisitor& v, const RopeConfig& config);
  // Takes over those tensors into `config`, or makes them from it, and the frequencies.
  void ready(Device& device, RopeConfig& config, bool interleaved);
  // Rounds the frequencies to a 16-bit type, as a reference has them that was cast as a whole. Not for use:
  // it bends long contexts.
  void round_to(DType dtype);
  // The longest sequence for which LongRoPE's short factors hold; 0 for other ways.
  int64_t short_until() const { return config_.type == "longrope" ? config_.original_context : 0; }
  // x f32 [tokens, heads, d]
  Tensor operator()(Context& cx, const Tensor& x, const Step& step) const;

 private:
  Tensor frequencies(Context& cx, int64_t reach) const;
  RopeConfig config_;
  Tensor inverse_frequencies_, long_frequencies_;  // f32 [ceil(dims / 2)]
  Tensor divisors_, long_factors_, short_factors_;
  float factor_ = 1;
  bool interleaved_ = false;
};

}  // namespace ridge

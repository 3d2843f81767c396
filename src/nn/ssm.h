// Blocks of state space models, and the frame of models in which they stand beside attention.
#pragma once
#include <limits>
#include <string>
#include <vector>

#include "nn/transformer.h"
#include "ops/causal_conv1d/args.h"
#include "state/recurrent_state.h"

namespace ridge {

// The short convolution before a scan, with its activation.
struct ShortConv {
  Tensor weight, bias;  // f32 [channels, width]; [channels] or empty
  Activation act = Activation::silu;
  // x f32 [tokens, channels]; `entry`: of the recurrent state, [width - 1, channels].
  Tensor operator()(Context& cx, const Tensor& x, const Step& step, int entry) const;
  // GGUF: ssm_conv1d; Hugging Face: NAME.weight [channels, 1, width] and NAME.bias.
  void visit(WeightVisitor& v, int64_t layer, const std::string& hf, int64_t channels, int64_t width,
             bool with_bias);
};

// The mixer of Mamba (Gu and Dao 2023, figure 3): expand, short convolution, selective scan, gate, project.
struct MambaMixer {
  int64_t inner = 0, n = 0, rank = 0, width = 0;
  bool bias = false, conv_bias = true;
  Linear in, x, dt, out;  // dt without its bias, which the scan adds
  ShortConv conv;
  Tensor a_log, d, dt_bias;
  // Norms of the scan's inputs: none, or with their own weights (Jamba), or ones (Falcon Mamba).
  bool norms = false, norm_weights = false;
  RmsNorm dt_norm, b_norm, c_norm;

  // x f32 [tokens, dim]. Uses entries `entry` (convolution) and entry + 1 (h) of the recurrent state.
  Tensor operator()(Context& cx, const Tensor& x, const Step& step, int entry) const;
  void visit(WeightVisitor& v, int64_t layer, const std::string& hf, int64_t dim);
  void ready(Device& device);
  void add_state(std::vector<RecurrentState::Entry>& entries) const;
};

// The mixer of Mamba-2 (Dao and Gu 2024, section 7): all inputs of the scan from one projection, and a gated
// norm after it, over groups of channels.
struct Mamba2Mixer {
  int64_t heads = 0, p = 0, n = 0, groups = 1, width = 0;
  bool in_bias = false, out_bias = false, conv_bias = true;
  float dt_min = 0, dt_max = std::numeric_limits<float>::infinity();
  int64_t norm_groups = 1;
  Linear in, out;
  ShortConv conv;
  Tensor a_log, d, dt_bias;
  RmsNorm norm;  // weight f32 [inner]

  int64_t inner() const { return heads * p; }
  int64_t conv_channels() const { return heads * p + 2 * groups * n; }
  Tensor operator()(Context& cx, const Tensor& x, const Step& step, int entry) const;
  void visit(WeightVisitor& v, int64_t layer, const std::string& hf, int64_t dim);
  void ready(Device& device);
  void add_state(std::vector<RecurrentState::Entry>& entries) const;
  // transformers up to 5.17 (later ones, mamba_ssm and llama.cpp not) had the norm of Mamba-2 and Bamba span
  // all groups.
  std::string reference_fault() const;
  void imitate_fault(bool on) { norm_groups = on ? 1 : groups; }
  // Fails on sizes that make no mixer.
  void check(const ConfigKeys& keys) const;

 private:
  Tensor gated_norm(Context& cx, const Tensor& x, const Tensor& gate) const;
  Tensor ones_;  // f32 [inner / norm_groups], where there are several groups
};

// A row of blocks of which some remember keys and values, some a recurrent state.
class HybridTransformer : public Transformer {
 public:
  std::unique_ptr<State> make_state(Device& device, int slots, int64_t capacity, DType kv) const override;

 protected:
  virtual std::vector<RecurrentState::Entry> recurrent_entries() const = 0;
  // Attention's memory where `attends`, else none; none at all by default.
  std::vector<KvCache::Layer> cache_layers() const override;
  virtual bool attends(int64_t /*layer*/) const { return false; }

  // "auto" or a number; `dim` / 16, rounded up, is automatic.
  void time_step_rank(ConfigKeys& keys, int64_t& rank, const char* hf);
  // [least, most]; infinity may be written as {"__float__": "Infinity"}.
  void time_step_limit(ConfigKeys& keys, float& least, float& most);
  // attention.head_count_kv as GGUF has it: 0 where a layer does not attend. On reading, `attending` gets
  // which do.
  void attending_layers(ConfigKeys& keys, std::vector<bool>& attending);
  // Published keys of GGUF that readers ask for and that say nothing here.
  void unused_keys(ConfigKeys& keys);
};

// Sizes that a GGUF file and a configuration give in one way.
void conv_width(ConfigKeys& keys, int64_t& width, const char* hf, int64_t by_default);

}  // namespace ridge

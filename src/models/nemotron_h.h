// Nemotron-H (NVIDIA 2025): a row of blocks, each of which is one thing: a Mamba-2 mixer, attention without
// positions, an MLP, or a mixture of experts without gates, behind a norm.
#pragma once
#include "models/registry.h"
#include "nn/moe.h"
#include "nn/ssm.h"

namespace ridge {

class NemotronH final : public HybridTransformer {
 public:
  void config(ConfigKeys& keys) override;
  void visit(WeightVisitor& v) override;
  void ready(Device& device) override;

 private:
  enum class Kind { mamba, attention, mlp, moe };
  struct Layer {
    Kind kind = Kind::mamba;
    RmsNorm norm;
    int entry = 0;  // of the recurrent state
    Mamba2Mixer mixer;
    AttentionBlock attention;
    Mlp mlp;  // also that which all tokens of a mixture share
    // The mixture: [experts, dim], and of each expert [experts, expert_hidden, in] and back; `in` is dim, or
    // the latent width between two projections.
    Tensor router, selection_bias, up, down;
    Linear to_latent, from_latent;
  };

  void mixer_config(ConfigKeys& keys);
  void layer_kinds(ConfigKeys& keys);
  void kinds_of_json(ConfigKeys& keys);
  void kinds_of_gguf(ConfigKeys& keys);
  void expert_config(ConfigKeys& keys);
  void set_layers();
  void visit_experts(WeightVisitor& v, int64_t i, const std::string& hf);
  bool has(Kind kind) const;
  bool attends(int64_t i) const override { return kinds[static_cast<size_t>(i)] == Kind::attention; }
  std::vector<RecurrentState::Entry> recurrent_entries() const override;
  Tensor block(Context& cx, int i, const Tensor& x, const Step& step) override;
  Tensor experts_of(Context& cx, const Layer& l, const Tensor& x) const;
  Tensor final_norm(Context& cx, const Tensor& x) override { return norm(cx, x); }

  float eps = 1e-5f;
  std::vector<Kind> kinds;
  bool mlp_bias = false;
  int64_t experts = 0, used = 0, expert_hidden = 0, shared_hidden = 0, latent = 0;
  RouteOptions route_options;
  Activation scan_act = Activation::silu;
  std::string scan_act_name;
  Mamba2Mixer mixer;  // its sizes and options; without weights
  RmsNorm norm;
  std::vector<Layer> layers;
};

}  // namespace ridge

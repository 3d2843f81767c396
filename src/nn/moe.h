// A sparse mixture of gated MLPs (Shazeer et al. 2017; Fedus et al. 2021).
#pragma once
#include "nn/config_keys.h"
#include "nn/layers.h"
#include "ops/route/route.h"

namespace ridge {

struct MoeMlp {
  Tensor router;          // [experts, dim]
  Tensor gate, up, down;  // [experts, hidden, dim] twice, [experts, dim, hidden]
  RouteOptions options;

  // x f32 [tokens, dim]; returns the weighted sum of the chosen experts' outputs.
  Tensor operator()(Context& cx, const Tensor& x, Activation act) const;
  // GGUF: ffn_gate_inp, ffn_gate_exps ...; Hugging Face: PREFIX + gate.weight, and for each expert e PREFIX +
  // experts.<e>.<name>.weight with the names given.
  void visit(WeightVisitor& v, int64_t layer, const std::string& hf_prefix, int64_t experts, int64_t dim,
             int64_t hidden, const char* gate_name = "gate_proj", const char* up_name = "up_proj",
             const char* down_name = "down_proj", const char* router_name = "gate");
};

// Reads or writes expert_count and expert_used_count, and checks them.
void expert_counts(ConfigKeys& keys, int64_t& experts, int64_t& used, const char* hf_experts,
                   int64_t default_experts, int64_t default_used);

}  // namespace ridge

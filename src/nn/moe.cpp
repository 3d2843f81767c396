#include "nn/moe.h"

#include "base/error.h"
#include "ops/expert_linear/expert_linear.h"
#include "ops/mix_experts/mix_experts.h"

namespace ridge {

Tensor MoeMlp::operator()(Context& cx, const Tensor& x, Activation act) const {
  const Routing chosen = route(cx, linear(cx, x, router), options);
  const Tensor h =
      gated(cx, expert_linear(cx, x, gate, chosen.ids), expert_linear(cx, x, up, chosen.ids), act);
  return mix_experts(cx, expert_linear(cx, h, down, chosen.ids), chosen.weights);
}

void MoeMlp::visit(WeightVisitor& v, int64_t layer, const std::string& prefix, int64_t experts, int64_t dim,
                   int64_t hidden, const char* gate_name, const char* up_name, const char* down_name,
                   const char* router_name) {
  const auto stacked = [&](Tensor& t, const char* gguf, const char* hf, const Shape& shape) {
    WeightSpec spec;
    for (int64_t e = 0; e < experts; ++e)
      spec.hf.push_back(prefix + "experts." + std::to_string(e) + "." + hf + ".weight");
    v.matrix(t, blk(layer, gguf), "", shape, std::move(spec));
  };
  v.matrix(router, blk(layer, "ffn_gate_inp.weight"), prefix + router_name + ".weight", {experts, dim});
  stacked(gate, "ffn_gate_exps.weight", gate_name, {experts, hidden, dim});
  stacked(up, "ffn_up_exps.weight", up_name, {experts, hidden, dim});
  stacked(down, "ffn_down_exps.weight", down_name, {experts, dim, hidden});
}

void expert_counts(ConfigKeys& keys, int64_t& experts, int64_t& used, const char* hf_experts,
                   int64_t default_experts, int64_t default_used) {
  // Files say 0 experts for a dense model; far more than any model has would only serve to exhaust memory.
  keys.integer(experts, hf_experts, "expert_count", default_experts, 4096);
  keys.integer(used, "num_experts_per_tok", "expert_used_count", default_used, 4096);
  if (experts > 0 && (used < 1 || used > experts))
    fail(Fault::file, "{}: {} of {} experts a token", keys.what(), used, experts);
}

}  // namespace ridge

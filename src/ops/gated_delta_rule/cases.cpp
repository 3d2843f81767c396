#include "context/cases.h"
#include "ops/activation/activation.h"
#include "ops/gated_delta_rule/gated_delta_rule.h"
#include "ops/l2_norm/l2_norm.h"
#include "ops/log_decay/log_decay.h"

namespace ridge {
namespace {

Case shaped(std::vector<SequenceSpan> spans, int64_t key_heads, int64_t heads, int64_t dk, int64_t dv,
            float strength, bool state, bool benchmark = false) {
  const int64_t tokens = spans.empty() ? 0 : spans.back().begin + spans.back().length;
  return {fmt::format("{} tokens {}/{}x{}x{} decay {}{}", tokens, heads, key_heads, dk, dv, strength,
                      state ? " state" : ""),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Shape keys{tokens, key_heads, dk};
            const Tensor q = l2_norm(cx, in.normal("q", keys), {1e-6f, true}),
                         k = l2_norm(cx, in.normal("k", keys), {1e-6f, true}),
                         v = in.normal("v", {tokens, heads, dv});
            const Tensor beta = activation(cx, in.normal("beta", {tokens, heads}), Activation::sigmoid);
            const Tensor decay =
                log_decay(cx, in.normal("decay", {tokens, heads}, f32, strength), Decay::softplus);
            const Tensor s = state ? in.normal("state", {3, heads, dk, dv}) : Tensor();
            const Tensor o = gated_delta_rule(cx, q, k, v, decay, beta, spans, s);
            return state ? std::vector{o, s} : std::vector{o};
          },
          dk + tokens, false, benchmark};
}

std::vector<Case> make() {
  return {
      shaped({{0, 1, 0}}, 2, 2, 8, 8, 1, true),
      shaped({{0, 1, 1}, {1, 40, 0}, {41, 0, 2}}, 3, 6, 16, 24, 1, true),
      shaped({{0, 65, 0}}, 1, 1, 64, 64, 1, false),
      shaped({{0, 37, 0}}, 1, 2, 7, 5, 1, true),
      shaped({{0, 70, 2}, {70, 3, 0}}, 2, 2, 20, 36, 40, true),  // some tokens forget everything
      shaped({{0, 33, 0}}, 1, 1, 3, 130, 0.01f, false),
      shaped({}, 2, 2, 8, 8, 1, false),
      shaped({{0, 4096, 0}}, 6, 6, 128, 128, 1, true, true),
  };
}

}  // namespace
namespace tables {
extern const CaseList cases_gated_delta_rule;
const CaseList cases_gated_delta_rule{"gated_delta_rule", make};
}  // namespace tables
}  // namespace ridge

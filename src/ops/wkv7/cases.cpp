#include "context/cases.h"
#include "ops/activation/activation.h"
#include "ops/l2_norm/l2_norm.h"
#include "ops/log_decay/log_decay.h"
#include "ops/wkv7/wkv7.h"

namespace ridge {
namespace {

// `free_decay`: decays that RWKV-7 itself never has, such that chunks must end early.
Case shaped(std::vector<SequenceSpan> spans, int64_t heads, int64_t dk, int64_t dv, bool state,
            bool free_decay = false, bool benchmark = false) {
  const int64_t tokens = spans.empty() ? 0 : spans.back().begin + spans.back().length;
  return {fmt::format("{} tokens {}x{}x{}{}{}", tokens, heads, dk, dv, state ? " state" : "",
                      free_decay ? " free decay" : ""),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Shape shape{tokens, heads, dk};
            const Tensor r = in.normal("r", shape), k = in.normal("k", shape),
                         v = in.normal("v", {tokens, heads, dv});
            const Tensor kappa = l2_norm(cx, in.normal("kappa", shape));
            const Tensor rate = activation(cx, in.normal("rate", shape), Activation::sigmoid);
            const Tensor x = in.normal("decay", {tokens, heads * dk}, f32, free_decay ? 2.5f : 1);
            const Tensor decay = log_decay(cx, x, free_decay ? Decay::exp : Decay::sigmoid).reshape(shape);
            const Tensor s = state ? in.normal("state", {3, heads, dk, dv}) : Tensor();
            const Tensor o = wkv7(cx, r, decay, k, v, kappa, rate, spans, s);
            return state ? std::vector{o, s} : std::vector{o};
          },
          dk + tokens, false, benchmark};
}

std::vector<Case> make() {
  return {
      shaped({{0, 1, 0}}, 2, 8, 8, true),
      shaped({{0, 1, 1}, {1, 40, 0}, {41, 0, 2}}, 3, 16, 24, true),
      shaped({{0, 65, 0}}, 1, 64, 64, false),
      shaped({{0, 37, 0}}, 2, 7, 5, true),
      shaped({{0, 70, 2}, {70, 3, 0}}, 2, 20, 36, true, true),
      shaped({{0, 33, 0}}, 1, 3, 130, false),
      shaped({}, 2, 8, 8, false),
      shaped({{0, 4096, 0}}, 12, 64, 64, true, false, true),
  };
}

}  // namespace
namespace tables {
extern const CaseList cases_wkv7;
const CaseList cases_wkv7{"wkv7", make};
}  // namespace tables
}  // namespace ridge

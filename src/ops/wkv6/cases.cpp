#include "context/cases.h"
#include "ops/log_decay/log_decay.h"
#include "ops/wkv6/wkv6.h"

namespace ridge {
namespace {

// `strength` of the decays: 0 hardly any, 3 such that chunks must end early.
Case shaped(std::vector<SequenceSpan> spans, int64_t heads, int64_t dk, int64_t dv, float strength,
            bool state, bool one_decay = false, bool benchmark = false) {
  const int64_t tokens = spans.empty() ? 0 : spans.back().begin + spans.back().length;
  return {fmt::format("{} tokens {}x{}x{} decay {}{}{}", tokens, heads, dk, dv, strength,
                      state ? " state" : "", one_decay ? " one decay" : ""),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Tensor r = in.normal("r", {tokens, heads, dk}), k = in.normal("k", {tokens, heads, dk}),
                         v = in.normal("v", {tokens, heads, dv});
            const int64_t rows = one_decay ? 1 : tokens;
            const Tensor x = in.normal("decay", {rows, heads * dk}, f32, 0.3f + strength);
            const Tensor decay = log_decay(cx, x, Decay::exp).reshape({rows, heads, dk});
            const Tensor s = state ? in.normal("state", {3, heads, dk, dv}) : Tensor();
            const Tensor o = wkv6(cx, r, k, v, decay, spans, s);
            return state ? std::vector{o, s} : std::vector{o};
          },
          dk + tokens, false, benchmark};
}

std::vector<Case> make() {
  return {
      shaped({{0, 1, 0}}, 2, 8, 8, 0, true),
      shaped({{0, 1, 1}, {1, 40, 0}, {41, 0, 2}}, 3, 16, 24, 0, true),
      shaped({{0, 65, 0}}, 1, 64, 64, 0, false),
      shaped({{0, 37, 0}}, 2, 7, 5, 1, true, true),
      shaped({{0, 70, 2}, {70, 3, 0}}, 2, 20, 36, 3, true),
      shaped({{0, 33, 0}}, 1, 3, 130, 1, false),
      shaped({}, 2, 8, 8, 0, false),
      shaped({{0, 4096, 0}}, 12, 64, 64, 0, true, false, true),
  };
}

}  // namespace
namespace tables {
extern const CaseList cases_wkv6;
const CaseList cases_wkv6{"wkv6", make};
}  // namespace tables
}  // namespace ridge

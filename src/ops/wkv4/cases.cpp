#include "context/cases.h"
#include "ops/wkv4/wkv4.h"

namespace ridge {
namespace {

Case shaped(std::vector<SequenceSpan> spans, int64_t n, float size, bool state, bool benchmark = false) {
  const int64_t tokens = spans.empty() ? 0 : spans.back().begin + spans.back().length;
  return {fmt::format("{}x{} keys {}{}", tokens, n, size, state ? " state" : ""),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Tensor k = in.normal("k", {tokens, n}, f32, size), v = in.normal("v", {tokens, n});
            std::vector<float> decays;
            for (int64_t i = 0; i < n; ++i) decays.push_back(-0.002f * static_cast<float>(1 + 37 * i % 900));
            const Tensor decay = in.values("decay", {n}, decays), first = in.normal("first", {n});
            if (!state) return {wkv4(cx, k, v, decay, first, spans, {}, {})};
            // Slot 0 has not begun.
            std::vector<float> sums, top;
            for (int64_t i = 0; i < 6 * n; ++i)
              sums.push_back(i < 2 * n ? 0 : 1 + 0.25f * static_cast<float>(i % 3));
            for (int64_t i = 0; i < 3 * n; ++i) top.push_back(i < n ? kWkv4Least : static_cast<float>(i % 5));
            const Tensor s = in.values("sums", {3, 2, n}, sums), m = in.values("largest", {3, n}, top);
            return {wkv4(cx, k, v, decay, first, spans, s, m), s, m};
          },
          32, false, benchmark};
}

std::vector<Case> make() {
  return {shaped({{0, 9, 0}}, 1, 1, false), shaped({{0, 1, 2}, {1, 30, 0}, {31, 0, 1}}, 20, 1, true),
          shaped({{0, 12, 0}}, 33, 60, true), shaped({}, 16, 1, false),
          shaped({{0, 4096, 0}}, 768, 1, true, true)};
}

}  // namespace
namespace tables {
extern const CaseList cases_wkv4;
const CaseList cases_wkv4{"wkv4", make};
}  // namespace tables
}  // namespace ridge

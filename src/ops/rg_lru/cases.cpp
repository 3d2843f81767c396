#include "context/cases.h"
#include "ops/rg_lru/rg_lru.h"

namespace ridge {
namespace {

Case shaped(std::vector<SequenceSpan> spans, std::vector<int32_t> first, int64_t n, float size, bool state,
            bool benchmark = false) {
  const int64_t tokens = spans.empty() ? 0 : spans.back().begin + spans.back().length;
  return {fmt::format("{}x{} gates {}{}", tokens, n, size, state ? " state" : ""),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            std::vector<int32_t> positions;
            for (size_t s = 0; s < spans.size(); ++s)
              for (int64_t t = 0; t < spans[s].length; ++t)
                positions.push_back(first[s] + static_cast<int32_t>(t));
            const Tensor x = in.normal("x", {tokens, n}), i = in.normal("input", {tokens, n}, f32, size),
                         f = in.normal("forget", {tokens, n}, f32, size),
                         p = in.normal("parameter", {n}, f32, 3),
                         at = in.integers("positions", {tokens}, positions);
            const Tensor s = state ? in.normal("state", {3, n}) : Tensor();
            const Tensor y = rg_lru(cx, x, i, f, p, at, spans, s);
            return state ? std::vector{y, s} : std::vector{y};
          },
          32, false, benchmark};
}

std::vector<Case> make() {
  return {shaped({{0, 9, 0}}, {0}, 1, 1, false),
          shaped({{0, 1, 2}, {1, 30, 0}, {31, 0, 1}}, {17, 0, 3}, 20, 1, true),
          shaped({{0, 12, 0}}, {5}, 33, 9, true), shaped({}, {}, 16, 1, false),
          shaped({{0, 4096, 0}}, {0}, 1024, 1, true, true)};
}

}  // namespace
namespace tables {
extern const CaseList cases_rg_lru;
const CaseList cases_rg_lru{"rg_lru", make};
}  // namespace tables
}  // namespace ridge

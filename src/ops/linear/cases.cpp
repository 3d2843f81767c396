#include "context/cases.h"
#include "ops/linear/linear.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

Case shaped(int64_t m, int64_t n, int64_t k, DType dtype, bool bias, bool differentiable = false,
            bool benchmark = false) {
  return {fmt::format("{} {}x{}x{}{}", dtype.name(), m, n, k, bias ? " bias" : ""),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Tensor x = in.normal("x", {m, k}), w = in.normal("w", {n, k}, dtype, 0.5f);
            return {linear(cx, x, w, bias ? in.normal("bias", {n}) : Tensor())};
          },
          k, differentiable, benchmark};
}

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{1, 1, 1},
                                {1, 17, 5},
                                {3, 4, 7},
                                {2, 33, 31},
                                {7, 9, 64},
                                {13, 50, 100},
                                {0, 4, 8},
                                {5, 0, 8},
                                {33, 65, 129}})
    cases.push_back(shaped(m, n, k, f32, m % 2 == 1, m * n * k > 0 && n * k < 100));
  cases.push_back({"strided x",
                   [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const Tensor x = in.normal("x", {4, 80}, f32, 1, false), w = in.normal("w", {19, 33});
                     return {linear(cx, x.slice(1, 11, 44), w)};
                   },
                   33});
  cases.push_back({"strided x, gradient",
                   [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const Tensor x = in.normal("x", {4, 9}), w = in.normal("w", {3, 5});
                     return {linear(cx, slice(cx, x, 1, 2, 7), w, in.normal("bias", {3}))};
                   },
                   5, true});
  // Every format: one row, odd rows, more than any tile; one block, and several. (Never a single output:
  // errors are compared with the norm of all outputs, and one alone may be small by cancellation.)
  for (const Format* f : format_table()) {
    if (f->kind == FormatKind::integer || !f->encode) continue;
    const int64_t b = f->block == 1 ? 40 : f->block;
    for (const auto& [m, n, k] :
         {std::array<int64_t, 3>{1, 5, b}, {1, 37, 3 * b}, {2, 16, b}, {5, 35, 2 * b}, {70, 66, 4 * b}})
      cases.push_back(shaped(m, n, k, *f, m == 2));
    cases.push_back(shaped(1, 2048, 2048, *f, false, false, true));
    cases.push_back(shaped(64, 512, 2048, *f, false, false, true));
  }
  cases.push_back(shaped(1, 2048, 2048, f32, false, false, true));
  cases.push_back(shaped(512, 512, 2048, f32, false, false, true));
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_linear;
const CaseList cases_linear{"linear", make};
}  // namespace tables
}  // namespace ridge

#include "context/cases.h"
#include "ops/rms_norm/rms_norm.h"

namespace ridge {
namespace {

Case shaped(int64_t rows, int64_t n, float offset, bool differentiable = false, bool benchmark = false) {
  return {fmt::format("{}x{}{}", rows, n, offset != 0 ? " offset" : ""),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Tensor x = in.normal("x", {rows, n}), w = in.normal("weight", {n});
            return {rms_norm(cx, x, w, 1e-6f, offset)};
          },
          n, differentiable, benchmark};
}

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const int64_t n : {1, 3, 8, 15, 16, 17, 64, 65, 127, 576})
    cases.push_back(shaped(3, n, n % 2 ? 1.0f : 0.0f, n > 1 && n < 20));
  cases.push_back(shaped(0, 16, 0));
  cases.push_back(shaped(33, 100, 0));
  cases.push_back(shaped(512, 2048, 0, false, true));
  cases.push_back({"strided rows",
                   [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const Tensor x = in.normal("x", {5, 40}, f32, 1, false), w = in.normal("weight", {33});
                     return {rms_norm(cx, x.slice(1, 4, 37), w, 1e-6f)};
                   },
                   33});
  cases.push_back(
      {"zeros",
       [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
         const Tensor x = in.values("x", {2, 5}, std::vector<float>(10, 0.0f)), w = in.normal("weight", {5});
         return {rms_norm(cx, x, w, 1e-6f)};
       },
       5});
  cases.push_back({"large values",
                   [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const Tensor x = in.normal("x", {2, 50}, f32, 1e15f), w = in.normal("weight", {50});
                     return {rms_norm(cx, x, w, 1e-6f)};
                   },
                   50});
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_rms_norm;
const CaseList cases_rms_norm{"rms_norm", make};
}  // namespace tables
}  // namespace ridge

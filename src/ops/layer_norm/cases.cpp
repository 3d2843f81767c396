#include "context/cases.h"
#include "ops/layer_norm/layer_norm.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  const auto shaped = [&](int64_t rows, int64_t n, bool bias, bool differentiable = false,
                          bool benchmark = false) {
    c.push_back({fmt::format("{}x{}{}", rows, n, bias ? " bias" : ""),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   const Tensor x = in.normal("x", {rows, n}), w = in.normal("weight", {n});
                   return {layer_norm(cx, x, w, bias ? in.normal("bias", {n}) : Tensor(), 1e-5f)};
                 },
                 n, differentiable, benchmark});
  };
  for (const int64_t n : {2, 3, 8, 15, 16, 17, 31, 32, 33, 65, 127, 576})
    shaped(3, n, n % 2 == 1, n > 2 && n < 34);
  shaped(0, 16, true);
  shaped(33, 100, true);
  shaped(512, 2048, true, false, true);
  c.push_back({"strided rows",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = in.normal("x", {5, 40}, f32, 1, false), w = in.normal("weight", {33});
                 return {layer_norm(cx, x.slice(1, 4, 37), w, {}, 1e-6f)};
               },
               33});
  c.push_back({"a constant row gives the bias",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = in.values("x", {2, 5}, std::vector<float>(10, 0.5f));
                 return {layer_norm(cx, x, in.normal("weight", {5}), in.normal("bias", {5}), 1e-6f)};
               },
               5});
  // A mean of 1000 deviations: one pass over x and x^2 would lose 6 digits. The mean in f32 may be off by
  // 2^-24 of itself a term.
  c.push_back({"far from 0",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 std::vector<float> v;
                 for (int i = 0; i < 100; ++i) v.push_back(1000 + 0.125f * static_cast<float>(i * 37 % 17));
                 return {layer_norm(cx, in.values("x", {2, 50}, v), in.normal("weight", {50}), {}, 1e-6f)};
               },
               1000 * 1000});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_layer_norm;
const CaseList cases_layer_norm{"layer_norm", make};
}  // namespace tables
}  // namespace ridge

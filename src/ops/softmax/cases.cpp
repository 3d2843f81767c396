#include <limits>

#include "context/cases.h"
#include "ops/softmax/softmax.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  for (const int64_t n : {1, 7, 16, 35, 130, 511, 513, 1500})
    c.push_back({fmt::format("3x{}", n),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   return {softmax(cx, in.normal("x", {3, n}, f32, 2))};
                 },
                 16, n == 7 || n == 35});
  const float inf = std::numeric_limits<float>::infinity();
  c.push_back({"-inf in places, and throughout",
               [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 std::vector<float> v(3 * 19, -inf);
                 v[2] = 1, v[7] = 0, v[18] = -3, v[19 + 18] = 5;
                 return {softmax(cx, in.values("x", {3, 19}, v, false))};
               },
               16});
  c.push_back({"growing: each block has a new maximum",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 std::vector<float> v;
                 for (int i = 0; i < 2000; ++i) v.push_back(0.01f * static_cast<float>(i));
                 return {softmax(cx, in.values("x", {1, 2000}, v, false))};
               },
               20 * 20});  // e^-20: a rounding of the difference counts 20 times
  c.push_back(
      {"far from 0",
       [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
         return {softmax(cx, in.values("x", {2, 3}, {1e4f, 9999, 9998, -3e38f, -3e38f, 3e38f}, false))};
       },
       16});
  c.push_back({"strided",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 return {softmax(cx, in.normal("x", {5, 40}, f32, 1, false).slice(1, 3, 36))};
               },
               16});
  c.push_back({"no rows, no elements",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 return {softmax(cx, in.normal("x", {0, 4})), softmax(cx, in.normal("z", {4, 0}))};
               },
               16});
  c.push_back({"32x32000",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 return {softmax(cx, in.normal("x", {32, 32000}))};
               },
               16, false, true});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_softmax;
const CaseList cases_softmax{"softmax", make};
}  // namespace tables
}  // namespace ridge

#include <cmath>
#include <limits>

#include "context/cases.h"
#include "formats/bf16/bf16.h"
#include "formats/f16/f16.h"
#include "ops/scatter_rows/scatter_rows.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  // The cache is compared whole: rows that are not named keep their values.
  const auto sized = [&](DType dtype, int64_t heads, int64_t d, std::vector<int32_t> rows, int64_t capacity) {
    c.push_back({fmt::format("{} {} tokens of {}x{}", dtype.name(), rows.size(), heads, d),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   const auto tokens = static_cast<int64_t>(rows.size());
                   const Tensor cache = in.normal("cache", {capacity, heads, d}, dtype, 1, false);
                   scatter_rows(cx, in.normal("x", {tokens, heads, d}, f32, 1, false), cache,
                                in.integers("rows", {tokens}, rows));
                   return {cache};
                 },
                 1});
  };
  for (const DType t : {DType(f32), DType(f16), DType(bf16)}) {
    for (const int64_t d : {1, 7, 16, 33, 64}) sized(t, 3, d, {5, 0, 2}, 7);
    sized(t, 2, 8, {}, 3);
    c.push_back({fmt::format("{} strided", t.name()),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   const Tensor cache = in.normal("cache", {9, 4, 30}, t, 1, false);
                   const Tensor x = in.normal("x", {2, 5, 50}, f32, 1, false);
                   scatter_rows(cx, x.slice(1, 1, 4).slice(2, 3, 26), cache.slice(1, 1, 4).slice(2, 5, 28),
                                in.integers("rows", {2}, {8, 3}));
                   return {cache};
                 },
                 1});
    c.push_back(
        {fmt::format("{} infinities, subnormals, halves and NaN", t.name()),
         [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
           const float inf = std::numeric_limits<float>::infinity();
           std::vector<float> v{0,           -0.0f,      inf,          -inf,       65504,  65519,
                                65520,       -1e30f,     1e-8f,        6e-8f,      3e-8f,  -2.98e-8f,
                                6.1e-5f,     1.0009765f, 1.0004882f,   1.0014648f, 1e-40f, 1.00390625f,
                                1.01171875f, 3.4e38f,    std::nanf("")};
           const auto n = static_cast<int64_t>(v.size());
           const Tensor cache = in.normal("cache", {2, 1, n}, t, 1, false);
           scatter_rows(cx, in.values("x", {1, 1, n}, v, false), cache, in.integers("rows", {1}, {1}));
           return {cache};
         },
         1});
  }
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_scatter_rows;
const CaseList cases_scatter_rows{"scatter_rows", make};
}  // namespace tables
}  // namespace ridge

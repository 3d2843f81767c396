#include "context/cases.h"
#include "ops/activation/activation.h"

namespace ridge {
namespace {

constexpr Activation kAll[] = {Activation::silu,       Activation::gelu, Activation::gelu_tanh,
                               Activation::quick_gelu, Activation::relu, Activation::relu2,
                               Activation::sigmoid,    Activation::tanh, Activation::hard_sigmoid,
                               Activation::hard_swish};

// Values on both sides of 0, none within 0.2 of it: finite differences must not straddle the corner of relu.
std::vector<float> apart(int64_t n) {
  std::vector<float> v;
  for (int64_t i = 0; i < n; ++i)
    v.push_back((i % 2 ? -1.0f : 1.0f) * (0.2f + 0.17f * static_cast<float>(i % 13)));
  return v;
}

std::vector<Case> make() {
  std::vector<Case> c;
  for (const Activation kind : kAll) {
    const char* name = activation_name(kind);
    c.push_back({fmt::format("{} 2x19", name),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   return {activation(cx, in.values("x", {2, 19}, apart(38)), kind)};
                 },
                 1, true});
    c.push_back({fmt::format("{} gated 2x19", name),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   return {gated(cx, in.values("gate", {2, 19}, apart(38)), in.normal("up", {2, 19}), kind)};
                 },
                 1, true});
    for (const int64_t n : {1, 16, 33, 130}) {
      c.push_back({fmt::format("{} 3x{}", name, n),
                   [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     return {activation(cx, in.normal("x", {3, n}, f32, 3), kind)};
                   },
                   1});
      c.push_back({fmt::format("{} gated 3x{}, halves of one", name, n),
                   [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const Tensor both = in.normal("both", {3, 2 * n}, f32, 3, false);
                     return {gated(cx, both.slice(1, 0, n), both.slice(1, n, 2 * n), kind)};
                   },
                   1});
    }
    // Each magnitude alone, so that the relative error of small results is seen too.
    for (const float scale : {1e-6f, 1e-3f, 0.1f, 1.0f})
      for (const float sign : {-1.0f, 1.0f})
        c.push_back({fmt::format("{} at {}", name, sign * scale),
                     [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                       std::vector<float> v;
                       for (int i = 0; i < 50; ++i)
                         v.push_back(sign * scale * (1 + 0.02f * static_cast<float>(i)));
                       return {activation(cx, in.values("x", {50}, v, false), kind)};
                     },
                     1});
    // Tails: results are as small as e^-26, and a rounding of the exponent counts 26 times.
    for (const float x : {-3.0f, -6.0f, 6.0f, 40.0f})
      c.push_back({fmt::format("{} at {}", name, x),
                   [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     std::vector<float> v;
                     for (int i = 0; i < 20; ++i) v.push_back(x * (1 + 0.005f * static_cast<float>(i)));
                     return {activation(cx, in.values("x", {20}, v, false), kind)};
                   },
                   26 * 26});
    c.push_back({fmt::format("{} where e^x leaves f32, beside 1", name),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   const std::vector<float> v{1, -12, -30, -88, -89, -104, -200, 1, 88, 89, 200, 0};
                   return {activation(cx, in.values("x", {12}, v, false), kind)};
                 },
                 1});
  }
  c.push_back(
      {"gated silu 512x5632",
       [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
         return {gated(cx, in.normal("gate", {512, 5632}), in.normal("up", {512, 5632}), Activation::silu)};
       },
       1, false, true});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_activation;
const CaseList cases_activation{"activation", make};
}  // namespace tables
}  // namespace ridge

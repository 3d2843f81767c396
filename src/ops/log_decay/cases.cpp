#include "context/cases.h"
#include "ops/log_decay/log_decay.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const Decay decay : {Decay::exp, Decay::sigmoid, Decay::softplus})
    for (const int64_t n : {1, 12, 16, 67})
      for (const bool more : {false, true})
        cases.push_back({fmt::format("{} 4x{}{}", static_cast<int>(decay), n, more ? " bias, rate" : ""),
                         [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                           const Tensor x = in.normal("x", {4, n}, f32, 3);
                           if (!more) return {log_decay(cx, x, decay)};
                           return {log_decay(cx, x, decay, in.normal("b", {n}), in.normal("rate", {n}))};
                         },
                         16});
  cases.push_back({"far out", [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const Tensor x = in.values("x", {1, 6}, {-80, -30, -1e-7f, 1e-7f, 30, 80});
                     return {log_decay(cx, x, Decay::sigmoid), log_decay(cx, x, Decay::softplus),
                             log_decay(cx, x.slice(1, 0, 0), Decay::exp)};
                   }});
  cases.push_back({"4096x768",
                   [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     return {log_decay(cx, in.normal("x", {4096, 768}), Decay::exp)};
                   },
                   1, false, true});
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_log_decay;
const CaseList cases_log_decay{"log_decay", make};
}  // namespace tables
}  // namespace ridge

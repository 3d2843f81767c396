#include "context/cases.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  const auto shaped = [&](int64_t vocab, std::vector<int32_t> targets, float deviation, bool differentiable,
                          bool benchmark = false) {
    c.push_back({fmt::format("{} tokens over {}", targets.size(), vocab),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   const auto tokens = static_cast<int64_t>(targets.size());
                   return {cross_entropy(cx, in.normal("logits", {tokens, vocab}, f32, deviation),
                                         in.integers("targets", {tokens}, targets))};
                 },
                 16, differentiable, benchmark});
  };
  shaped(5, {0, 4, 2}, 1, true);
  shaped(19, {3, -1, 18, 0}, 2, true);
  shaped(35, {34}, 1, true);
  shaped(1, {0, 0}, 1, false);
  shaped(7, {-1, -1}, 1, true);
  shaped(7, {}, 1, false);
  shaped(1000, {999, -1, 17, 512, 511}, 5, false);
  shaped(32000, std::vector<int32_t>(64, 5), 3, false, true);
  c.push_back({"logits that overflow e^x",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = in.values("logits", {2, 3}, {1000, 999, -1000, -2e4f, -2e4f, -2e4f}, false);
                 return {cross_entropy(cx, x, in.integers("targets", {2}, {1, 2}))};
               },
               16});
  c.push_back({"strided rows",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = in.normal("logits", {3, 50}, f32, 1, false);
                 return {cross_entropy(cx, x.slice(1, 5, 46), in.integers("targets", {3}, {40, 0, 7}))};
               },
               16});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_cross_entropy;
const CaseList cases_cross_entropy{"cross_entropy", make};
}  // namespace tables
}  // namespace ridge

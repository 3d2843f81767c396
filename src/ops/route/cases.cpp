#include "context/cases.h"
#include "ops/route/route.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  const auto add = [&](const char* name, int64_t tokens, int64_t experts, RouteOptions o, bool bias = false) {
    c.push_back({fmt::format("{} ({}x{}, top {})", name, tokens, experts, o.top_k),
                 [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                   RouteOptions options = o;
                   if (bias) options.selection_bias = in.normal("bias", {experts}, f32, 0.3f);
                   const Routing r = route(cx, in.normal("logits", {tokens, experts}, f32, 2), options);
                   return {r.ids, r.weights};
                 },
                 16});
  };
  const auto sigmoid = RouteScore::sigmoid, softmax = RouteScore::softmax;
  add("one expert", 3, 1, {});
  add("softmax", 5, 8, {.top_k = 2});
  add("softmax, normalized", 5, 60, {.top_k = 4, .normalize = true});
  add("softmax after top k", 5, 8, {.top_k = 2, .softmax_after_top_k = true});
  add("all experts", 2, 33, {.top_k = 33, .softmax_after_top_k = true});
  add("sigmoid, scaled", 3, 17, {.top_k = 3, .score = sigmoid, .scale = 2.5f});
  add("sigmoid, biased choice", 7, 20, {.top_k = 5, .score = sigmoid, .normalize = true}, true);
  add("softmax, biased choice", 7, 20, {.top_k = 5, .score = softmax, .normalize = true}, true);
  add("groups", 9, 32,
      {.top_k = 4, .score = sigmoid, .normalize = true, .groups = 8, .top_groups = 3, .scale = 2.5f}, true);
  add("groups of one", 9, 6, {.top_k = 2, .score = sigmoid, .groups = 6, .top_groups = 4});
  add("one group of two", 9, 8, {.top_k = 4, .groups = 2, .top_groups = 1});
  add("as DeepSeek-V3", 20, 256,
      {.top_k = 8, .score = sigmoid, .normalize = true, .groups = 8, .top_groups = 4, .scale = 2.5f}, true);
  add("none", 0, 8, {.top_k = 2});
  c.push_back({"equal scores: the lower expert first",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor x = in.values("logits", {3, 6},
                                            {1, 1, 1, 1, 1, 1, 0, 2, 1, 2, 1, 2, 3, 0, 0, 3, 0, 0}, false);
                 const Routing r = route(cx, x, {.top_k = 4, .softmax_after_top_k = true}),
                               g = route(cx, x, {.top_k = 3, .groups = 3, .top_groups = 2});
                 return {r.ids, r.weights, g.ids, g.weights};
               },
               16});
  c.push_back(
      {"strided logits",
       [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
         const Routing r = route(cx, in.normal("x", {4, 20}, f32, 1, false).slice(1, 3, 16), {.top_k = 2});
         return {r.ids, r.weights};
       },
       16});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_route;
const CaseList cases_route{"route", make};
}  // namespace tables
}  // namespace ridge

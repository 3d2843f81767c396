#include "ops/route/route.h"

#include "ops/common.h"

namespace ridge {
namespace tables {
extern const Op op_route;
const Op op_route{"route", "the top_k experts of each token by score, and their weights"};
}  // namespace tables

Routing route(Context& cx, const Tensor& logits, const RouteOptions& o) {
  expect_dtype("route", "logits", logits, f32);
  expect_unwatched(cx, "route", {&logits});
  if (logits.rank() != 2) fail(Fault::usage, "route: logits {} are not [tokens, experts]", logits.text());
  const int64_t tokens = logits.dim(0), experts = logits.dim(1);
  if (o.groups < 1 || o.top_groups < 1 || o.top_groups > o.groups || experts % o.groups != 0)
    fail(Fault::usage,
         "route: {} experts in {} groups, {} taken: groups must be equal, and 1 to all are taken", experts,
         o.groups, o.top_groups);
  if (o.top_k < 1 || o.top_k > experts / o.groups * o.top_groups)
    fail(Fault::usage, "route: {} experts a token asked for, {} to choose from", o.top_k,
         experts / o.groups * o.top_groups);
  if (o.selection_bias) {
    expect_dtype("route", "selection_bias", o.selection_bias, f32);
    expect_shape("route", "selection_bias", o.selection_bias, {experts});
  }
  const Routing r{cx.make(i32, {tokens, o.top_k}), cx.make(f32, {tokens, o.top_k})};
  RouteArgs args{rows_view("route", "logits", logits),
                 o.selection_bias.view(),
                 r.ids.view(),
                 r.weights.view(),
                 o.score,
                 o.normalize,
                 o.softmax_after_top_k,
                 o.groups,
                 o.top_groups,
                 o.scale};
  // The scores: four operations each, as softmax without its quotient; the comparisons are not counted.
  const int64_t bias = o.selection_bias ? o.selection_bias.bytes() : 0;
  cx.launch(tables::op_route, &args,
            {4 * logits.count(), logits.bytes() + bias, r.ids.bytes() + r.weights.bytes(), bias},
            {&r.ids, &logits, &o.selection_bias});
  return r;
}

}  // namespace ridge

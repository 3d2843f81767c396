// One head of one sequence out of the op's arguments; `Head` has the fields of HeadSequence
// (ops/delta_rule.h).
#pragma once
#include "ops/gated_delta_rule/args.h"

namespace ridge {
namespace {

template <typename Head>
RIDGE_ALWAYS Head head_of(const GatedDeltaRuleArgs& a, const SequenceSpan& span, int64_t head) {
  const auto at = [](const View& v, int64_t t, int64_t i) {
    return static_cast<float*>(v.data) + t * v.stride[0] + i * v.dim[2];
  };
  const int64_t t = span.begin;
  Head h{};
  h.length = span.length, h.dk = a.q.dim[2], h.dv = a.v.dim[2];
  const int64_t shared = head / (a.v.dim[1] / a.q.dim[1]);
  h.r = at(a.q, t, shared), h.k = at(a.k, t, shared), h.v = at(a.v, t, head);
  h.r_step = a.q.stride[0], h.k_step = a.k.stride[0], h.v_step = a.v.stride[0];
  h.decay = static_cast<const float*>(a.decay.data) + t * a.decay.stride[0] + head;
  h.beta = static_cast<const float*>(a.beta.data) + t * a.beta.stride[0] + head;
  h.decay_step = a.decay.stride[0], h.beta_step = a.beta.stride[0];
  h.o = at(a.o, t, head), h.o_step = a.o.stride[0];
  if (a.state.data)
    h.state = static_cast<float*>(a.state.data) + (span.slot * a.v.dim[1] + head) * h.dk * h.dv;
  return h;
}

}  // namespace
}  // namespace ridge

// One head of one sequence out of the op's arguments; `Head` has the fields of HeadSequence
// (ops/delta_rule.h).
#pragma once
#include "ops/wkv6/args.h"

namespace ridge {
namespace {

template <typename Head>
RIDGE_ALWAYS Head head_of(const Wkv6Args& a, const SequenceSpan& span, int64_t head) {
  const auto at = [](const View& v, int64_t t, int64_t i) {
    return static_cast<float*>(v.data) + t * v.stride[0] + i * v.dim[2];
  };
  const int64_t t = span.begin;
  Head h{};
  h.length = span.length, h.dk = a.r.dim[2], h.dv = a.v.dim[2];
  h.r = at(a.r, t, head), h.k = at(a.k, t, head), h.v = at(a.v, t, head), h.decay = at(a.decay, t, head);
  h.r_step = a.r.stride[0], h.k_step = a.k.stride[0], h.v_step = a.v.stride[0],
  h.decay_step = a.decay.stride[0];
  h.o = at(a.o, t, head), h.o_step = a.o.stride[0];
  if (a.state.data)
    h.state = static_cast<float*>(a.state.data) + (span.slot * a.r.dim[1] + head) * h.dk * h.dv;
  return h;
}

}  // namespace
}  // namespace ridge

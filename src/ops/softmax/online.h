// Maximum and sum of exponentials of a row in one pass (Milakov and Gimelshein 2018, algorithm 3), a block at
// a time: a new maximum rescales what was summed. For files compiled for an instruction set of their own
// only.
#pragma once
#include "base/simd.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct MaxSum {
  float most;  // -inf where all are
  double sum;  // of e^(x - most)
};

RIDGE_INLINE MaxSum max_and_sum(const float* x, int64_t n) {
  constexpr int64_t kBlock = 512;
  MaxSum r{-__builtin_inff(), 0};
  for (int64_t b = 0; b < n; b += kBlock) {
    const int64_t end = b + kBlock < n ? b + kBlock : n;
    F32 m = set1(r.most);
    int64_t i = b;
    for (; i + kLanes <= end; i += kLanes) m = max(m, load(x + i));
    float most = reduce_max(m);
    for (; i < end; ++i) most = x[i] > most ? x[i] : most;
    if (most == -__builtin_inff()) continue;
    if (most > r.most) {
      r.sum *= static_cast<double>(exp(set1(r.most - most))[0]);
      r.most = most;
    }
    F32 s{};
    for (i = b; i + kLanes <= end; i += kLanes) s += exp(load(x + i) - most);
    if (i < end) {
      const F32 e = exp(load_n(x + i, end - i) - most);
      for (int64_t l = 0; l < end - i; ++l) r.sum += static_cast<double>(e[l]);
    }
    r.sum += static_cast<double>(reduce_add(s));
  }
  return r;
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

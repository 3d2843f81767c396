// Scales and mins of Q4_K and Q5_K: d, dmin and twelve bytes (formats/k_quants.h) at the start of the block.
#pragma once
#include "formats/int8_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

RIDGE_INLINE void affine_scales(const char* p, int64_t stride, float* scale, float* min) {
  I32 w[4];
  words(p, stride, w);
  const F32 d = halves_of(w[0]), dmin = halves_of((I32)((U32)w[0] >> 16));
  // A byte a sub-block: of the first four, then of the others.
  const U32 low = (U32)w[1], high = (U32)w[2], rest = (U32)w[3];
  const U32 scales[2] = {low & 0x3f3f3f3f, (rest & 0x0f0f0f0f) | ((low >> 2) & 0x30303030)};
  const U32 mins[2] = {high & 0x3f3f3f3f, ((rest >> 4) & 0x0f0f0f0f) | ((high >> 2) & 0x30303030)};
#pragma GCC unroll 8
  for (int s = 0; s < 8; ++s) {
    store(scale + s * kLanes, d * to_float((I32)(scales[s / 4] >> (8 * (s % 4)) & 255)));
    store(min + s * kLanes, dmin * to_float((I32)(mins[s / 4] >> (8 * (s % 4)) & 255)));
  }
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

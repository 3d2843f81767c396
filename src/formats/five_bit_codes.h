// The fifth bits of Q5_0 and Q5_1: a 32-bit word a block, a bit an element.
#pragma once
#include "formats/int8_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// 16 where the bit of an element is set: of the 16 elements whose bits are in bytes `from` and from + 1 of
// each 128-bit lane.
RIDGE_INLINE V fifth_bits(V lanes, int from) {
  const __m128i byte = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1),
                bit = _mm_set1_epi64x(static_cast<long long>(0x8040201008040201ull));
  const V spread = lookup(lanes, in_all(_mm_add_epi8(byte, _mm_set1_epi8(static_cast<char>(from)))));
  return where_any(spread, in_all(bit), bytes(16));
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

// vdpbf16ps: activations rounded to bf16 too, two products an instruction and lane. Taken only where the
// processor is fast at it (kCpuFastBf16Dot). The instruction takes subnormal codes and results as zero.
#include "formats/float_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct PairsBf16 {
  static constexpr int kVectors = 1, kPer = 2 * kLanes, kBytes = 2;
  static constexpr bool kPrepared = true;
  RIDGE_INLINE F32 load(const char* p, int) { return (F32)_mm512_loadu_ps(p); }  // at any address
  RIDGE_INLINE F32 load_n(const char* p, int64_t n, int u) {
    uint16_t codes[kPer];
    copy_codes(p, n, codes, kPer);
    return load(reinterpret_cast<const char*>(codes), u);
  }
  RIDGE_INLINE F32 add_product(F32 sum, F32 w, F32 x) {
    return (F32)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)w);
  }
};

int64_t activation_bytes(int64_t k) { return (k + PairsBf16::kPer - 1) / PairsBf16::kPer * kVector; }

// To nearest, ties to even; NaN stays NaN. By integers, since vcvtneps2bf16 takes subnormals as zero.
RIDGE_INLINE I32 rounded(F32 x) {
  const I32 u = (I32)x;
  const I32 nearest = u + 0x7fff + ((u >> 16) & 1);
  return ((u & 0x7fffffff) > 0x7f800000 ? u | 0x400000 : nearest) >> 16 & 0xffff;
}

void prepare(const float* x, void* out, int64_t k) {
  auto* a = static_cast<uint16_t*>(out);
  for (int64_t i = 0; i < k; i += kLanes) {
    const F32 v = k - i >= kLanes ? load(x + i) : load_n(x + i, k - i);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(a + i), _mm512_cvtepi32_epi16((__m512i)rounded(v)));
  }
  for (int64_t i = (k + kLanes - 1) / kLanes * kLanes; i % PairsBf16::kPer != 0; ++i) a[i] = 0;
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const DotKernel RIDGE_KERNEL_SYMBOL;
const DotKernel RIDGE_KERNEL_SYMBOL{"bf16",
                                    RIDGE_ISA_NAME,
                                    RIDGE_LEVEL_FEATURES | kCpuFastBf16Dot,
                                    RIDGE_LEVEL_RANK,
                                    Rounding::bf16_activation,
                                    24,
                                    RIDGE_ISA_NS::activation_bytes,
                                    RIDGE_ISA_NS::prepare,
                                    RIDGE_ISA_NS::scratch_bytes<RIDGE_ISA_NS::PairsBf16>,
                                    RIDGE_ISA_NS::multiply<RIDGE_ISA_NS::PairsBf16>};
}  // namespace tables
}  // namespace ridge

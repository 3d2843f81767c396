// A vector of bf16 codes is two of f32: the codes at even places shifted up, those at odd places masked.
// prepare() puts the activations in the same order: of each step the even elements, then the odd ones.
#include "formats/float_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct WeightsBf16 {
  static constexpr int kVectors = 2, kPer = kLanes, kBytes = 2;
  static constexpr bool kPrepared = true;
  RIDGE_INLINE F32 load(const char* p, int u) {
    typedef int32_t I32u __attribute__((vector_size(4 * kLanes), aligned(1)));
    const I32 codes = *reinterpret_cast<const I32u*>(p);
    return (F32)(u == 0 ? codes << 16 : codes & static_cast<int32_t>(0xffff0000));
  }
  RIDGE_INLINE F32 load_n(const char* p, int64_t n, int u) {
    uint16_t codes[2 * kLanes];
    copy_codes(p, n, codes, 2 * kLanes);
    return load(reinterpret_cast<const char*>(codes), u);
  }
  RIDGE_INLINE F32 add_product(F32 sum, F32 w, F32 x) { return fma(w, x, sum); }
};

constexpr int kPair = 2 * kLanes;

int64_t activation_bytes(int64_t k) { return (k + kPair - 1) / kPair * kPair * 4; }

void prepare(const float* x, void* out, int64_t k) {
  float* a = static_cast<float*>(out);
  for (; k >= kPair; k -= kPair, x += kPair, a += kPair) {
    const F32 low = load(x), high = load(x + kLanes);
#if defined(__AVX512F__)
    store(a, __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
    store(a + kLanes,
          __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
#elif defined(__AVX2__)
    store(a, __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14));
    store(a + kLanes, __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15));
#else
    store(a, __builtin_shufflevector(low, high, 0, 2, 4, 6));
    store(a + kLanes, __builtin_shufflevector(low, high, 1, 3, 5, 7));
#endif
  }
  if (k == 0) return;
  for (int i = 0; i < kPair; ++i) {
    const int from = i < kLanes ? 2 * i : 2 * (i - kLanes) + 1;
    a[i] = from < k ? x[from] : 0.0f;
  }
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const DotKernel RIDGE_KERNEL_SYMBOL;
const DotKernel RIDGE_KERNEL_SYMBOL{"bf16",
                                    RIDGE_ISA_NAME,
                                    RIDGE_LEVEL_FEATURES,
                                    RIDGE_LEVEL_RANK,
                                    Rounding::f32,
                                    24,
                                    RIDGE_ISA_NS::activation_bytes,
                                    RIDGE_ISA_NS::prepare,
                                    RIDGE_ISA_NS::scratch_bytes<RIDGE_ISA_NS::WeightsBf16>,
                                    RIDGE_ISA_NS::multiply<RIDGE_ISA_NS::WeightsBf16>};
}  // namespace tables
}  // namespace ridge

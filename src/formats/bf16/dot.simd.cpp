// A vector of bf16 codes is two of f32: the codes at even places shifted up, those at odd places masked.
// prepare() puts the activations in the same order: of each step the even elements, then the odd ones.
#include "formats/float_dot.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

struct WeightsBf16 {
  static constexpr int kVectors = 2, kBytes = 2;
  static constexpr bool kPrepared = true;
  static constexpr int kMainA = kWide  ? 8
                                : kFma ? 5
                                       : 2,
                       kMainN = kWide  ? 3
                                : kFma ? 2
                                       : 4,
                       kMidA = kWide ? 4 : 0, kMidN = 5;
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
};

constexpr int kStep = 2 * kLanes;

int64_t activation_bytes(int64_t k) { return (k + kStep - 1) / kStep * kStep * 4; }

void prepare(const float* x, void* out, int64_t k) {
  float* a = static_cast<float*>(out);
  for (; k >= kStep; k -= kStep, x += kStep, a += kStep) {
#if defined(__AVX512F__)
    const I32 even{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
#elif defined(__AVX2__)
    const I32 even{0, 2, 4, 6, 8, 10, 12, 14};
#else
    const I32 even{0, 2, 4, 6};
#endif
    const F32 low = load(x), high = load(x + kLanes);
    store(a, __builtin_shuffle(low, high, even));
    store(a + kLanes, __builtin_shuffle(low, high, even + 1));
  }
  if (k == 0) return;
  for (int i = 0; i < kStep; ++i) {
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
                                    RIDGE_ISA_NS::float_scratch,
                                    RIDGE_ISA_NS::multiply<RIDGE_ISA_NS::WeightsBf16>};
}  // namespace tables
}  // namespace ridge

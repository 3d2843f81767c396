// Conversion a vector at a time; the codes are those of formats/half.h, bit for bit.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/scatter_rows/args.h"
#include "tensor/half_codes.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

typedef uint32_t U32 __attribute__((vector_size(4 * kLanes)));
typedef uint16_t U16 __attribute__((vector_size(2 * kLanes)));
typedef uint16_t U16u __attribute__((vector_size(2 * kLanes), aligned(2)));

RIDGE_INLINE U16 to_bf16(F32 x) {
  const U32 u = (U32)x;
  const U32 rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16, quiet = (u >> 16) | 64u;
  return __builtin_convertvector((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded, U16);
}

RIDGE_INLINE U16 to_f16(F32 x) {
#if defined(__AVX512F__)
  return (U16)_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT);
#elif defined(__AVX2__)
  return (U16)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT);
#else
  const U32 u = (U32)x, sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
  const U32 nan = sign | 0x7e00u | ((a >> 13) & 0x3ffu), infinity = sign | 0x7c00u;
  // Below 2^-14, adding 0.5 leaves the subnormal code in the low bits.
  const U32 small = sign | ((U32)((F32)a + 0.5f) - 0x3f000000u);
  const U32 normal = sign | ((a + 0xfffu + ((a >> 13) & 1u) - 0x38000000u) >> 13);
  const U32 finite = a >= 0x477ff000u ? infinity : a < 0x38800000u ? small : normal;
  return __builtin_convertvector(a > 0x7f800000u ? nan : finite, U16);
#endif
}

template <int code>
RIDGE_INLINE void convert(const float* x, uint16_t* y, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    *reinterpret_cast<U16u*>(y + i) = code == 1 ? to_f16(load(x + i)) : to_bf16(load(x + i));
  if (i == n) return;
  const F32 v = load_n(x + i, n - i);
  const U16 last = code == 1 ? to_f16(v) : to_bf16(v);
  for (int64_t l = 0; l < n - i; ++l) y[i + l] = last[l];
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const ScatterRowsArgs*>(p);
  const int64_t heads = a.x.dim[1], d = a.x.dim[2];
  const int code = half_code(a.cache);
  for_each_chunk(exec, a.x.dim[0], 1 + 8192 / (heads * d + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t h = 0; h < heads; ++h) {
        const float* x = static_cast<const float*>(a.x.data) + t * a.x.stride[0] + h * a.x.stride[1];
        const int64_t to =
            static_cast<const int32_t*>(a.rows.data)[t] * a.cache.stride[0] + h * a.cache.stride[1];
        if (code == 1)
          convert<1>(x, static_cast<uint16_t*>(a.cache.data) + to, d);
        else if (code == 2)
          convert<2>(x, static_cast<uint16_t*>(a.cache.data) + to, d);
        else
          __builtin_memcpy(static_cast<float*>(a.cache.data) + to, x, static_cast<uint64_t>(d) * 4);
      }
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"scatter_rows",
                                 "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "IEEE 754, round to nearest even"};
}  // namespace tables
}  // namespace ridge

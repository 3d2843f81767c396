// The features that each compile level of a kernel file needs, for its Kernel record. Constants only.
#pragma once
#include <cstdint>

namespace ridge {

enum CpuFeature : uint64_t {
  kCpuAvx2 = 1u << 0,    // AVX2, FMA, F16C and BMI2 together
  kCpuAvx512 = 1u << 1,  // F, BW, VL, DQ together
  kCpuAvx512Vnni = 1u << 2,
  kCpuAvx512Bf16 = 1u << 3,
  kCpuAvxVnni = 1u << 4,
  kCpuAvx512Fp16 = 1u << 5,
  kCpuAmxInt8 = 1u << 6,
  kCpuAmxBf16 = 1u << 7,
  kCpuFastBf16Dot = 1u << 8,  // vdpbf16ps outruns f32 FMA (AMD); on Intel's cores it is microcoded and slower
  kCpuNeon = 1u << 16,
  kCpuDotprod = 1u << 17,
  kCpuI8mm = 1u << 18,
};

}  // namespace ridge

// RIDGE_LEVEL_FEATURES: what the level being compiled needs. RIDGE_LEVEL_RANK: a higher level is preferred.
#if defined(RIDGE_LEVEL_amx)
#define RIDGE_LEVEL_FEATURES \
  (kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni | kCpuAvx512Bf16 | kCpuAmxInt8 | kCpuAmxBf16)
#define RIDGE_LEVEL_RANK 60
#elif defined(RIDGE_LEVEL_avx512bf16)
#define RIDGE_LEVEL_FEATURES (kCpuAvx2 | kCpuAvx512 | kCpuAvx512Bf16)
#define RIDGE_LEVEL_RANK 50
#elif defined(RIDGE_LEVEL_avx512vnni)
#define RIDGE_LEVEL_FEATURES (kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni)
#define RIDGE_LEVEL_RANK 40
#elif defined(RIDGE_LEVEL_avx512)
#define RIDGE_LEVEL_FEATURES (kCpuAvx2 | kCpuAvx512)
#define RIDGE_LEVEL_RANK 30
#elif defined(RIDGE_LEVEL_avx2)
#define RIDGE_LEVEL_FEATURES (kCpuAvx2)
#define RIDGE_LEVEL_RANK 20
#elif defined(RIDGE_LEVEL_generic)
#define RIDGE_LEVEL_FEATURES 0
#define RIDGE_LEVEL_RANK 10
#endif

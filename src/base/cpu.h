// What this processor can do. Features are a set, not a ladder: AVX2, F16C, AVX-512, VNNI, BF16, AMX do not
// nest.
#pragma once
#include <cstdint>
#include <string>

#include "base/cpu_features.h"

namespace ridge {

struct CpuInfo {
  std::string model;           // "AMD EPYC 9B45"
  uint64_t features;           // as found, masked by RIDGE_ISA
  uint64_t found;              // as found
  int cores;                   // usable by this process
  int64_t l2_bytes, l3_bytes;  // of one core / shared; 0 where unknown
};

// Found once. RIDGE_ISA=generic|avx2|avx512|avx512vnni|avx512bf16|amx masks everything above that level, so
// that tests can force each; an unknown value is an Error.
const CpuInfo& cpu_info();

// "avx2 avx512 avx512vnni"
std::string cpu_feature_names(uint64_t features);

// Features of a level by RIDGE_ISA's names; fails on an unknown name.
uint64_t cpu_level(const std::string& name);

}  // namespace ridge

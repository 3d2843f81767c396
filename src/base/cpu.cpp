#include "base/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/error.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

namespace ridge {
namespace {

struct Named {
  uint64_t bit;
  const char* name;
};
constexpr Named kNames[] = {{kCpuAvx2, "avx2"},
                            {kCpuAvx512, "avx512"},
                            {kCpuAvx512Vnni, "avx512vnni"},
                            {kCpuAvx512Bf16, "avx512bf16"},
                            {kCpuAvxVnni, "avxvnni"},
                            {kCpuAvx512Fp16, "avx512fp16"},
                            {kCpuAmxInt8, "amx-int8"},
                            {kCpuAmxBf16, "amx-bf16"},
                            {kCpuFastBf16Dot, "fast-bf16-dot"},
                            {kCpuNeon, "neon"},
                            {kCpuDotprod, "dotprod"},
                            {kCpuI8mm, "i8mm"}};

#if defined(__x86_64__)
uint64_t find_features() {
  unsigned a, b, c, d, a1 = 0, b1 = 0, c1 = 0, d1 = 0, a2 = 0, b2 = 0, c2 = 0, d2 = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  const bool osxsave = c & (1u << 27), fma = c & (1u << 12), f16c = c & (1u << 29);
  if (!osxsave) return 0;
  unsigned xl, xh;
  __asm__("xgetbv" : "=a"(xl), "=d"(xh) : "c"(0));
  const bool ymm = (xl & 6) == 6, zmm = (xl & 0xe6) == 0xe6, tiles = (xl & 0x60000) == 0x60000;
  __get_cpuid_count(7, 0, &a1, &b1, &c1, &d1);
  __get_cpuid_count(7, 1, &a2, &b2, &c2, &d2);
  uint64_t f = 0;
  if (ymm && fma && f16c && (b1 & (1u << 5)) && (b1 & (1u << 8))) f |= kCpuAvx2;
  if (ymm && (a2 & (1u << 4))) f |= kCpuAvxVnni;
  const unsigned avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
  if ((f & kCpuAvx2) && zmm && (b1 & avx512) == avx512) {
    f |= kCpuAvx512;
    if (c1 & (1u << 11)) f |= kCpuAvx512Vnni;
    if (d1 & (1u << 23)) f |= kCpuAvx512Fp16;
    if (a2 & (1u << 5)) {
      f |= kCpuAvx512Bf16;
      unsigned e = 0, v[3] = {};
      __get_cpuid(0, &e, &v[0], &v[2], &v[1]);
      if (v[0] == 0x68747541) f |= kCpuFastBf16Dot;  // "Auth"enticAMD
    }
  }
  if (tiles && (f & kCpuAvx512)) {
    // Linux gives tile data only to processes that ask (arch_prctl ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
    if (::syscall(SYS_arch_prctl, 0x1023, 18) == 0) {
      if (d1 & (1u << 25)) f |= kCpuAmxInt8;
      if (d1 & (1u << 22)) f |= kCpuAmxBf16;
    }
  }
  return f;
}
#else
uint64_t find_features() { return 0; }
#endif

std::string find_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0) {
      const size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  return "unknown processor";
}

CpuInfo find_cpu() {
  CpuInfo info;
  info.model = find_model();
  info.found = find_features();
  info.features = info.found;
  if (const char* level = std::getenv("RIDGE_ISA")) info.features &= cpu_level(level);
  cpu_set_t set;
  info.cores = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  info.l2_bytes = std::max(0L, ::sysconf(_SC_LEVEL2_CACHE_SIZE));
  info.l3_bytes = std::max(0L, ::sysconf(_SC_LEVEL3_CACHE_SIZE));
  return info;
}

}  // namespace

const CpuInfo& cpu_info() {
  static const CpuInfo info = find_cpu();
  return info;
}

std::string cpu_feature_names(uint64_t features) {
  std::string s;
  for (const auto& [bit, name] : kNames)
    if (features & bit) s += (s.empty() ? "" : " ") + std::string(name);
  return s.empty() ? "generic" : s;
}

uint64_t cpu_level(const std::string& name) {
  const uint64_t arm = kCpuNeon | kCpuDotprod | kCpuI8mm;
  if (name == "generic") return 0;
  uint64_t f = kCpuAvx2 | arm;
  if (name == "avx2") return f;
  f |= kCpuAvx512 | kCpuAvxVnni;
  if (name == "avx512") return f & ~uint64_t{kCpuAvxVnni};
  f |= kCpuAvx512Vnni;
  if (name == "avx512vnni") return f;
  f |= kCpuAvx512Bf16 | kCpuFastBf16Dot | kCpuAvx512Fp16;
  if (name == "avx512bf16") return f;
  f |= kCpuAmxInt8 | kCpuAmxBf16;
  if (name == "amx") return f;
  fail(Fault::usage,
       "RIDGE_ISA={}: unknown level (known: generic, avx2, avx512, avx512vnni, avx512bf16, amx)", name);
}

}  // namespace ridge

// Loops that do nothing but one instruction, to measure its peak; and one that reads memory. Functions of
// each compile level stand in a namespace of their own.
#pragma once
#include <cstdint>

namespace ridge {

// Each runs `rounds` rounds and returns the operations done (a multiply and an add are two), or the bytes
// read.
#define RIDGE_PEAK_LEVEL(level)                                       \
  namespace isa_##level {                                             \
    int64_t peak_f32(int64_t rounds, float* sink);                    \
    int64_t read_memory(const float* p, int64_t floats, float* sink); \
  }
RIDGE_PEAK_LEVEL(generic)
RIDGE_PEAK_LEVEL(avx2)
RIDGE_PEAK_LEVEL(avx512)
#undef RIDGE_PEAK_LEVEL
namespace isa_avx512vnni {
int64_t peak_int8(int64_t rounds, float* sink);
}
namespace isa_avx512bf16 {
int64_t peak_bf16(int64_t rounds, float* sink);
}
namespace isa_amx {
int64_t peak_bf16(int64_t rounds, float* sink);
}

}  // namespace ridge

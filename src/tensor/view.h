// View: what a kernel sees of a tensor. Plain data without member functions that a linker could share between
// files compiled for different instruction sets.
#pragma once
#include <cstdint>

namespace ridge {

struct Format;
constexpr int kMaxRank = 6;

struct View {
  void* data;            // first element; null for an absent optional tensor, and on the null device
  const Format* format;  // null for an absent optional tensor
  int32_t rank;
  int64_t dim[kMaxRank];
  int64_t stride[kMaxRank];  // in elements; of a block format in elements too, whole blocks only
};

}  // namespace ridge

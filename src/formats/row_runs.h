// How kernels walk through rows of weights that are read once. Only for files compiled for an instruction set
// of their own.
#pragma once
#include <cstdint>

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

// A row of weights is too short a stream for the processor's prefetcher. So of n rows each of `lanes` lanes
// takes a run of neighbours: long streams, side by side. This is the length of a run, 0 where there are fewer
// rows than lanes; the last few rows may be left over. Runs lie apart by a distance that does not let them
// all fall into the same few sets of the first-level cache.
[[maybe_unused]] static inline int64_t run_length(int64_t n, int64_t row_bytes, int lanes) {
  const int64_t rows = n / lanes;
  for (int64_t fewer = 0; fewer < 4 && fewer < rows / 8; ++fewer) {
    const int64_t apart = (rows - fewer) * row_bytes % 2048;
    if (apart >= 128 && apart <= 2048 - 128) return rows - fewer;
  }
  return rows;
}

}  // namespace
}  // namespace RIDGE_ISA_NS
}  // namespace ridge

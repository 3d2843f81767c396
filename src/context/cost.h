// What a call costs, and what a machine gives.
#pragma once
#include <cstdint>
#include <map>
#include <string>

namespace ridge {

// The arithmetic a kernel's inner loop does: which peak of the machine bounds it.
enum class Rate : uint8_t { f32, bf16, int8, none };
const char* rate_name(Rate rate);

// Exact counts of one call, by the op's formula; kernels may refine them (a kernel that moves a matrix twice
// says so).
struct Cost {
  int64_t flops = 0;    // a multiply and an add are two
  int64_t read = 0;     // bytes, each operand once
  int64_t written = 0;  // bytes
  int64_t weights = 0;  // the part of `read` that is weights
  int64_t state = 0;    // the part of `read` that is a state: KV cache and the like
  Rate rate = Rate::f32;

  int64_t bytes() const { return read + written; }
  Cost& operator+=(const Cost& c) {
    flops += c.flops, read += c.read, written += c.written, weights += c.weights, state += c.state;
    return *this;
  }
  friend bool operator==(const Cost&, const Cost&) = default;
};

}  // namespace ridge

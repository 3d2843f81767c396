// Random numbers: PCG32 (O'Neill 2014), small, seekable by seed and stream, the same on every machine.
#pragma once
#include <cmath>
#include <cstdint>

namespace ridge {

class Random {
 public:
  explicit Random(uint64_t seed = 0, uint64_t stream = 0) : increment_(stream << 1 | 1) {
    next();
    state_ += seed;
    next();
  }
  uint32_t next() {
    const uint64_t old = state_;
    state_ = old * 6364136223846793005ull + increment_;
    const auto x = static_cast<uint32_t>(((old >> 18) ^ old) >> 27);
    const auto r = static_cast<uint32_t>(old >> 59);
    return x >> r | x << ((32 - r) & 31);
  }
  // Uniform in [0, 1), 24 bits.
  float uniform() { return static_cast<float>(next() >> 8) * 0x1p-24f; }
  // Standard normal (Box and Muller).
  float normal() {
    const float u = 1.0f - uniform(), v = uniform();
    return std::sqrt(-2.0f * std::log(u)) * std::cos(6.28318530718f * v);
  }
  // Uniform in [0, n).
  uint32_t below(uint32_t n) { return static_cast<uint32_t>((uint64_t{next()} * n) >> 32); }

 private:
  uint64_t state_ = 0;
  uint64_t increment_;
};

}  // namespace ridge

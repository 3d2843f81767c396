// Rows of numbers that encoders meet and rows that they should survive, the same on every machine: integer
// arithmetic and exactly rounded operations only.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

namespace ridge::testing {

inline constexpr int kOddRow = 3 * 256;  // elements; not a power of two
inline constexpr int kOddKinds = 20;

// A 64-bit linear congruential generator (Knuth's MMIX constants); upper bits.
struct Lcg {
  uint64_t state;
  uint32_t bits() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 32);
  }
  float unit() { return static_cast<float>(bits() >> 8) * 0x1p-24f; }  // [0, 1)
  float bell() {                                                       // about normal, |v| < 3.5
    float sum = 0;
    for (int i = 0; i < 12; ++i) sum += unit();
    return sum - 6.0f;
  }
};

// Row `round` of a kind, 0 <= kind < kOddKinds.
inline std::vector<float> odd_row(int kind, int round) {
  Lcg rng{static_cast<uint64_t>(kind) * 1000003u + static_cast<uint64_t>(round) * 7919u + 1};
  for (int i = 0; i < 8; ++i) rng.bits();
  std::vector<float> x(kOddRow);
  for (int i = 0; i < kOddRow; ++i) {
    const float v = rng.bell();
    const float u = rng.unit();
    float& out = x[static_cast<size_t>(i)];
    switch (kind) {
      case 0:
        out = v;
        break;
      case 1:
        out = v * 0.02f;
        break;  // trained weights
      case 2:
        out = v * v * v;
        break;  // heavy tails
      case 3:
        out = 0;
        break;
      case 4:
        out = static_cast<float>(round - 3) * 0.37f;
        break;  // constant
      case 5:
        out = v * 1e-10f;
        break;  // scales subnormal in f16
      case 6:
        out = v * 1e-20f;
        break;  // below what counts as zero
      case 7:
        out = v * 1e4f;
        break;
      case 8:
        out = v * 1e-3f + (i % 97 == round % 97 ? 50.0f * u : 0.0f);
        break;  // outliers
      case 9:
        out = std::fabs(v);
        break;
      case 10:
        out = -std::fabs(v);
        break;
      case 11:
        out = std::floor(v * 3);
        break;  // integers: many ties
      case 12:
        out = u < 0.05f ? v : 0.0f;
        break;  // sparse
      case 13:
        out = i / 16 % 2 ? v : 0.0f;
        break;  // whole groups zero
      case 14:
        out = std::ldexp(v < 0 ? -1.0f : 1.0f, static_cast<int>(rng.bits() % 20) - 10);
        break;
      case 15:
        out = v < 0 ? -0.5f : 1.25f;
        break;  // two values
      case 16:
        out = v * 6e4f * u;
        break;  // scales that overflow f16
      case 17:
        out = v * std::ldexp(1.0f, static_cast<int>(rng.bits() % 40) - 20);
        break;
      case 18:
        out = v * 1e-12f + (i % 256 == 7 ? 3.0f : 0.0f);
        break;  // one element a super-block
      default:
        out = static_cast<float>(i % 256) * 0.01f - static_cast<float>(round % 7) * 0.3f;
        break;  // ramp
    }
  }
  return x;
}

// Importance of its columns; in odd rounds a third of them is zero.
inline std::vector<float> odd_importance(int kind, int round) {
  Lcg rng{static_cast<uint64_t>(kind) * 15485863u + static_cast<uint64_t>(round) * 104729u + 7};
  std::vector<float> w(kOddRow);
  for (float& v : w) {
    const float u = rng.unit();
    v = round % 2 && rng.unit() < 0.33f ? 0.0f : u * u * 10.0f;
  }
  return w;
}

// FNV-1a over bytes.
inline uint64_t digest(const void* data, size_t n, uint64_t hash = 0xcbf29ce484222325u) {
  for (size_t i = 0; i < n; ++i) hash = (hash ^ static_cast<const uint8_t*>(data)[i]) * 0x100000001b3u;
  return hash;
}

}  // namespace ridge::testing

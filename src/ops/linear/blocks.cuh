// Weights in blocks as they lie in GGUF files, decoded in registers: what the GPU's linear kernels share.
//
// A block format hands out 32 elements of a row at a time ("group"). A lane t = 0 .. 3 of four takes eight of
// them as integers in bf16 (all codes have at most 8 significant bits, so they are exact), in pairs:
// words[0], words[1] are elements 4 t + {0, 2} and 4 t + {1, 3} of the group, words[2], words[3] those 16
// further on. That is the order in which the bytes of a word fall apart. The layouts are those of
// src/formats.
//
//   value = scale(sub-block) * code - least(sub-block)
#pragma once
#include <cstdint>

#include "device/gpu.h"

namespace ridge {
namespace blocks {

#define RIDGE_BLOCKS __device__ __forceinline__

RIDGE_BLOCKS float half_at(const uint8_t* p) { return __half2float(*reinterpret_cast<const __half*>(p)); }
// Four bytes at an address of any alignment; reads within the aligned words that hold them.
template <int kAlign>
RIDGE_BLOCKS uint32_t word_at(const uint8_t* p) {
  if constexpr (kAlign >= 4) return *reinterpret_cast<const uint32_t*>(p);
  const auto at = reinterpret_cast<uintptr_t>(p);
  const auto* q = reinterpret_cast<const uint32_t*>(at & ~uintptr_t{3});
  return __funnelshift_r(q[0], q[at & 3 ? 1 : 0], static_cast<uint32_t>(at & 3) * 8);  // no word past the end
}
RIDGE_BLOCKS uint32_t subtract(uint32_t a, uint32_t b) {
  __nv_bfloat162 x, y;
  memcpy(&x, &a, 4);
  memcpy(&y, &b, 4);
  const __nv_bfloat162 z = __hsub2(x, y);
  uint32_t r;
  memcpy(&r, &z, 4);
  return r;
}
// A seven-bit number u in the low bits of a bf16 of 128 is 128 + u.
constexpr uint32_t k128 = 0x43004300;
constexpr uint32_t kMinus8 = 0x43084308, kMinus32 = 0x43204320;  // 136, 160
// Signed bytes 0 and 2 of a word: the low seven bits are u, the sign adds 128 to what is taken away.
RIDGE_BLOCKS uint32_t signed_pair(uint32_t w) {
  return subtract((w & 0x007F007F) | k128, (w & 0x00800080) | k128);
}
// Four bytes of a table of 16, by the four nibbles in the low halves of the bytes of `codes`.
RIDGE_BLOCKS uint32_t look_up(const uint32_t (&table)[4], uint32_t codes) {
  const uint32_t c = codes & 0x0F0F0F0F;
  const uint32_t selector = (c & 0x7) | (c >> 4 & 0x70) | (c >> 8 & 0x700) | (c >> 12 & 0x7000);
  const uint32_t low = __byte_perm(table[0], table[1], selector),
                 high = __byte_perm(table[2], table[3], selector);
  const uint32_t upper = (c >> 3 & 0x01010101) * 0xFF;
  return (low & ~upper) | (high & upper);
}

// kBytes, kBlock: of the format. kAlign: of the blocks. kSub: elements a scale. kLeast: there is a minimum.
struct Q4_0 {
  static constexpr int kBlock = 32, kBytes = 18, kAlign = 2, kSub = 32;
  static constexpr bool kLeast = false;
  RIDGE_BLOCKS static void codes(const uint8_t* p, int group, int t, uint32_t (&w)[4]) {
    const uint32_t q = word_at<kAlign>(p + 18 * group + 2 + 4 * t);
    w[0] = subtract((q & 0x000F000F) | k128, kMinus8);
    w[1] = subtract((q >> 8 & 0x000F000F) | k128, kMinus8);
    w[2] = subtract((q >> 4 & 0x000F000F) | k128, kMinus8);
    w[3] = subtract((q >> 12 & 0x000F000F) | k128, kMinus8);
  }
  RIDGE_BLOCKS static float scale(const uint8_t* p, int group, int) { return half_at(p + 18 * group); }
  RIDGE_BLOCKS static float least(const uint8_t*, int) { return 0; }
};

struct Q8_0 {
  static constexpr int kBlock = 32, kBytes = 34, kAlign = 2, kSub = 32;
  static constexpr bool kLeast = false;
  RIDGE_BLOCKS static void codes(const uint8_t* p, int group, int t, uint32_t (&w)[4]) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const uint32_t q = word_at<kAlign>(p + 34 * group + 2 + 16 * i + 4 * t);
      w[2 * i] = signed_pair(q);
      w[2 * i + 1] = signed_pair(q >> 8);
    }
  }
  RIDGE_BLOCKS static float scale(const uint8_t* p, int group, int) { return half_at(p + 34 * group); }
  RIDGE_BLOCKS static float least(const uint8_t*, int) { return 0; }
};

// The 6-bit scale and minimum of sub-block s of Q4_K and Q5_K.
RIDGE_BLOCKS int packed_scale(const uint8_t* p, int s) {
  return s < 4 ? p[s] & 63 : (p[s + 4] & 15) | (p[s - 4] >> 6) << 4;
}
RIDGE_BLOCKS int packed_least(const uint8_t* p, int s) {
  return s < 4 ? p[s + 4] & 63 : p[s + 4] >> 4 | (p[s] >> 6) << 4;
}

struct Q4_K {
  static constexpr int kBlock = 256, kBytes = 144, kAlign = 16, kSub = 32;
  static constexpr bool kLeast = true;
  RIDGE_BLOCKS static void codes(const uint8_t* p, int group, int t, uint32_t (&w)[4]) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const uint32_t q = word_at<4>(p + 16 + 32 * (group / 2) + 16 * i + 4 * t) >> group % 2 * 4;
      w[2 * i] = subtract((q & 0x000F000F) | k128, k128);
      w[2 * i + 1] = subtract((q >> 8 & 0x000F000F) | k128, k128);
    }
  }
  RIDGE_BLOCKS static float scale(const uint8_t* p, int group, int) {
    return half_at(p) * static_cast<float>(packed_scale(p + 4, group));
  }
  RIDGE_BLOCKS static float least(const uint8_t* p, int group) {
    return half_at(p + 2) * static_cast<float>(packed_least(p + 4, group));
  }
};

struct Q5_K {
  static constexpr int kBlock = 256, kBytes = 176, kAlign = 16, kSub = 32;
  static constexpr bool kLeast = true;
  RIDGE_BLOCKS static void codes(const uint8_t* p, int group, int t, uint32_t (&w)[4]) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const uint32_t q = word_at<4>(p + 48 + 32 * (group / 2) + 16 * i + 4 * t) >> group % 2 * 4;
      const uint32_t h = (word_at<4>(p + 16 + 16 * i + 4 * t) >> group & 0x01010101) << 4;
      w[2 * i] = subtract((q & 0x000F000F) | (h & 0x00100010) | k128, k128);
      w[2 * i + 1] = subtract((q >> 8 & 0x000F000F) | (h >> 8 & 0x00100010) | k128, k128);
    }
  }
  RIDGE_BLOCKS static float scale(const uint8_t* p, int group, int half) {
    return Q4_K::scale(p, group, half);
  }
  RIDGE_BLOCKS static float least(const uint8_t* p, int group) { return Q4_K::least(p, group); }
};

struct Q6_K {
  static constexpr int kBlock = 256, kBytes = 210, kAlign = 2, kSub = 16;
  static constexpr bool kLeast = false;
  RIDGE_BLOCKS static void codes(const uint8_t* p, int group, int t, uint32_t (&w)[4]) {
    const int h = group / 4, r = group % 4;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const uint32_t low =
          word_at<kAlign>(p + 64 * h + 32 * (r % 2) + 16 * i + 4 * t) >> r / 2 * 4 & 0x0F0F0F0F;
      const uint32_t high = word_at<kAlign>(p + 128 + 32 * h + 16 * i + 4 * t) >> 2 * r & 0x03030303;
      const uint32_t q = low | high << 4;
      w[2 * i] = subtract((q & 0x003F003F) | k128, kMinus32);
      w[2 * i + 1] = subtract((q >> 8 & 0x003F003F) | k128, kMinus32);
    }
  }
  RIDGE_BLOCKS static float scale(const uint8_t* p, int group, int half) {
    return half_at(p + 208) * static_cast<float>(static_cast<int8_t>(p[192 + 2 * group + half]));
  }
  RIDGE_BLOCKS static float least(const uint8_t*, int) { return 0; }
};

struct IQ4_XS {
  static constexpr int kBlock = 256, kBytes = 136, kAlign = 8, kSub = 32;
  static constexpr bool kLeast = false;
  RIDGE_BLOCKS static void codes(const uint8_t* p, int group, int t, uint32_t (&w)[4]) {
    // -127 -104 -83 -65 | -49 -35 -22 -10 | 1 13 25 38 | 53 69 89 113
    const uint32_t table[4] = {0xBFAD9881, 0xF6EADDCF, 0x26190D01, 0x71594535};
    const uint32_t q = word_at<4>(p + 8 + 16 * group + 4 * t), a = look_up(table, q),
                   b = look_up(table, q >> 4);
    w[0] = signed_pair(a), w[1] = signed_pair(a >> 8), w[2] = signed_pair(b), w[3] = signed_pair(b >> 8);
  }
  RIDGE_BLOCKS static float scale(const uint8_t* p, int group, int) {
    const int low = p[4 + group / 2] >> group % 2 * 4 & 15, high = p[2 + group / 4] >> group % 4 * 2 & 3;
    return half_at(p) * static_cast<float>((low | high << 4) - 32);
  }
  RIDGE_BLOCKS static float least(const uint8_t*, int) { return 0; }
};

struct MXFP4 {
  static constexpr int kBlock = 32, kBytes = 17, kAlign = 1, kSub = 32;
  static constexpr bool kLeast = false;
  RIDGE_BLOCKS static void codes(const uint8_t* p, int group, int t, uint32_t (&w)[4]) {
    // Twice the values of E2M1: 0 1 2 3 | 4 6 8 12 and their negatives.
    const uint32_t table[4] = {0x03020100, 0x0C080604, 0xFDFEFF00, 0xF4F8FAFC};
    const uint32_t q = word_at<1>(p + 17 * group + 1 + 4 * t), a = look_up(table, q),
                   b = look_up(table, q >> 4);
    w[0] = signed_pair(a), w[1] = signed_pair(a >> 8), w[2] = signed_pair(b), w[3] = signed_pair(b >> 8);
  }
  // Half of 2^(exponent - 127).
  RIDGE_BLOCKS static float scale(const uint8_t* p, int group, int) {
    const uint32_t e = p[17 * group];
    return __uint_as_float(e < 2 ? 0x00200000u << e : (e - 1) << 23);
  }
  RIDGE_BLOCKS static float least(const uint8_t*, int) { return 0; }
};

// d[16, 8] += a[16, 16] b[16, 8] in bf16, sums in f32. Lane 4 g + t holds rows g and g + 8 of a and d.
RIDGE_BLOCKS void product(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0,
                          uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
RIDGE_BLOCKS uint32_t pack(float a, float b) {
  const __nv_bfloat162 v = __floats2bfloat162_rn(a, b);
  uint32_t r;
  memcpy(&r, &v, 4);
  return r;
}
// Two f32 as bf16, and what that leaves as bf16 again: 16 significant bits together.
RIDGE_BLOCKS void split(float a, float b, uint32_t& high, uint32_t& low) {
  high = pack(a, b);
  low = pack(a - __uint_as_float(high << 16), b - __uint_as_float(high & 0xFFFF0000));
}

}  // namespace blocks
}  // namespace ridge

// Tiles of 16-bit numbers for the tensor cores of sm_80 and later: products of 16 x 8 x 16 held in registers,
// operands that come from swizzled shared memory, and asynchronous copies into it.
//
// Lane l of a warp holds of a 16 x 8 product the rows l / 4 and l / 4 + 8, columns 2 (l % 4) and the next:
// c[0], c[1] of the upper row, c[2], c[3] of the lower one.
#pragma once
#include <cstdint>
#include <type_traits>

#include "device/gpu.h"

namespace ridge {
namespace tile {

template <typename T>
constexpr bool kIsBf16 = std::is_same_v<T, gpu_bf16>;

// c += a b
template <typename T>
__device__ __forceinline__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (kIsBf16<T>)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four 8 x 8 matrices; lane l gives the address of row l % 8 of matrix l / 8.
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], uint32_t at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at));
}

__device__ __forceinline__ void load_matrices_transposed(uint32_t (&r)[4], uint32_t at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at));
}

// 16 bytes to shared memory, zeros where `there` is false; complete after copies_wait.
__device__ __forceinline__ void copy_async(uint32_t to, const void* from, bool there) {
  const int bytes = there ? 16 : 0;
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void copy_async(uint32_t to, const void* from) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(to), "l"(from) : "memory");
}

__device__ __forceinline__ void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most kLeft of the committed groups are under way.
template <int kLeft>
__device__ __forceinline__ void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Byte of 16-byte piece `piece` of row `row` in a tile with rows of kColumns 16-bit numbers. The pieces of
// eight consecutive rows fall on different banks: rows of whole 128-byte lines are permuted by row % 8, the
// others (whose neighbours share lines) by row / 2 % 4.
template <int kColumns>
__device__ __forceinline__ uint32_t swizzled(int row, int piece) {
  const int p = kColumns % 64 == 0 ? piece ^ (row & 7) : piece ^ ((row >> 1) & 3);
  return static_cast<uint32_t>(row * kColumns * 2 + p * 16);
}

// What a lane needs to walk over the 16 x 16 blocks of a swizzled tile with matrix loads: the address of
// its row, and its piece with the permutation applied.
template <int kColumns>
struct Walk {
  uint32_t row_at, flip;
  // `row`: the lane's row in the first block, `half`: which 8 columns of a block it addresses.
  __device__ __forceinline__ Walk(uint32_t base, int row, int half)
      : row_at(base + row * kColumns * 2),
        flip(static_cast<uint32_t>((kColumns % 64 == 0 ? row & 7 : (row >> 1) & 3) ^ half) * 16) {}
  // Block row r and block column c, 16 x 16 each.
  __device__ __forceinline__ uint32_t at(int r, int c) const {
    return row_at + r * 16 * kColumns * 2 + ((c * 32) ^ flip);
  }
};

// rows x kColumns of 16-bit numbers to a swizzled tile, by kThreads threads; rows from `have` on and columns
// from `columns` on (a multiple of 8) become zeros. Unless kChecked, all of them are there.
template <int kRows, int kColumns, int kThreads, bool kChecked = true>
__device__ __forceinline__ void copy_tile(uint32_t to, const void* from, int64_t stride, int have,
                                          int columns, int thread) {
  constexpr int kPieces = kColumns / 8;
  constexpr int kSide = kPieces & -kPieces;  // pieces side by side: a power of two
  constexpr int kStep = kThreads / kSide;    // rows at once
  static_assert(kThreads % kSide == 0 && kRows % kStep == 0);
  const int row0 = thread / kSide, piece0 = thread % kSide;
  const char* source = static_cast<const char*>(from) + (row0 * stride + piece0 * 8) * 2;
#pragma unroll
  for (int r = 0; r < kRows; r += kStep) {
#pragma unroll
    for (int c = 0; c < kPieces; c += kSide) {
      const uint32_t at = to + swizzled<kColumns>(row0 + r, piece0 + c);
      if constexpr (kChecked) {
        const bool there = row0 + r < have && (piece0 + c) * 8 < columns;
        copy_async(at, there ? source + c * 16 : from, there);
      } else {
        copy_async(at, source + c * 16);
      }
    }
    source += kStep * stride * 2;
  }
}

__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Two numbers rounded to 16 bits, the first in the low half.
template <typename T>
__device__ __forceinline__ uint32_t pack(float low, float high) {
  uint32_t r;
  if constexpr (kIsBf16<T>)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}

// Over the four lanes that hold a row of a product.
__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
  return fmaxf(x, __shfl_xor_sync(~0u, x, 2));
}

__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(~0u, x, 1);
  return x + __shfl_xor_sync(~0u, x, 2);
}

constexpr float kLog2e = 1.4426950408889634f, kLn2 = 0.6931471805599453f;

// softcap tanh(s / softcap); exact to a few units of f32 where the cap bites.
__device__ __forceinline__ float cap(float s, float softcap) {
  const float e = exp2_fast(2 * kLog2e * s / softcap);
  return softcap * (1 - 2 / (e + 1));
}

}  // namespace tile
}  // namespace ridge

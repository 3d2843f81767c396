// Hopper's own instructions (sm_90a) under the names of the PTX manual: mbarriers, bulk tensor copies (TMA),
// matrix products of a warpgroup (wgmma) and the registers that warpgroups hand to each other (setmaxnreg).
//
// Shared matrices are stored as TMA leaves them with 128-byte swizzle: columns in blocks of 128 bytes, a
// block's rows one after the other, 128 bytes a row; every block starts at a multiple of 1024 bytes.
#pragma once
#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace ridge {
namespace hopper {

#define RIDGE_HOPPER __device__ __forceinline__

RIDGE_HOPPER uint32_t shared_at(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

// ---- mbarriers ----

RIDGE_HOPPER void barrier_init(uint32_t barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals));
}
// Makes initialised barriers known to the copy engine.
RIDGE_HOPPER void barrier_init_done() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
RIDGE_HOPPER void arrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
// Arrives; the phase ends when also `bytes` of bulk copies have landed.
RIDGE_HOPPER void arrive_expecting(uint32_t barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}
// Waits for the end of the phase of this parity; a new barrier counts as having ended phase 1.
RIDGE_HOPPER void wait(uint32_t barrier, uint32_t parity) {
  asm volatile(
      "{\n.reg .pred done;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@!done bra again;\n}\n" ::"r"(barrier),
      "r"(parity)
      : "memory");
}

// Named barriers of a CTA; 0 is __syncthreads.
RIDGE_HOPPER void bar_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
RIDGE_HOPPER void bar_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Ordinary stores to shared memory before this are seen by the tensor cores and the copy engine after it.
RIDGE_HOPPER void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// ---- registers ----

template <int kRegisters>
RIDGE_HOPPER void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
RIDGE_HOPPER void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// ---- bulk tensor copies ----

RIDGE_HOPPER void prefetch(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}
// The box of `map` at (column, row, plane) to shared memory; elements outside the tensor become zero.
RIDGE_HOPPER void load_box(uint32_t to, const CUtensorMap& map, uint32_t barrier, int column, int row,
                           int plane) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
      "%5}], "
      "[%2];" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(column), "r"(row), "r"(plane)
      : "memory");
}

// ---- matrix products of a warpgroup ----

// Registers written before this may be read by the products after it.
RIDGE_HOPPER void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
RIDGE_HOPPER void products_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Waits until at most kPending committed groups run.
template <int kPending>
RIDGE_HOPPER void products_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}
// Keeps the compiler from moving uses of these registers across this point: a product that runs is not seen
// by it.
template <int kN>
RIDGE_HOPPER void pin(float (&r)[kN]) {
#pragma unroll
  for (int i = 0; i < kN; ++i) asm volatile("" : "+f"(r[i])::"memory");
}
template <int kN>
RIDGE_HOPPER void pin(uint32_t (&r)[kN]) {
#pragma unroll
  for (int i = 0; i < kN; ++i) asm volatile("" : "+r"(r[i])::"memory");
}

// Descriptor of a swizzled operand. Along the reduction (rows of 128 bytes hold consecutive k): groups of 8
// rows lie 1024 bytes apart and `block` is not used. Across it (rows hold consecutive columns, one row a k):
// 8 rows of k lie in 1024 bytes, and `block` is the distance of blocks of 128 bytes of columns.
RIDGE_HOPPER uint64_t descriptor(uint32_t at, int block = 16) {
  return static_cast<uint64_t>((at & 0x3FFFF) >> 4) | static_cast<uint64_t>(block >> 4) << 16 |
         static_cast<uint64_t>(1024 >> 4) << 32 | uint64_t{1} << 62;
}

// Product<N>: d[64, N] (+)= a[64, k] b[k, N] with k of 32 bytes. `ss`: both operands in shared memory; `rs`:
// a in registers. kAcross: b lies across the reduction (16-bit types only). Element d[4 j + 2 h + e] of a
// thread is row 16 warp + lane / 4 + 8 h, column 8 j + 2 (lane % 4) + e.
template <int kN>
struct Product;

#define RIDGE_R0 "%0,%1,%2,%3,%4,%5,%6,%7"
#define RIDGE_R1 "%8,%9,%10,%11,%12,%13,%14,%15"
#define RIDGE_R2 "%16,%17,%18,%19,%20,%21,%22,%23"
#define RIDGE_R3 "%24,%25,%26,%27,%28,%29,%30,%31"
#define RIDGE_R4 "%32,%33,%34,%35,%36,%37,%38,%39"
#define RIDGE_R5 "%40,%41,%42,%43,%44,%45,%46,%47"
#define RIDGE_R6 "%48,%49,%50,%51,%52,%53,%54,%55"
#define RIDGE_R7 "%56,%57,%58,%59,%60,%61,%62,%63"
#define RIDGE_R8 "%64,%65,%66,%67,%68,%69,%70,%71"
#define RIDGE_R9 "%72,%73,%74,%75,%76,%77,%78,%79"
#define RIDGE_R10 "%80,%81,%82,%83,%84,%85,%86,%87"
#define RIDGE_R11 "%88,%89,%90,%91,%92,%93,%94,%95"
#define RIDGE_R12 "%96,%97,%98,%99,%100,%101,%102,%103"
#define RIDGE_R13 "%104,%105,%106,%107,%108,%109,%110,%111"
#define RIDGE_R14 "%112,%113,%114,%115,%116,%117,%118,%119"
#define RIDGE_R15 "%120,%121,%122,%123,%124,%125,%126,%127"
#define RIDGE_L32 RIDGE_R0 "," RIDGE_R1 "," RIDGE_R2 "," RIDGE_R3
#define RIDGE_L40 RIDGE_L32 "," RIDGE_R4
#define RIDGE_L48 RIDGE_L40 "," RIDGE_R5
#define RIDGE_L56 RIDGE_L48 "," RIDGE_R6
#define RIDGE_L64 RIDGE_L56 "," RIDGE_R7
#define RIDGE_L72 RIDGE_L64 "," RIDGE_R8
#define RIDGE_L80 RIDGE_L72 "," RIDGE_R9
#define RIDGE_L88 RIDGE_L80 "," RIDGE_R10
#define RIDGE_L96 RIDGE_L88 "," RIDGE_R11
#define RIDGE_L112 RIDGE_L96 "," RIDGE_R12 "," RIDGE_R13
#define RIDGE_L128 RIDGE_L112 "," RIDGE_R14 "," RIDGE_R15
#define RIDGE_D8(i)                                                                           \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), \
      "+f"(d[i + 6]), "+f"(d[i + 7])
#define RIDGE_D32 RIDGE_D8(0), RIDGE_D8(8), RIDGE_D8(16), RIDGE_D8(24)
#define RIDGE_D40 RIDGE_D32, RIDGE_D8(32)
#define RIDGE_D48 RIDGE_D40, RIDGE_D8(40)
#define RIDGE_D56 RIDGE_D48, RIDGE_D8(48)
#define RIDGE_D64 RIDGE_D56, RIDGE_D8(56)
#define RIDGE_D72 RIDGE_D64, RIDGE_D8(64)
#define RIDGE_D80 RIDGE_D72, RIDGE_D8(72)
#define RIDGE_D88 RIDGE_D80, RIDGE_D8(80)
#define RIDGE_D96 RIDGE_D88, RIDGE_D8(88)
#define RIDGE_D112 RIDGE_D96, RIDGE_D8(96), RIDGE_D8(104)
#define RIDGE_D128 RIDGE_D112, RIDGE_D8(112), RIDGE_D8(120)

#define RIDGE_SS(N, R, A, B, S, SHAPE, TAIL, ...)                                                     \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #S                                                \
               ", 0;\n"                                                                               \
               "wgmma.mma_async.sync.aligned.m64n" #N SHAPE " {" RIDGE_L##R "}, %" #A ", %" #B        \
                                                                            ", p, 1, 1" TAIL ";\n}\n" \
               : RIDGE_D##R                                                                           \
               : "l"(a), "l"(b), "n"(kAdd ? 1 : 0)__VA_ARGS__)
#define RIDGE_RS(N, R, A0, A1, A2, A3, B, S, SHAPE, TAIL, ...)                            \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #S                                    \
               ", 0;\n"                                                                   \
               "wgmma.mma_async.sync.aligned.m64n" #N SHAPE " {" RIDGE_L##R               \
               "}, {%" #A0 ",%" #A1 ",%" #A2 ",%" #A3 "}, %" #B ", p, 1, 1" TAIL ";\n}\n" \
               : RIDGE_D##R                                                               \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "n"(kAdd ? 1 : 0)__VA_ARGS__)

// N columns, R = N / 2 registers, then the numbers R .. R + 6 that the asm operands after them have.
#define RIDGE_PRODUCT(N, R, I0, I1, I2, I3, I4, I5, I6)                                                 \
  template <>                                                                                           \
  struct Product<N> {                                                                                   \
    template <typename T, bool kAdd, bool kAcross>                                                      \
    RIDGE_HOPPER static void ss(float (&d)[R], uint64_t a, uint64_t b) {                                \
      if constexpr (sizeof(T) == 1)                                                                     \
        RIDGE_SS(N, R, I0, I1, I2, "k32.f32.e4m3.e4m3", "");                                            \
      else if constexpr (std::is_same_v<T, __half>)                                                     \
        RIDGE_SS(N, R, I0, I1, I2, "k16.f32.f16.f16", ", 0, %" #I3, , "n"(kAcross ? 1 : 0));            \
      else                                                                                              \
        RIDGE_SS(N, R, I0, I1, I2, "k16.f32.bf16.bf16", ", 0, %" #I3, , "n"(kAcross ? 1 : 0));          \
    }                                                                                                   \
    template <typename T, bool kAdd, bool kAcross>                                                      \
    RIDGE_HOPPER static void rs(float (&d)[R], const uint32_t* a, uint64_t b) {                         \
      if constexpr (sizeof(T) == 1)                                                                     \
        RIDGE_RS(N, R, I0, I1, I2, I3, I4, I5, "k32.f32.e4m3.e4m3", "");                                \
      else if constexpr (std::is_same_v<T, __half>)                                                     \
        RIDGE_RS(N, R, I0, I1, I2, I3, I4, I5, "k16.f32.f16.f16", ", %" #I6, , "n"(kAcross ? 1 : 0));   \
      else                                                                                              \
        RIDGE_RS(N, R, I0, I1, I2, I3, I4, I5, "k16.f32.bf16.bf16", ", %" #I6, , "n"(kAcross ? 1 : 0)); \
    }                                                                                                   \
  };

RIDGE_PRODUCT(64, 32, 32, 33, 34, 35, 36, 37, 38)
RIDGE_PRODUCT(80, 40, 40, 41, 42, 43, 44, 45, 46)
RIDGE_PRODUCT(96, 48, 48, 49, 50, 51, 52, 53, 54)
RIDGE_PRODUCT(112, 56, 56, 57, 58, 59, 60, 61, 62)
RIDGE_PRODUCT(128, 64, 64, 65, 66, 67, 68, 69, 70)
RIDGE_PRODUCT(144, 72, 72, 73, 74, 75, 76, 77, 78)
RIDGE_PRODUCT(160, 80, 80, 81, 82, 83, 84, 85, 86)
RIDGE_PRODUCT(176, 88, 88, 89, 90, 91, 92, 93, 94)
RIDGE_PRODUCT(192, 96, 96, 97, 98, 99, 100, 101, 102)
RIDGE_PRODUCT(224, 112, 112, 113, 114, 115, 116, 117, 118)
RIDGE_PRODUCT(256, 128, 128, 129, 130, 131, 132, 133, 134)

#undef RIDGE_PRODUCT
#undef RIDGE_SS
#undef RIDGE_RS

// ---- host ----

// A tensor [planes, rows, columns] of elements of 1 or 2 bytes with these strides (in elements), read in
// boxes of 128 bytes of columns and box_rows rows, swizzled. False where the driver refuses it.
inline bool encode_map(CUtensorMap* map, CUtensorMapDataType type, int size, const void* data,
                       int64_t columns, int64_t rows, int64_t row_stride, int64_t planes,
                       int64_t plane_stride, int box_rows) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  static const Encode encode = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found;
    if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault,
                                         &found) != cudaSuccess ||
        found != cudaDriverEntryPointSuccess)
      entry = nullptr;
    return reinterpret_cast<Encode>(entry);
  }();
  if (!encode) return false;
  const cuuint64_t sizes[3] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows),
                               static_cast<cuuint64_t>(planes)};
  const cuuint64_t strides[2] = {static_cast<cuuint64_t>(row_stride * size),
                                 static_cast<cuuint64_t>(plane_stride * size)};
  const cuuint32_t box[3] = {static_cast<cuuint32_t>(128 / size), static_cast<cuuint32_t>(box_rows), 1};
  const cuuint32_t steps[3] = {1, 1, 1};
  return encode(map, type, 3, const_cast<void*>(data), sizes, strides, box, steps,
                CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

}  // namespace hopper
}  // namespace ridge

// C entries to FlashAttention-3 and to its building blocks, for tests/gpu/flash3.py.
#define RIDGE_FLASH3_ALL 1
#include "ops/attention/flash3.sm90a.cu"

namespace ridge {
namespace {

// One warpgroup: s = q k^T of one tile, then o = p v with p = s rounded, as the kernel does both.
template <typename T, int kD, int kDv, int kKeys>
__global__ void __launch_bounds__(128, 1)
    tile_kernel(const __grid_constant__ CUtensorMap q_map, const __grid_constant__ CUtensorMap k_map,
                const __grid_constant__ CUtensorMap v_map, float* s_out, float* o_out) {
  extern __shared__ char shared[];
  constexpr int kDBlocks = (kD + 63) / 64, kDvBlocks = (kDv + 63) / 64;
  const uint32_t q = (shared_at(shared) + 1023) & ~1023u, k = q + kDBlocks * 8192,
                 v = k + kDBlocks * kKeys * 128;
  const uint32_t full = v + kDvBlocks * kKeys * 128;
  if (threadIdx.x == 0) {
    barrier_init(full, 1);
    barrier_init_done();
    arrive_expecting(full, kDBlocks * (8192 + kKeys * 128) + kDvBlocks * kKeys * 128);
    for (int b = 0; b < kDBlocks; ++b) load_box(q + b * 8192, q_map, full, 64 * b, 0, 0);
    for (int b = 0; b < kDBlocks; ++b) load_box(k + b * kKeys * 128, k_map, full, 64 * b, 0, 0);
    for (int b = 0; b < kDvBlocks; ++b) load_box(v + b * kKeys * 128, v_map, full, 64 * b, 0, 0);
  }
  __syncthreads();
  wait(full, 0);
  float s[kKeys / 2], o[kDv / 2];
  uint32_t pr[kKeys / 4];
  products_begin();
#pragma unroll
  for (int kk = 0; kk < kD / 16; ++kk) {
    const uint64_t a = descriptor(q) + ((kk / 4 * 8192 + kk % 4 * 32) >> 4);
    const uint64_t b = descriptor(k) + ((kk / 4 * kKeys * 128 + kk % 4 * 32) >> 4);
    if (kk == 0)
      Product<kKeys>::template ss<T, false, false>(s, a, b);
    else
      Product<kKeys>::template ss<T, true, false>(s, a, b);
  }
  products_commit();
  products_wait<0>();
  pin(s);
#pragma unroll
  for (int j = 0; j < kKeys / 4; ++j) pr[j] = pack<T>(s[2 * j], s[2 * j + 1]);
  pin(pr);
  products_begin();
#pragma unroll
  for (int kk = 0; kk < kKeys / 16; ++kk) {
    const uint64_t b = descriptor(v, kKeys * 128) + (kk * 2048 >> 4);
    if (kk == 0)
      Product<kDv>::template rs<T, false, true>(o, pr, b);
    else
      Product<kDv>::template rs<T, true, true>(o, pr + 4 * kk, b);
  }
  products_commit();
  products_wait<0>();
  pin(o);
  const int lane = threadIdx.x % 32, row = threadIdx.x / 32 * 16 + lane / 4, column = lane % 4 * 2;
#pragma unroll
  for (int j = 0; j < kKeys / 2; ++j)
    s_out[(row + j / 2 % 2 * 8) * kKeys + j / 4 * 8 + column + j % 2] = s[j];
#pragma unroll
  for (int j = 0; j < kDv / 2; ++j) o_out[(row + j / 2 % 2 * 8) * kDv + j / 4 * 8 + column + j % 2] = o[j];
}

template <int kD, int kDv, int kKeys>
int run_tile(const void* q, const void* k, const void* v, float* s, float* o) {
  CUtensorMap qm, km, vm;
  const auto type = CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  if (!encode_map(&qm, type, 2, q, kD, 64, kD, 1, 64 * kD, 64) ||
      !encode_map(&km, type, 2, k, kD, kKeys, kD, 1, kKeys * kD, kKeys) ||
      !encode_map(&vm, type, 2, v, kDv, kKeys, kDv, 1, kKeys * kDv, kKeys))
    return -1;
  const auto kernel = tile_kernel<__nv_bfloat16, kD, kDv, kKeys>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 220000);
  kernel<<<1, 128, 220000>>>(qm, km, vm, s, o);
  return cudaDeviceSynchronize();
}

}  // namespace
}  // namespace ridge

using namespace ridge;

extern "C" int tile_test(int which, const void* q, const void* k, const void* v, float* s, float* o) {
  switch (which) {
    case 0:
      return run_tile<64, 64, 128>(q, k, v, s, o);
    case 1:
      return run_tile<128, 128, 176>(q, k, v, s, o);
    case 2:
      return run_tile<256, 256, 80>(q, k, v, s, o);
    case 3:
      return run_tile<96, 96, 144>(q, k, v, s, o);
    case 4:
      return run_tile<192, 192, 112>(q, k, v, s, o);
  }
  return -2;
}

// Strides in elements; segments on the device.
extern "C" int flash3_forward(int variant, int f16, int out, void* q, void* k, void* v, void* o, float* lse,
                              const int64_t* strides, void* segments, int segment_count, int max_q,
                              int max_kv, int q_tokens, int kv_tokens, int heads, int kv_heads, int d, int dv,
                              float scale, int causal, int window, void* counter, void* stream) {
  AttentionGpuParams p;
  p.q = q, p.k = k, p.v = v, p.o = o, p.lse = lse;
  p.in = f16 ? GpuReal::f16 : GpuReal::bf16;
  p.out = static_cast<GpuReal>(out);
  p.q_token = strides[0], p.q_head = strides[1], p.k_token = strides[2], p.k_head = strides[3];
  p.v_token = strides[4], p.v_head = strides[5], p.o_token = strides[6], p.o_head = strides[7];
  p.segments = static_cast<AttentionSegment*>(segments);
  p.segment_count = segment_count, p.max_q_len = max_q, p.max_kv_len = max_kv;
  p.q_tokens = q_tokens, p.kv_tokens = kv_tokens, p.heads = heads, p.kv_heads = kv_heads;
  p.d = d, p.dv = dv, p.scale = scale, p.causal = causal, p.window = window;
  return launch_flash3(p, variant, static_cast<int32_t*>(counter), static_cast<cudaStream_t>(stream)) ? 0 : 1;
}

// FlashAttention-3, forward in FP8 e4m3 (Shah et al. 2024, arXiv:2407.08608, section 3.3).
//
// Block quantization: a scale for each 64 queries, and for each step of keys and of values. Incoherent
// processing: q and k are multiplied by one random orthogonal matrix M = D H / sqrt(d) (D random signs, H
// Hadamard), which leaves q . k = (q M) . (k M) as it is and spreads outliers over all columns before they
// are rounded.
//   q M = a_q q8,  k M = a_k k8,  v = a_v v8,  s = scale a_q a_k q8 k8^T,  p8 = round(256 exp(s - m)),
//   o <- o e^(m' - m) a_v' / a_v + p8 v8       (o in units of this step's a_v; the factor rides on the
//   rescale)
// FP8 wgmma reads both operands along the reduction only, so the first pass writes v transposed, and its keys
// in the order in which a thread's scores lie in the accumulator: P needs no exchange between lanes.
#include "ops/attention/flash3_rounding.cuh"
#ifdef RIDGE_KERNEL_SYMBOL
#include "ops/attention/gpu_call.cuh"
#endif

namespace ridge {
namespace {

using namespace hopper;
using Fp8 = __nv_fp8_e4m3;

template <int kD_, int kGroups_, int kKeys_, int kStages_, bool kTurns_>
struct Shape {
  static constexpr int kD = kD_, kGroups = kGroups_, kKeys = kKeys_, kStages = kStages_;
  static constexpr bool kTurns = kTurns_;
  static constexpr int kRows = 64 * kGroups, kThreads = 128 * (kGroups + 1);
  static constexpr int kDBlocks = (kD + 127) / 128, kKeyBlocks = (kKeys + 127) / 128;  // of 128 bytes
  static constexpr int kQBlock = kRows * 128, kKBlock = kKeys * 128, kVBlock = kD * 128;
  static constexpr int kQBytes = kDBlocks * kQBlock, kKBytes = kDBlocks * kKBlock,
                       kVBytes = kKeyBlocks * kVBlock;
  static constexpr int kShared =
      1024 + kQBytes + kStages * (kKBytes + kVBytes) + 8 * (2 + 4 * kStages) + Tiles::kBytes;
  static constexpr bool kTight = kKeys * 5 / 8 + kD / 2 >= 200;  // s, p and o need what a consumer can get
  static constexpr int kConsumerRegisters = kGroups == 3 ? 160 : kTight ? 240 : 232;
  static constexpr int kProducerRegisters = kGroups == 3 ? 32 : kTight ? 24 : 40;
  static_assert(kShared <= 232448 && kKeys % 32 == 0 && (kGroups == 2 || kGroups == 3));
};

// The rounded operands. A segment's rows start at a block of their own: block begin / size + segment, which
// leaves no two segments a block in common as long as they follow one another.
struct Rounded {
  uint8_t *q, *k,
      *v;  // [heads, q_blocks 64, d], [kv_heads, blocks keys, d], [kv_heads, blocks, d, padded keys]
  float *q_unit, *k_unit, *v_unit;
  int32_t* counter;  // of tiles; then the units: [heads, q_blocks], [kv_heads, blocks]: what 1 stands for
  int q_blocks, blocks;
};

template <typename S>
__global__ void __launch_bounds__(S::kThreads, 1)
    flash3_fp8_kernel(const __grid_constant__ CUtensorMap q_map, const __grid_constant__ CUtensorMap k_map,
                      const __grid_constant__ CUtensorMap v_map, const __grid_constant__ AttentionGpuParams p,
                      const __grid_constant__ Rounded x, const int row_tiles, const int tiles,
                      int32_t* counter) {
  extern __shared__ char shared[];
  const uint32_t q_at = (shared_at(shared) + 1023) & ~1023u;
  const uint32_t k_at = q_at + S::kQBytes, v_at = k_at + S::kStages * S::kKBytes;
  const uint32_t q_full = v_at + S::kStages * S::kVBytes, q_free = q_full + 8;
  const uint32_t k_full = q_free + 8, k_free = k_full + 8 * S::kStages;
  const uint32_t v_full = k_free + 8 * S::kStages, v_free = v_full + 8 * S::kStages;
  Tiles queue(v_free + 8 * S::kStages, counter);
  const int thread = threadIdx.x, group = thread / 128 - 1;  // -1: the producer

  if (thread == 0) {
    queue.init(4 * S::kGroups);
    barrier_init(q_full, 1);
    barrier_init(q_free, 4 * S::kGroups);
    for (int i = 0; i < S::kStages; ++i) {
      barrier_init(k_full + 8 * i, 1);
      barrier_init(v_full + 8 * i, 1);
      barrier_init(k_free + 8 * i, 4 * S::kGroups);
      barrier_init(v_free + 8 * i, 4 * S::kGroups);
    }
    barrier_init_done();
  }
  __syncthreads();

  if (group < 0) {
    give_registers<S::kProducerRegisters>();
    if (thread == 0) {
      uint32_t q_turn = 0, turn_k = 0, turn_v = 0;
      int stage_k = 0, stage_v = 0;
      for (int tile = queue.give(); tile < tiles; tile = queue.give()) {
        const Work w = work_of<S>(p, tile, row_tiles);
        if (w.last < w.first) continue;
        const int kv_head = w.head / (p.heads / p.kv_heads), segment = tile / row_tiles / p.heads;
        const int block0 = w.kv_begin / S::kKeys + segment, q_row = (w.q_begin / 64 + segment) * 64 + w.row0;
        auto load_k = [&](int n) {
          wait(k_free + 8 * stage_k, turn_k ^ 1);
          arrive_expecting(k_full + 8 * stage_k, S::kKBytes);
#pragma unroll
          for (int b = 0; b < S::kDBlocks; ++b)
            load_box(k_at + stage_k * S::kKBytes + b * S::kKBlock, k_map, k_full + 8 * stage_k, 128 * b,
                     (block0 + n) * S::kKeys, kv_head);
          if (++stage_k == S::kStages) stage_k = 0, turn_k ^= 1;
        };
        auto load_v = [&](int n) {
          wait(v_free + 8 * stage_v, turn_v ^ 1);
          arrive_expecting(v_full + 8 * stage_v, S::kVBytes);
#pragma unroll
          for (int b = 0; b < S::kKeyBlocks; ++b)
            load_box(v_at + stage_v * S::kVBytes + b * S::kVBlock, v_map, v_full + 8 * stage_v, 128 * b, 0,
                     kv_head * x.blocks + block0 + n);
          if (++stage_v == S::kStages) stage_v = 0, turn_v ^= 1;
        };
        wait(q_free, q_turn ^ 1);
        q_turn ^= 1;
        arrive_expecting(q_full, S::kQBytes);
#pragma unroll
        for (int b = 0; b < S::kDBlocks; ++b)
          load_box(q_at + b * S::kQBlock, q_map, q_full, 128 * b, q_row, w.head);
        load_k(w.last);
        for (int n = w.last; n > w.first; --n) {
          load_k(n - 1);
          load_v(n);
        }
        load_v(w.first);
      }
    }
    return;
  }

  take_registers<S::kConsumerRegisters>();
  const int lane = thread % 32, warp = thread / 32 % 4;
  const uint64_t q_desc = descriptor(q_at + group * 64 * 128);
  const uint64_t k_desc0 = descriptor(k_at), v_desc0 = descriptor(v_at);
  constexpr int kTurn = 1;
  if constexpr (S::kTurns)
    if (group == S::kGroups - 1) bar_arrive(kTurn, 256);
  uint32_t q_turn = 0, turn_k = 0, turn_v = 0;
  int stage_k = 0, stage_v = 0;

  for (int tile = queue.take(lane); tile < tiles; tile = queue.take(lane)) {
    const Work w = work_of<S>(p, tile, row_tiles);
    if (w.row0 >= w.q_len) continue;
    const int row = w.row0 + group * 64 + warp * 16 + lane / 4;  // and row + 8
    float o[S::kD / 2];
    float most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};  // maxima in powers of two, sums times 256
    float v_unit = 1;
#pragma unroll
    for (int j = 0; j < S::kD / 2; ++j) o[j] = 0;

    if (w.last >= w.first) {
      float s[S::kKeys / 2];
      uint32_t pr[S::kKeys / 8];
      float fade[2];
      const int top = w.row0 + group * 64 + w.shift;
      const int clear_end = visible_keys(p.causal, p.window, w.kv_len, top).end;
      const int clear_first = visible_keys(p.causal, p.window, w.kv_len, top + 63).first;
      const int kv_head = w.head / (p.heads / p.kv_heads), segment = tile / row_tiles / p.heads;
      const float* k_unit =
          x.k_unit + static_cast<int64_t>(kv_head) * x.blocks + w.kv_begin / S::kKeys + segment;
      const float* v_units =
          x.v_unit + static_cast<int64_t>(kv_head) * x.blocks + w.kv_begin / S::kKeys + segment;
      // Queries behind the segment's end have no block of their own.
      const float q_unit = w.row0 + group * 64 < w.q_len
                               ? p.scale * kLog2e *
                                     x.q_unit[static_cast<int64_t>(w.head) * x.q_blocks + w.q_begin / 64 +
                                              segment + w.row0 / 64 + group]
                               : 1.0f;

      auto issue_s = [&]() {
        const uint64_t k_desc = k_desc0 + (stage_k * S::kKBytes >> 4);
#pragma unroll
        for (int kk = 0; kk < S::kD / 32; ++kk) {
          const int q_step = (kk / 4 * S::kQBlock + kk % 4 * 32) >> 4,
                    k_step = (kk / 4 * S::kKBlock + kk % 4 * 32) >> 4;
          if (kk == 0)
            Product<S::kKeys>::template ss<Fp8, false, false>(s, q_desc, k_desc);
          else
            Product<S::kKeys>::template ss<Fp8, true, false>(s, q_desc + q_step, k_desc + k_step);
        }
        products_commit();
      };
      auto issue_pv = [&]() {
        const uint64_t v_desc = v_desc0 + (stage_v * S::kVBytes >> 4);
#pragma unroll
        for (int kk = 0; kk < S::kKeys / 32; ++kk)
          Product<S::kD>::template rs<Fp8, true, false>(o, pr + 4 * kk,
                                                        v_desc + ((kk / 4 * S::kVBlock + kk % 4 * 32) >> 4));
        products_commit();
      };
      auto free_k = [&]() {
        if (lane == 0) arrive(k_free + 8 * stage_k);
        if (++stage_k == S::kStages) stage_k = 0, turn_k ^= 1;
      };
      auto free_v = [&]() {
        if (lane == 0) arrive(v_free + 8 * stage_v);
        if (++stage_v == S::kStages) stage_v = 0, turn_v ^= 1;
      };
      auto softmax = [&](int n, float unit) {
        if ((n + 1) * S::kKeys > clear_end || n * S::kKeys < clear_first) {
          const int key = n * S::kKeys + 2 * (lane % 4);
#pragma unroll
          for (int h = 0; h < 2; ++h) {
            const KeyRange seen = visible_keys(p.causal, p.window, w.kv_len, row + w.shift + 8 * h);
            const int first = seen.first - key, end = seen.end - key;
#pragma unroll
            for (int j = 0; j < S::kKeys / 8; ++j)
#pragma unroll
              for (int e = 0; e < 2; ++e)
                if (8 * j + e < first || 8 * j + e >= end) s[4 * j + 2 * h + e] = -INFINITY;
          }
        }
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          float m = -INFINITY;
#pragma unroll
          for (int j = 0; j < S::kKeys / 8; ++j) m = fmaxf(m, fmaxf(s[4 * j + 2 * h], s[4 * j + 2 * h + 1]));
          m = fmaxf(m, __shfl_xor_sync(~0u, m, 1));
          m = fmaxf(m, __shfl_xor_sync(~0u, m, 2));
          m = fmaxf(most[h], m * unit);
          const float base = m == -INFINITY ? 0 : m - 8;  // p times 256: e4m3 is finest there
          fade[h] = exp2_fast(most[h] - 8 - base);
          most[h] = m;
          float part = 0;
#pragma unroll
          for (int j = 0; j < S::kKeys / 8; ++j)
#pragma unroll
            for (int e = 0; e < 2; ++e) {
              float& y = s[4 * j + 2 * h + e];
              y = exp2_fast(fmaf(y, unit, -base));
              part += y;
            }
          sum[h] = sum[h] * fade[h] + part;
        }
      };
      auto pack_p = [&]() {
#pragma unroll
        for (int kk = 0; kk < S::kKeys / 32; ++kk)
#pragma unroll
          for (int r = 0; r < 4; ++r) {
            const int j =
                16 * kk + r / 2 * 8 + r % 2 * 2;  // registers of columns 16 (r / 2), rows + 8 (r % 2)
            pr[4 * kk + r] = four_fp8(s[j], s[j + 1], s[j + 4], s[j + 5]);
          }
      };
      auto turn_wait = [&]() {
        if constexpr (S::kTurns) bar_sync(kTurn + group, 256);
      };
      auto turn_pass = [&]() {
        if constexpr (S::kTurns) bar_arrive(kTurn + (group == S::kGroups - 1 ? 0 : group + 1), 256);
      };

      float unit = q_unit * k_unit[w.last];
      v_unit = v_units[w.last];
      wait(q_full, q_turn);
      q_turn ^= 1;
      wait(k_full + 8 * stage_k, turn_k);
      turn_wait();
      products_begin();
      issue_s();
      turn_pass();
      products_wait<0>();
      pin(s);
      free_k();
      softmax(w.last, unit);
      pack_p();

      for (int n = w.last - 1; n >= w.first; --n) {
        unit = q_unit * k_unit[n];
        const float v_next = v_units[n];
        wait(k_full + 8 * stage_k, turn_k);
        turn_wait();
        pin(o);
        pin(pr);
        products_begin();
        issue_s();
        wait(v_full + 8 * stage_v, turn_v);
        products_begin();
        issue_pv();
        turn_pass();
        products_wait<1>();
        pin(s);
        free_k();
        softmax(n, unit);
        const float step = v_unit / v_next;
        v_unit = v_next;
        fade[0] *= step, fade[1] *= step;
        products_wait<0>();
        pin(o);
        pin(pr);
        free_v();
        pack_p();
#pragma unroll
        for (int j = 0; j < S::kD / 2; ++j) o[j] *= fade[j / 2 % 2];
      }
      if (lane == 0) arrive(q_free);
      wait(v_full + 8 * stage_v, turn_v);
      pin(o);
      pin(pr);
      products_begin();
      issue_pv();
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        sum[h] += __shfl_xor_sync(~0u, sum[h], 1);
        sum[h] += __shfl_xor_sync(~0u, sum[h], 2);
      }
      products_wait<0>();
      pin(o);
      free_v();
    }

    float inverse[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      inverse[h] = sum[h] > 0 ? v_unit / sum[h] : 0;
      if (p.lse && lane % 4 == 0 && row + 8 * h < w.q_len)
        p.lse[static_cast<int64_t>(w.head) * p.q_tokens + w.q_begin + row + 8 * h] =
            sum[h] > 0 ? (most[h] - 8) * 0.6931471805599453f + __logf(sum[h]) : -INFINITY;
    }
#pragma unroll
    for (int j = 0; j < S::kD / 2; ++j) o[j] *= inverse[j / 2 % 2];
#pragma unroll
    for (int h = 0; h < 2; ++h)
      store_row<S::kD>(p, o, h, w.q_begin + row + 8 * h, w.head, row + 8 * h < w.q_len, lane);
  }
}

int64_t up(int64_t n) { return (n + 255) / 256 * 256; }

template <typename S>
int64_t lay_out(const AttentionGpuParams& p, void* workspace, Rounded* x) {
  constexpr int kPadded = (S::kKeys + 127) / 128 * 128;
  x->q_blocks = p.q_tokens / 64 + p.segment_count, x->blocks = p.kv_tokens / S::kKeys + p.segment_count;
  char* at = static_cast<char*>(workspace);
  const auto take = [&at](int64_t bytes) {
    char* r = at;
    at += up(bytes);
    return r;
  };
  const int64_t kv = static_cast<int64_t>(p.kv_heads) * x->blocks,
                q = static_cast<int64_t>(p.heads) * x->q_blocks;
  x->q = reinterpret_cast<uint8_t*>(take(q * 64 * p.d));
  x->k = reinterpret_cast<uint8_t*>(take(kv * S::kKeys * p.d));
  x->v = reinterpret_cast<uint8_t*>(take(kv * kPadded * p.d));
  x->q_unit = reinterpret_cast<float*>(take(q * 4));
  x->k_unit = reinterpret_cast<float*>(take(kv * 4));
  x->v_unit = reinterpret_cast<float*>(take(kv * 4));
  x->counter = reinterpret_cast<int32_t*>(take(4));
  return at - static_cast<char*>(workspace);
}

template <typename T, typename S, bool kRotate>
void round_operands(const AttentionGpuParams& p, const Rounded& x, gpuStream_t stream) {
  const dim3 q_grid((p.max_q_len + 63) / 64, p.heads, p.segment_count);
  const dim3 kv_grid((p.max_kv_len + S::kKeys - 1) / S::kKeys, p.kv_heads, p.segment_count);
  rotate_kernel<T, S::kD, 64, kRotate>
      <<<q_grid, 512, 0, stream>>>(static_cast<const T*>(p.q), p.q_token, p.q_head, p.segments, false, x.q,
                                   x.q_unit, x.q_blocks, static_cast<int64_t>(x.q_blocks) * 64);
  if (kv_grid.x == 0) return;
  rotate_kernel<T, S::kD, S::kKeys, kRotate>
      <<<kv_grid, 512, 0, stream>>>(static_cast<const T*>(p.k), p.k_token, p.k_head, p.segments, true, x.k,
                                    x.k_unit, x.blocks, static_cast<int64_t>(x.blocks) * S::kKeys);
  constexpr int kTile = S::kKeys * (S::kD + 4);
  static const bool ready =
      cudaFuncSetAttribute(values_kernel<T, S::kD, S::kKeys>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           kTile) == cudaSuccess;
  if (ready)
    values_kernel<T, S::kD, S::kKeys><<<kv_grid, 512, kTile, stream>>>(
        static_cast<const T*>(p.v), p.v_token, p.v_head, p.segments, x.v, x.v_unit, x.blocks);
}

template <typename S>
bool launch_shape(const AttentionGpuParams& p, int flags, void* workspace, gpuStream_t stream,
                  int64_t* bytes) {
  constexpr int kPadded = (S::kKeys + 127) / 128 * 128;
  Rounded x;
  const int64_t size = lay_out<S>(p, workspace, &x);
  if (bytes) {
    *bytes = size;
    return true;
  }
  const int row_tiles = (p.max_q_len + S::kRows - 1) / S::kRows,
            tiles = row_tiles * p.heads * p.segment_count;
  if (tiles == 0) return true;
  if (!(flags & kFp8Rounded)) {
    const bool half = p.in == GpuReal::f16;
    if (flags & kFp8Plain)
      half ? round_operands<__half, S, false>(p, x, stream)
           : round_operands<__nv_bfloat16, S, false>(p, x, stream);
    else
      half ? round_operands<__half, S, true>(p, x, stream)
           : round_operands<__nv_bfloat16, S, true>(p, x, stream);
  }
  CUtensorMap q, k, v;
  const auto type = CU_TENSOR_MAP_DATA_TYPE_UINT8;
  const int64_t q_rows = static_cast<int64_t>(x.q_blocks) * 64,
                k_rows = static_cast<int64_t>(x.blocks) * S::kKeys;
  if (!encode_map(&q, type, 1, x.q, S::kD, q_rows, S::kD, p.heads, q_rows * S::kD, S::kRows) ||
      !encode_map(&k, type, 1, x.k, S::kD, k_rows, S::kD, p.kv_heads, k_rows * S::kD, S::kKeys) ||
      !encode_map(&v, type, 1, x.v, kPadded, S::kD, kPadded, static_cast<int64_t>(p.kv_heads) * x.blocks,
                  S::kD * kPadded, S::kD))
    return false;
  const auto kernel = flash3_fp8_kernel<S>;
  static const bool ready =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, S::kShared) == cudaSuccess;
  if (!ready) return false;
  const bool even = !p.causal && p.window == 0 && p.segment_count == 1;
  const bool stay = (flags & kFp8Persistent) && tiles > processor_count();
  int32_t* counter = stay && !even ? x.counter : nullptr;
  if (counter && cudaMemsetAsync(counter, 0, 4, stream) != cudaSuccess) return false;
  kernel<<<stay ? processor_count() : tiles, S::kThreads, S::kShared, stream>>>(q, k, v, p, x, row_tiles,
                                                                                tiles, counter);
  return cudaGetLastError() == cudaSuccess;
}

bool launch_variant(const AttentionGpuParams& p, int variant, int flags, void* workspace, gpuStream_t stream,
                    int64_t* bytes) {
  // As measured on an H100.
  if (variant < 0) variant = p.d == 64 ? 0 : p.d == 128 ? (p.max_kv_len <= 4096 ? 3 : 1) : 2;
  switch (variant) {
    case 0:
      return launch_shape<Shape<64, 3, 128, 4, true>>(p, flags, workspace, stream, bytes);
    case 1:
      return launch_shape<Shape<128, 2, 224, 2, false>>(p, flags, workspace, stream, bytes);
    case 2:
      return launch_shape<Shape<256, 2, 128, 2, false>>(p, flags, workspace, stream, bytes);
    case 3:
      return launch_shape<Shape<128, 2, 128, 4, false>>(p, flags, workspace, stream, bytes);
#ifdef RIDGE_FLASH3_ALL
    case 4:
      return launch_shape<Shape<64, 2, 128, 4, false>>(p, flags, workspace, stream, bytes);
    case 5:
      return launch_shape<Shape<128, 2, 128, 4, true>>(p, flags, workspace, stream, bytes);
    case 6:
      return launch_shape<Shape<128, 2, 192, 3, true>>(p, flags, workspace, stream, bytes);
    case 7:
      return launch_shape<Shape<64, 2, 192, 3, true>>(p, flags, workspace, stream, bytes);
    case 8:
      return launch_shape<Shape<256, 2, 128, 2, true>>(p, flags, workspace, stream, bytes);
    case 9:
      return launch_shape<Shape<256, 2, 96, 2, true>>(p, flags, workspace, stream, bytes);
    case 10:
      return launch_shape<Shape<128, 2, 224, 2, true>>(p, flags, workspace, stream, bytes);
    case 11:
      return launch_shape<Shape<128, 2, 192, 3, false>>(p, flags, workspace, stream, bytes);
    case 12:
      return launch_shape<Shape<128, 3, 96, 4, false>>(p, flags, workspace, stream, bytes);
    case 13:
      return launch_shape<Shape<128, 3, 96, 4, true>>(p, flags, workspace, stream, bytes);
#endif
    default:
      return false;
  }
}

}  // namespace

// Bytes of workspace.
int64_t flash3_fp8_workspace(const AttentionGpuParams& p, int variant) {
  int64_t bytes = 0;
  launch_variant(p, variant, 0, nullptr, nullptr, &bytes);
  return bytes;
}

bool launch_flash3_fp8(const AttentionGpuParams& p, int variant, int flags, void* workspace,
                       gpuStream_t stream) {
  return launch_variant(p, variant, flags, workspace, stream, nullptr);
}

#ifdef RIDGE_KERNEL_SYMBOL
namespace {

const char* accepts(const void* args) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  if (const char* why = gpu_call::accepts_tiles(a)) return why;
  if (a.slopes.format != nullptr) return "ALiBi is not in its tiles";
  if (a.softcap != 0) return "softcap is not in its tiles";
  if (!(a.scale > 0)) return "a scale that is not positive";
  if (a.q.dim[0] == 0 || a.k.dim[0] == 0) return "no queries or no keys";
  const int64_t d = a.q.dim[2];
  if ((d != 64 && d != 128 && d != 256) || a.v.dim[2] != d)
    return "heads of other than 64, 128 or 256 columns";
  int64_t q = 0, kv = 0;
  for (int64_t i = 0; i < a.segment_count; ++i) {
    const AttentionSegment& g = a.segments[i];
    if (g.q_begin < q || g.kv_begin < kv) return "segments that overlap or are out of order";
    q = g.q_begin + g.q_len, kv = g.kv_begin + g.kv_len;
  }
  return nullptr;
}

int64_t workspace(const void* args, int) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  return up(gpu_call::tile_bytes(a)) + flash3_fp8_workspace(gpu_call::shapes(a), -1);
}

void run(const void* args, const Exec& exec) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::in_tiles(a, exec);
  const gpuStream_t stream = static_cast<gpuStream_t>(exec.stream);
  void* own = static_cast<char*>(exec.workspace) + up(gpu_call::tile_bytes(a));
  // A launch that the driver refused leaves its error; a refused tensor map does not, so one is made.
  if (!launch_flash3_fp8(p, -1, kFp8Persistent, own, stream)) cudaMemsetAsync(nullptr, 0, 1, stream);
}

}  // namespace

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
// Its rank is below all others: 8 bits are for those who ask for them by name.
const Kernel RIDGE_KERNEL_SYMBOL{"attention",
                                 "flash3_fp8",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm90a,
                                 -1,
                                 Rounding::q8_activation,
                                 accepts,
                                 workspace,
                                 run,
                                 nullptr,
                                 "Shah et al. 2024 (FlashAttention-3), section 3.3"};
}  // namespace tables
#endif

}  // namespace ridge

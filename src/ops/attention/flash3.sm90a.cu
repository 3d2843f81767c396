// FlashAttention-3, forward, BF16 and F16 (Shah et al. 2024, arXiv:2407.08608, sections 3.1 and 3.2).
//
//   s = scale q k^T,  m' = max(m, max_j s),  p = exp(s - m'),  l = e^(m - m') l + sum_j p,
//   o = e^(m - m') o + p v;     finally o / l, and lse = m + log l.
//
// A CTA owns kRows queries of a head. One warp of the producer warpgroup copies Q once and K and V tile by
// tile into a circular buffer (TMA, mbarriers); each consumer warpgroup owns 64 queries and computes both
// products with wgmma, P staying in registers as the second product's operand. Two overlaps hide the
// exponentials: a warpgroup issues S = Q K^T of the next tile before P V of this one and takes the softmax
// while P V runs; and warpgroups take turns (named barriers), so that the products of one run beside the
// softmax of the other. Tiles run from the last key to the first: masks cut the first steps, and the tile
// that holds the segment's end comes first. Bytes moved: q and o once; k and v once a tile of queries:
// Theta(N^2 d^2 / M).
#include "ops/attention/flash3.cuh"
#ifdef RIDGE_KERNEL_SYMBOL
#include "ops/attention/gpu_call.cuh"
#endif

namespace ridge {
namespace {

using namespace hopper;

// kD columns of q and k, kDv of v; kGroups consumer warpgroups; kKeys keys a step; kStages steps in flight.
template <int kD_, int kDv_, int kGroups_, int kKeys_, int kStages_, bool kTurns_>
struct Shape {
  static constexpr int kD = kD_, kDv = kDv_, kGroups = kGroups_, kKeys = kKeys_, kStages = kStages_;
  static constexpr bool kTurns = kTurns_;
  static constexpr int kRows = 64 * kGroups, kThreads = 128 * (kGroups + 1);
  static constexpr int kDBlocks = (kD + 63) / 64, kDvBlocks = (kDv + 63) / 64;
  static constexpr int kQBlock = kRows * 128, kKBlock = kKeys * 128;  // bytes of a block of 64 columns
  static constexpr int kQBytes = kDBlocks * kQBlock, kKBytes = kDBlocks * kKBlock,
                       kVBytes = kDvBlocks * kKBlock;
  static constexpr int kBarriers = 2 + 4 * kStages;
  static constexpr int kShared =
      1024 + kQBytes + kStages * (kKBytes + kVBytes) + 8 * kBarriers + Tiles::kBytes;
  // What the CTA was given (168 a thread, with two or four warpgroups 128), in steps of 8.
  static constexpr int kCtas = kGroups == 1 ? 2 : 1;              // on a multiprocessor
  static constexpr bool kTight = kKeys * 3 / 4 + kDv / 2 >= 180;  // s, p and o need what a consumer can get
  static constexpr int kConsumerRegisters = kGroups == 3 ? 160 : kGroups == 1 ? 216 : kTight ? 240 : 232;
  static constexpr int kProducerRegisters = kGroups == 3 ? 32 : kTight && kGroups == 2 ? 24 : 40;
  static_assert(kShared <= 232448 && kKeys % 16 == 0 && kD % 16 == 0 && kDv % 32 == 0);
};

template <typename T, typename S>
__global__ void __launch_bounds__(S::kThreads, S::kCtas)
    flash3_kernel(const __grid_constant__ CUtensorMap q_map, const __grid_constant__ CUtensorMap k_map,
                  const __grid_constant__ CUtensorMap v_map, const __grid_constant__ AttentionGpuParams p,
                  const int row_tiles, const int tiles, int32_t* counter) {
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
    barrier_init(q_free, 4 * S::kGroups);  // one arrival a consumer warp
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
      prefetch(q_map);
      prefetch(k_map);
      prefetch(v_map);
      uint32_t q_turn = 0;
      int stage_k = 0, stage_v = 0;
      uint32_t turn_k = 0, turn_v = 0;
      for (int tile = queue.give(); tile < tiles; tile = queue.give()) {
        const Work w = work_of<S>(p, tile, row_tiles);
        if (w.last < w.first) continue;
        const int kv_head = w.head / (p.heads / p.kv_heads);
        auto load_k = [&](int n) {
          wait(k_free + 8 * stage_k, turn_k ^ 1);
          arrive_expecting(k_full + 8 * stage_k, S::kKBytes);
#pragma unroll
          for (int b = 0; b < S::kDBlocks; ++b)
            load_box(k_at + stage_k * S::kKBytes + b * S::kKBlock, k_map, k_full + 8 * stage_k, 64 * b,
                     w.kv_begin + n * S::kKeys, kv_head);
          if (++stage_k == S::kStages) stage_k = 0, turn_k ^= 1;
        };
        auto load_v = [&](int n) {
          wait(v_free + 8 * stage_v, turn_v ^ 1);
          arrive_expecting(v_full + 8 * stage_v, S::kVBytes);
#pragma unroll
          for (int b = 0; b < S::kDvBlocks; ++b)
            load_box(v_at + stage_v * S::kVBytes + b * S::kKBlock, v_map, v_full + 8 * stage_v, 64 * b,
                     w.kv_begin + n * S::kKeys, kv_head);
          if (++stage_v == S::kStages) stage_v = 0, turn_v ^= 1;
        };
        wait(q_free, q_turn ^ 1);
        q_turn ^= 1;
        arrive_expecting(q_full, S::kQBytes);
#pragma unroll
        for (int b = 0; b < S::kDBlocks; ++b)
          load_box(q_at + b * S::kQBlock, q_map, q_full, 64 * b, w.q_begin + w.row0, w.head);
        load_k(w.last);
        for (int n = w.last; n > w.first; --n) {
          load_k(n - 1);  // wanted before V of n
          load_v(n);
        }
        load_v(w.first);
      }
    }
    return;
  }

  take_registers<S::kConsumerRegisters>();
  const int lane = thread % 32, warp = thread / 32 % 4;
  const float unit = p.scale * kLog2e;  // a score times `unit` is in powers of two
  const uint64_t q_desc = descriptor(q_at + group * 64 * 128);
  const uint64_t k_desc0 = descriptor(k_at), v_desc0 = descriptor(v_at, S::kKBlock);
  constexpr int kTurn = 1, kOwn = 1 + S::kGroups;  // named barriers: whose turn it is; a warpgroup's own
  if constexpr (S::kTurns)
    if (group == S::kGroups - 1) bar_arrive(kTurn, 256);
  uint32_t q_turn = 0, turn_k = 0, turn_v = 0;
  int stage_k = 0, stage_v = 0;

  for (int tile = queue.take(lane); tile < tiles; tile = queue.take(lane)) {
    const Work w = work_of<S>(p, tile, row_tiles);
    if (w.row0 >= w.q_len) continue;
    const int row = w.row0 + group * 64 + warp * 16 + lane / 4;  // and row + 8
    float o[S::kDv / 2];
    float most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
#pragma unroll
    for (int j = 0; j < S::kDv / 2; ++j) o[j] = 0;

    if (w.last >= w.first) {
      float s[S::kKeys / 2];
      uint32_t pr[S::kKeys / 4];  // P in 16 bits, as the operand of the second product
      float fade[2];
      // Keys that all rows of this warpgroup see need no mask.
      const int top = w.row0 + group * 64 + w.shift;
      const int clear_end = visible_keys(p.causal, p.window, w.kv_len, top).end;
      const int clear_first = visible_keys(p.causal, p.window, w.kv_len, top + 63).first;

      auto issue_s = [&]() {
        const uint64_t k_desc = k_desc0 + (stage_k * S::kKBytes >> 4);
#pragma unroll
        for (int kk = 0; kk < S::kD / 16; ++kk) {
          const int q_step = (kk / 4 * S::kQBlock + kk % 4 * 32) >> 4,
                    k_step = (kk / 4 * S::kKBlock + kk % 4 * 32) >> 4;
          if (kk == 0)
            Product<S::kKeys>::template ss<T, false, false>(s, q_desc, k_desc);
          else
            Product<S::kKeys>::template ss<T, true, false>(s, q_desc + q_step, k_desc + k_step);
        }
        products_commit();
      };
      auto issue_pv = [&]() {
        const uint64_t v_desc = v_desc0 + (stage_v * S::kVBytes >> 4);
#pragma unroll
        for (int kk = 0; kk < S::kKeys / 16; ++kk)
          Product<S::kDv>::template rs<T, true, true>(o, pr + 4 * kk, v_desc + (kk * 2048 >> 4));
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
      auto softmax = [&](int n) {
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
          float m = most[h];
#pragma unroll
          for (int j = 0; j < S::kKeys / 8; ++j) m = fmaxf(m, fmaxf(s[4 * j + 2 * h], s[4 * j + 2 * h + 1]));
          m = fmaxf(m, __shfl_xor_sync(~0u, m, 1));
          m = fmaxf(m, __shfl_xor_sync(~0u, m, 2));
          const float base = m == -INFINITY ? 0 : m * unit;
          fade[h] = exp2_fast(most[h] * unit - base);
          most[h] = m;
          float part = 0;
#pragma unroll
          for (int j = 0; j < S::kKeys / 8; ++j)
#pragma unroll
            for (int e = 0; e < 2; ++e) {
              float& x = s[4 * j + 2 * h + e];
              x = exp2_fast(fmaf(x, unit, -base));
              part += x;
            }
          sum[h] = sum[h] * fade[h] + part;
        }
      };
      auto pack_p = [&]() {
#pragma unroll
        for (int j = 0; j < S::kKeys / 4; ++j) pr[j] = pack<T>(s[2 * j], s[2 * j + 1]);
      };
      auto turn_wait = [&]() {
        if constexpr (S::kTurns) bar_sync(kTurn + group, 256);
      };
      auto turn_pass = [&]() {
        if constexpr (S::kTurns) bar_arrive(kTurn + (group == S::kGroups - 1 ? 0 : group + 1), 256);
      };

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
      softmax(w.last);
      pack_p();
      if ((w.last + 1) * S::kKeys > w.kv_len) {
        // What lies behind the segment may be anything; zero times NaN must not reach the output.
        wait(v_full + 8 * stage_v, turn_v);
        const uint32_t at = v_at + stage_v * S::kVBytes;
        const int keep = w.kv_len - w.last * S::kKeys;
        for (int x = keep * 8 + thread % 128; x < S::kKeys * 8; x += 128)
#pragma unroll
          for (int b = 0; b < S::kDvBlocks; ++b)
            asm volatile("st.shared.v4.b32 [%0], {%1, %1, %1, %1};" ::"r"(at + b * S::kKBlock + 16 * x),
                         "r"(0)
                         : "memory");
        fence_async();
        bar_sync(kOwn + group, 128);
      }

      for (int n = w.last - 1; n >= w.first; --n) {
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
        softmax(n);
        products_wait<0>();
        pin(o);
        pin(pr);
        free_v();
        pack_p();
#pragma unroll
        for (int j = 0; j < S::kDv / 2; ++j) o[j] *= fade[j / 2 % 2];
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
      inverse[h] = sum[h] > 0 ? 1 / sum[h] : 0;
      if (p.lse && lane % 4 == 0 && row + 8 * h < w.q_len)
        p.lse[static_cast<int64_t>(w.head) * p.q_tokens + w.q_begin + row + 8 * h] =
            sum[h] > 0 ? most[h] * p.scale + __logf(sum[h]) : -INFINITY;
    }
#pragma unroll
    for (int j = 0; j < S::kDv / 2; ++j) o[j] *= inverse[j / 2 % 2];
#pragma unroll
    for (int h = 0; h < 2; ++h)
      if (row + 8 * h < w.q_len || p.out != GpuReal::f32)
        store_row<S::kDv>(p, o, h, w.q_begin + row + 8 * h, w.head, row + 8 * h < w.q_len, lane);
  }
}

template <typename T, typename S>
bool launch_shape(const AttentionGpuParams& p, bool persistent, int32_t* counter, gpuStream_t stream) {
  const int row_tiles = (p.max_q_len + S::kRows - 1) / S::kRows,
            tiles = row_tiles * p.heads * p.segment_count;
  if (tiles == 0) return true;
  const CUtensorMapDataType type =
      std::is_same_v<T, __half> ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  CUtensorMap q, k, v;
  if (!encode_map(&q, type, 2, p.q, p.d, p.q_tokens, p.q_token, p.heads, p.q_head, S::kRows) ||
      !encode_map(&k, type, 2, p.k, p.d, p.kv_tokens, p.k_token, p.kv_heads, p.k_head, S::kKeys) ||
      !encode_map(&v, type, 2, p.v, p.dv, p.kv_tokens, p.v_token, p.kv_heads, p.v_head, S::kKeys))
    return false;
  const auto kernel = flash3_kernel<T, S>;
  static const bool ready =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, S::kShared) == cudaSuccess;
  if (!ready) return false;
  // Tiles of one length go round in turn; others to whoever is free.
  const bool even = !p.causal && p.window == 0 && p.segment_count == 1;
  const int stay = S::kCtas * processor_count();
  persistent = persistent && tiles > stay && (even || counter);
  if (!persistent || even) counter = nullptr;
  if (counter && cudaMemsetAsync(counter, 0, 4, stream) != cudaSuccess) return false;
  kernel<<<persistent ? stay : tiles, S::kThreads, S::kShared, stream>>>(q, k, v, p, row_tiles, tiles,
                                                                         counter);
  return cudaGetLastError() == cudaSuccess;
}

// Variants 2 i and 2 i + 1 are shape i with a CTA a tile and with CTAs that stay.
template <typename T>
bool launch_variant(const AttentionGpuParams& p, int variant, int32_t* counter, gpuStream_t stream) {
  const bool stay = variant & 1;
  switch (variant >> 1) {
    case 0:
      return launch_shape<T, Shape<64, 64, 3, 128, 2, true>>(p, stay, counter, stream);
    case 1:
      return launch_shape<T, Shape<96, 96, 2, 144, 2, true>>(p, stay, counter, stream);
    case 2:
      return launch_shape<T, Shape<128, 128, 2, 128, 2, true>>(p, stay, counter, stream);
    case 3:
      return launch_shape<T, Shape<128, 128, 2, 160, 2, true>>(p, stay, counter, stream);
    case 4:
      return launch_shape<T, Shape<192, 128, 2, 128, 2, true>>(p, stay, counter, stream);
    case 5:
      return launch_shape<T, Shape<192, 192, 2, 112, 2, true>>(p, stay, counter, stream);
    case 6:
      return launch_shape<T, Shape<256, 256, 2, 80, 2, false>>(p, stay, counter, stream);
    case 7:
      return launch_shape<T, Shape<64, 64, 1, 128, 2, false>>(p, stay, counter, stream);
#ifdef RIDGE_FLASH3_ALL
    case 8:
      return launch_shape<T, Shape<128, 128, 1, 80, 2, false>>(p, stay, counter, stream);
    case 9:
      return launch_shape<T, Shape<64, 64, 2, 128, 2, true>>(p, stay, counter, stream);
    case 10:
      return launch_shape<T, Shape<128, 128, 2, 176, 2, true>>(p, stay, counter, stream);
    case 11:
      return launch_shape<T, Shape<64, 64, 1, 96, 3, false>>(p, stay, counter, stream);
    case 12:
      return launch_shape<T, Shape<192, 192, 2, 96, 2, false>>(p, stay, counter, stream);
#endif
    default:
      return false;
  }
}

// As measured on an H100; CTAs that stay won everywhere.
int best_variant(const AttentionGpuParams& p) {
  int shape = 6;
  if (p.d <= 64 && p.dv <= 64)
    shape = p.max_kv_len <= (p.causal ? 8192 : 1024) ? 7 : 0;
  else if (p.d <= 96 && p.dv <= 96)
    shape = 1;
  else if (p.d <= 128 && p.dv <= 128)
    shape = p.max_kv_len <= 8192 ? 2 : 3;
  else if (p.d <= 192 && p.dv <= 192)
    shape = p.dv <= 128 ? 4 : 5;
  return 2 * shape + 1;
}

// Rows and keys of the tile of a shape.
struct TileSize {
  int64_t rows, keys;
};
[[maybe_unused]] TileSize tile_size(int variant) {
  constexpr TileSize sizes[] = {{192, 128}, {128, 144}, {128, 128}, {128, 160},
                                {128, 128}, {128, 112}, {128, 80},  {64, 128}};
  return sizes[variant / 2];
}

}  // namespace

bool launch_flash3(const AttentionGpuParams& p, int variant, int32_t* counter, gpuStream_t stream) {
  if (variant < 0) variant = best_variant(p);
  return p.in == GpuReal::f16 ? launch_variant<__half>(p, variant, counter, stream)
                              : launch_variant<__nv_bfloat16>(p, variant, counter, stream);
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
  return nullptr;
}

int64_t workspace(const void* args, int) {
  return gpu_call::tile_bytes(*static_cast<const AttentionArgs*>(args)) + 256;
}

void run(const void* args, const Exec& exec) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::in_tiles(a, exec);
  int32_t* counter = reinterpret_cast<int32_t*>(static_cast<char*>(exec.workspace) + gpu_call::tile_bytes(a));
  const gpuStream_t stream = static_cast<gpuStream_t>(exec.stream);
  // A launch that the driver refused leaves its error; a refused tensor map does not, so one is made.
  if (!launch_flash3(p, -1, counter, stream)) cudaMemsetAsync(nullptr, 0, 1, stream);
}

void refine(const void* args, Cost& cost) {
  const AttentionArgs& a = *static_cast<const AttentionArgs*>(args);
  const AttentionGpuParams p = gpu_call::shapes(a);
  const TileSize tile = tile_size(best_variant(p));
  int64_t queries = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) queries += a.segments[s].q_len;
  cost.state = gpu_call::loaded_keys(a, tile.rows, tile.keys) * p.heads * (p.d + p.dv) * 2;
  cost.read = cost.state + queries * p.heads * p.d * 2 + gpu_call::rounding_bytes(a);
  cost.written = queries * p.heads * p.dv * (p.out == GpuReal::f32 ? 4 : 2);
  cost.rate = Rate::bf16;
}

}  // namespace

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"attention",
                                 "flash3",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm90a,
                                 25,
                                 Rounding::bf16_activation,
                                 accepts,
                                 workspace,
                                 run,
                                 refine,
                                 "Shah et al. 2024 (FlashAttention-3), sections 3.1 and 3.2"};
}  // namespace tables
#endif

}  // namespace ridge

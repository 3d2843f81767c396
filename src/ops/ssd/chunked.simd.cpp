// The chunked algorithm (Dao and Gu 2024, section 6) for sequences of kShort tokens and more: inside a chunk
// of kChunk tokens the scan is a product with a lower triangular matrix, between chunks it is a recurrence of
// states, and all of it is products of matrices in register tiles.
//
// For a head and a chunk, with E[t, s] the product of the decays of tokens s + 1 .. t:
//   y = ((c b^T) * E) (delta x) + (E[t, before] c) S,     S = E[last, before] S + b^T (E[last, s] delta x).
// E is made row by row by the recurrence itself, so it neither cancels nor overflows. c b^T is the same for
// all heads of a group and is made first, for kBlock chunks at a time; then heads are independent.
#include "base/cpu_features.h"
#include "ops/ssd/serial.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kShort = 16, kBlock = 16;
constexpr int kRows = 6, kVectors = kLanes == 16 ? 4 : 2;  // a register tile
constexpr int kMasks = kChunk / kLanes;

struct Sizes {
  int64_t heads, p, n, groups, width;  // width: p in whole vectors
  int64_t product, keys, scores;       // floats: b^T, c b^T, both for all groups of a chunk
};

RIDGE_INLINE Sizes sizes_of(const SsdArgs& s) {
  Sizes z;
  z.heads = s.x.dim[1], z.p = s.x.dim[2], z.groups = s.b.dim[1], z.n = s.b.dim[2], z.width = padded(z.p);
  z.keys = z.n * kChunk, z.scores = kChunk * kChunk;
  z.product = z.groups * (z.keys + z.scores);
  return z;
}

// A thread's floats: delta x, the same decayed to the end of the chunk, E * c b^T, c decayed; the sums of E.
RIDGE_INLINE int64_t own_room(const Sizes& z) { return kChunk * (2 * z.width + kChunk + z.n) + 16; }
RIDGE_INLINE int64_t serial_room(const Sizes& z) { return (z.n * z.width + 15) / 16 * 16; }

int64_t longest(const SsdArgs& s) {
  int64_t most = 0;
  for (int64_t i = 0; i < s.span_count; ++i) most = s.spans[i].length > most ? s.spans[i].length : most;
  return most;
}
int64_t chunks_at_once(const SsdArgs& s) {
  const int64_t chunks = (longest(s) + kChunk - 1) / kChunk;
  return chunks < kBlock ? chunks : kBlock;
}

int64_t workspace(const void* p, int threads) {
  const auto& s = *static_cast<const SsdArgs*>(p);
  const Sizes z = sizes_of(s);
  const int64_t each = own_room(z) > serial_room(z) ? own_room(z) : serial_room(z);
  int64_t floats = threads * ((each + 15) / 16 * 16);
  if (longest(s) >= kShort) floats += chunks_at_once(s) * z.product + z.heads * serial_room(z);
  return floats * 4;
}

// acc[r] += a[r, :] b over k: a's rows `a_row` floats apart, dense along k; b's rows `b_row` apart.
template <int kR, int kV>
RIDGE_INLINE void multiply_add(F32 (&acc)[kR][kV], const float* a, int64_t a_row, const float* b,
                               int64_t b_row, int64_t k) {
  for (int64_t l = 0; l < k; ++l) {
    F32 row[kV];
#pragma GCC unroll 4
    for (int v = 0; v < kV; ++v) row[v] = load(b + l * b_row + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kR; ++r) {
      const F32 x = set1(a[r * a_row + l]);
#pragma GCC unroll 4
      for (int v = 0; v < kV; ++v) acc[r][v] = fma(x, row[v], acc[r][v]);
    }
  }
}

// Calls fn.operator()<rows, vectors>(row, column) over tiles that cover `rows` and `width` (whole vectors).
template <typename F>
RIDGE_INLINE void tiles(int64_t rows, int64_t width, F&& fn) {
  const auto column = [&]<int kV>(int64_t j) {
    int64_t i = 0;
    for (; i + kRows <= rows; i += kRows) fn.template operator()<kRows, kV>(i, j);
    if (rows - i >= 4) fn.template operator()<4, kV>(i, j), i += 4;
    if (rows - i >= 2) fn.template operator()<2, kV>(i, j), i += 2;
    if (rows - i >= 1) fn.template operator()<1, kV>(i, j);
  };
  int64_t j = 0;
  for (; j + kVectors * kLanes <= width; j += kVectors * kLanes) column.template operator()<kVectors>(j);
  for (; j < width; j += kLanes) column.template operator()<1>(j);
}

// b^T [n, kChunk] and c b^T [kChunk, kChunk] of a group; zeros beyond `count` tokens.
void make_scores(const SsdArgs& s, const Sizes& z, int64_t first, int64_t count, int64_t group, float* keys,
                 float* scores) {
  for (int64_t t = 0; t < kChunk; ++t) {
    const float* b = t < count ? ssd_row(s.b, first + t) + group * z.n : nullptr;
    for (int64_t i = 0; i < z.n; ++i) keys[i * kChunk + t] = b ? b[i] : 0;
  }
  const float* c = ssd_row(s.c, first) + group * z.n;
  const int64_t used = padded(count);
  tiles(count, used, [&]<int kR, int kV>(int64_t i, int64_t j) {
    F32 acc[kR][kV] = {};
    if (j < i + kR)  // else above the diagonal
      multiply_add(acc, c + i * s.c.stride[0], s.c.stride[0], keys + j, kChunk, z.n);
    for (int r = 0; r < kR; ++r)
      for (int v = 0; v < kV; ++v) store(scores + (i + r) * kChunk + j + v * kLanes, acc[r][v]);
  });
}

struct Own {
  float *u, *last, *mixed, *c;
};

// The operands of a head's products. Returns the decay of the whole chunk.
RIDGE_INLINE float prepare(const SsdArgs& s, const Sizes& z, int64_t h, int64_t first, int64_t count,
                           const float* scores, const Own& own) {
  Steps steps;
  make_steps(s, h, first, count, steps);
  alignas(64) float index[kLanes];
  for (int l = 0; l < kLanes; ++l) index[l] = static_cast<float>(l);
  const F32 lane = load(index);
  F32 decays[kMasks] = {};  // a row of E
  float before = 1;
  const int64_t group = h / (z.heads / z.groups);
  for (int64_t t = 0; t < count; ++t) {
    const float decay = steps.decay[t];
    before = before * decay < 0x1p-100f ? 0 : before * decay;  // no denormal numbers; NaN stays
#pragma GCC unroll 16
    for (int v = 0; v < kMasks; ++v) {
      F32 e = decays[v] * decay;
      e = select(e < 0x1p-100f, F32{}, e);
      e = select(lane == static_cast<float>(t - v * kLanes), set1(1.0f), e);
      decays[v] = e;
      // Above the diagonal E is 0, and scores may not have been made, or be infinite.
      const F32 score = v * kLanes <= t ? load(scores + t * kChunk + v * kLanes) : F32{};
      store(own.mixed + t * kChunk + v * kLanes, select(e == 0.0f, F32{}, score * e));
    }
    const float* c = ssd_row(s.c, first + t) + group * z.n;
    for (int64_t i = 0; i < z.n; ++i) own.c[t * z.n + i] = before * c[i];
  }
  alignas(64) float last[kChunk];
  for (int v = 0; v < kMasks; ++v) store(last + v * kLanes, decays[v]);
  for (int64_t t = 0; t < count; ++t) {
    const float* x = ssd_row(s.x, first + t) + h * z.p;
    for (int64_t j = 0; j < z.width; j += kLanes) {
      const F32 in = z.p - j >= kLanes ? load(x + j) : load_n(x + j, z.p - j);
      const F32 u = in * steps.delta[t];
      store(own.u + t * z.width + j, u);
      store(own.last + t * z.width + j, u * last[t]);
    }
  }
  return before;
}

void head_chunk(const SsdArgs& s, const Sizes& z, int64_t h, int64_t first, int64_t count, const float* keys,
                const float* scores, float* state, float* room) {
  const Own own{room, room + kChunk * z.width, room + 2 * kChunk * z.width,
                room + 2 * kChunk * z.width + kChunk * kChunk};
  const float whole = prepare(s, z, h, first, count, scores, own);
  const float d = s.d.data ? ssd_row(s.d, 0)[h] : 0;
  tiles(count, z.width, [&]<int kR, int kV>(int64_t i, int64_t j) {
    F32 acc[kR][kV] = {};
    multiply_add(acc, own.c + i * z.n, z.n, state + j, z.width, z.n);
    multiply_add(acc, own.mixed + i * kChunk, kChunk, own.u + j, z.width, i + kR);
    for (int r = 0; r < kR; ++r) {
      const float* x = ssd_row(s.x, first + i + r) + h * z.p + j;
      float* y = ssd_row(s.y, first + i + r) + h * z.p + j;
      for (int v = 0; v < kV; ++v) {
        const int64_t left = z.p - j - v * kLanes;
        if (left >= kLanes)
          store(y + v * kLanes, fma(set1(d), load(x + v * kLanes), acc[r][v]));
        else
          store_n(y + v * kLanes, fma(set1(d), load_n(x + v * kLanes, left), acc[r][v]), left);
      }
    }
  });
  tiles(z.n, z.width, [&]<int kR, int kV>(int64_t i, int64_t j) {
    F32 acc[kR][kV];
    for (int r = 0; r < kR; ++r)
      for (int v = 0; v < kV; ++v) acc[r][v] = load(state + (i + r) * z.width + j + v * kLanes) * whole;
    multiply_add(acc, keys + i * kChunk, kChunk, own.last + j, z.width, count);
    for (int r = 0; r < kR; ++r)
      for (int v = 0; v < kV; ++v) store(state + (i + r) * z.width + j + v * kLanes, acc[r][v]);
  });
}

// One long sequence, kBlock chunks at a time.
void sequence(const SsdArgs& s, const Sizes& z, const SequenceSpan& span, const Exec& exec, float* shared,
              float* states, int64_t own) {
  auto* tensor = static_cast<float*>(s.state.data);
  const int64_t chunks = (span.length + kChunk - 1) / kChunk;
  const auto chunk_length = [&](int64_t k) {
    return span.length - k * kChunk < kChunk ? span.length - k * kChunk : kChunk;
  };
  for (int64_t block = 0; block < chunks; block += kBlock) {
    const int64_t here = chunks - block < kBlock ? chunks - block : kBlock;
    for_each_chunk(exec, here * z.groups, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t u = begin; u < end; ++u) {
        const int64_t k = block + u / z.groups;
        float* keys = shared + u * (z.keys + z.scores);
        make_scores(s, z, span.begin + k * kChunk, chunk_length(k), u % z.groups, keys, keys + z.keys);
      }
    });
    for_each_chunk(exec, z.heads, 1, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t h = begin; h < end; ++h) {
        float* state = states + h * serial_room(z);
        float* remembered = tensor ? tensor + (span.slot * z.heads + h) * z.n * z.p : nullptr;
        if (block == 0) take_state(remembered, state, z.n, z.p);
        for (int64_t k = block; k < block + here; ++k) {
          const float* keys =
              shared + ((k - block) * z.groups + h / (z.heads / z.groups)) * (z.keys + z.scores);
          head_chunk(s, z, h, span.begin + k * kChunk, chunk_length(k), keys, keys + z.keys, state,
                     static_cast<float*>(exec.workspace) + own * thread);
        }
        if (remembered && block + here == chunks) give_state(state, remembered, z.n, z.p);
      }
    });
  }
}

void run(const void* p, const Exec& exec) {
  const auto& s = *static_cast<const SsdArgs*>(p);
  const Sizes z = sizes_of(s);
  const int64_t own = ((own_room(z) > serial_room(z) ? own_room(z) : serial_room(z)) + 15) / 16 * 16;
  auto* room = static_cast<float*>(exec.workspace);
  for_each_chunk(exec, s.span_count * z.heads, 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t u = begin; u < end; ++u) {
      const SequenceSpan& span = s.spans[u / z.heads];
      if (span.length < kShort) serial_head(s, span, u % z.heads, room + own * thread);
    }
  });
  float* states = room + own * exec.threads;
  for (int64_t i = 0; i < s.span_count; ++i)
    if (s.spans[i].length >= kShort)
      sequence(s, z, s.spans[i], exec, states + z.heads * serial_room(z), states, own);
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"ssd",
                                 "chunked." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Dao and Gu 2024, section 6"};
}  // namespace tables
}  // namespace ridge

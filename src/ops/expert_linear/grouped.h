// Slots grouped by expert, so that each expert's matrix is read once however many tokens go there; shared by
// the expert_linear kernels that use the dot kernels of src/formats. A row's result does not depend on its
// company (formats/dot.h), so each equals what linear gives.
#pragma once
#include <cstring>

#include "ops/expert_linear/args.h"
#include "ops/linear/dot_run.h"

namespace ridge {

// Where the parts of the workspace begin, in bytes.
struct GroupedLayout {
  int64_t first, order, used, rows, results, scratch, bytes;
  int64_t row_bytes;  // of a gathered (and prepared) row of activations
};

inline GroupedLayout grouped_layout(const ExpertLinearArgs& a, const DotKernel& d, int64_t scratch_bytes,
                                    int threads) {
  const int64_t experts = a.w.dim[0], n = a.w.dim[1], k = a.w.dim[2], slots = a.ids.dim[0];
  GroupedLayout l{};
  l.row_bytes = d.prepare ? activation_stride(d, k) : round_up(k * 4, 64);
  const auto take = [&](int64_t bytes) {
    const int64_t at = l.bytes;
    l.bytes += round_up(bytes, 64);
    return at;
  };
  l.first = take((experts + 1) * 4);
  l.order = take(slots * 4);
  l.used = take(experts * 4);
  l.rows = take(slots * l.row_bytes);
  l.results = take(slots * n * 4);
  l.scratch = take(threads * scratch_bytes);
  return l;
}

// A counting sort of the slots by expert: the slots of expert e are order[first[e] .. first[e + 1]),
// ascending. Returns how many experts have any; those are used[0 ..].
inline int64_t group_slots(const ExpertLinearArgs& a, int32_t* first, int32_t* order, int32_t* used) {
  const int64_t experts = a.w.dim[0], slots = a.ids.dim[0];
  const auto* ids = static_cast<const int32_t*>(a.ids.data);
  std::memset(first, 0, static_cast<size_t>(experts + 1) * 4);
  for (int64_t s = 0; s < slots; ++s) ++first[ids[s]];
  int32_t sum = 0;
  int64_t count = 0;
  for (int64_t e = 0; e < experts; ++e) {
    if (first[e] > 0) used[count++] = static_cast<int32_t>(e);
    sum += first[e];
    first[e] = sum;  // the end, for now
  }
  first[experts] = sum;
  for (int64_t s = slots - 1; s >= 0; --s) order[--first[ids[s]]] = static_cast<int32_t>(s);
  return count;
}

// Runs d over all experts in use. tile(w, rows, scratch) may replace the weights' rows by others of its own
// (decoded ones): it returns where they are and sets their stride.
template <typename Tile>
inline void run_grouped(const ExpertLinearArgs& a, const DotKernel& d, int64_t scratch_bytes,
                        const Exec& exec, Tile&& tile) {
  const int64_t n = a.w.dim[1], k = a.w.dim[2], slots = a.ids.dim[0];
  if (slots == 0 || n == 0) return;
  const GroupedLayout l = grouped_layout(a, d, scratch_bytes, exec.threads);
  char* const base = static_cast<char*>(exec.workspace);
  auto* const first = reinterpret_cast<int32_t*>(base + l.first);
  auto* const order = reinterpret_cast<int32_t*>(base + l.order);
  auto* const used = reinterpret_cast<int32_t*>(base + l.used);
  auto* const results = reinterpret_cast<float*>(base + l.results);
  auto* const y = static_cast<float*>(a.y.data);
  const int64_t count = group_slots(a, first, order, used);
  for_each_chunk(exec, slots, 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const float* x = static_cast<const float*>(a.x.data) + order[i] / a.slots_a_row * a.x.stride[0];
      if (d.prepare)
        d.prepare(x, base + l.rows + i * l.row_bytes, k);
      else
        std::memcpy(base + l.rows + i * l.row_bytes, x, static_cast<size_t>(k) * 4);
    }
  });
  const Format& format = *a.w.format;
  const auto bytes = [&](int64_t elements) { return elements / format.block * format.bytes; };
  const int64_t each = round_up(std::max<int64_t>(n * count / (exec.threads * 8), 1), d.n_tile);
  const int64_t chunk = std::min(std::min(each, round_up(64, d.n_tile)), round_up(n, d.n_tile));
  const int64_t chunks = (n + chunk - 1) / chunk;
  for_each_chunk(exec, count * chunks, 1, [&](int64_t begin, int64_t end, int thread) {
    char* const scratch = base + l.scratch + thread * scratch_bytes;
    for (int64_t u = begin; u < end; ++u) {
      const int64_t e = used[u / chunks], from = u % chunks * chunk, rows = std::min(chunk, n - from);
      const int64_t at = first[e], m = first[e + 1] - at;
      int64_t w_stride = bytes(a.w.stride[1]);
      const void* w =
          tile(static_cast<const char*>(a.w.data) + bytes(e * a.w.stride[0] + from * a.w.stride[1]), rows,
               &w_stride, scratch);
      // One row goes where it belongs at once; several are put together first.
      float* out = m == 1 ? y + order[at] * n + from : results + at * n + from;
      d.multiply({w, w_stride, base + l.rows + at * l.row_bytes, l.row_bytes, m, rows, k, out, n, scratch});
      const auto* bias = static_cast<const float*>(a.bias.data);
      if (bias)
        for (int64_t r = 0; r < m; ++r)
          for (int64_t i = 0; i < rows; ++i) out[r * n + i] += bias[e * a.bias.stride[0] + from + i];
      for (int64_t r = 0; m > 1 && r < m; ++r)
        std::memcpy(y + order[at + r] * n + from, out + r * n, static_cast<size_t>(rows) * 4);
    }
  });
}

inline const void* same_rows(const void* w, int64_t, int64_t*, void*) { return w; }

}  // namespace ridge

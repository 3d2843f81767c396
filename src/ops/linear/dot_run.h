// How the dot kernels of src/formats are spread over threads; shared by the linear kernels that use them.
#pragma once
#include <algorithm>

#include "formats/dot.h"
#include "ops/linear/args.h"
#include "tensor/format.h"

namespace ridge {

inline int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Workspace: the prepared activations, then each thread's scratch.
inline int64_t activation_stride(const DotKernel& d, int64_t k) {
  return d.activation_bytes ? round_up(d.activation_bytes(k), 64) : 0;
}
inline int64_t scratch_stride(const DotKernel& d, int64_t k) {
  return d.scratch_bytes ? round_up(d.scratch_bytes(k), 64) : 0;
}
inline int64_t dot_workspace(const LinearArgs& a, const DotKernel& d, int threads) {
  return a.x.dim[0] * activation_stride(d, a.x.dim[1]) + threads * scratch_stride(d, a.x.dim[1]);
}

// Rows of weights that a thread claims at once, in whole tiles: few enough that threads end together; with
// few rows of activations as many as that allows, since the kernels read long runs of rows faster than short
// ones.
inline int64_t weight_rows_a_chunk(int64_t m, int64_t n, int tile, int threads) {
  const int64_t few = threads == 1 ? n : round_up(std::max<int64_t>(n / (threads * 4), 1), tile);
  return m > 8 ? std::min<int64_t>(few, round_up(144, tile)) : few;
}

inline void run_dot(const LinearArgs& a, const DotKernel& d, const Exec& exec) {
  const int64_t m = a.x.dim[0], k = a.x.dim[1], n = a.w.dim[0];
  if (m == 0 || n == 0) return;
  const Format& format = *a.w.format;
  const int64_t w_stride = a.w.stride[0] / format.block * format.bytes;
  const int64_t a_stride = activation_stride(d, k);
  char* const prepared = static_cast<char*>(exec.workspace);
  char* const scratch = prepared + m * a_stride;
  const auto* x = static_cast<const float*>(a.x.data);
  if (d.prepare)
    for_each_chunk(exec, m, 4, [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) d.prepare(x + r * a.x.stride[0], prepared + r * a_stride, k);
    });
  const auto* bias = static_cast<const float*>(a.bias.data);
  for_each_chunk(exec, n, weight_rows_a_chunk(m, n, d.n_tile, exec.threads),
                 [&](int64_t begin, int64_t end, int thread) {
                   float* y = static_cast<float*>(a.y.data) + begin;
                   d.multiply({static_cast<const char*>(a.w.data) + begin * w_stride, w_stride,
                               d.prepare ? static_cast<const void*>(prepared) : x,
                               d.prepare ? a_stride : a.x.stride[0] * 4, m, end - begin, k, y, a.y.stride[0],
                               scratch + thread * scratch_stride(d, k)});
                   if (bias)
                     for (int64_t r = 0; r < m; ++r)
                       for (int64_t i = 0; i < end - begin; ++i) y[r * a.y.stride[0] + i] += bias[begin + i];
                 });
}

}  // namespace ridge

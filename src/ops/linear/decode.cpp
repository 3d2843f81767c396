// For formats without a dot kernel of their own: decode a tile of rows to f32, then the dot kernel of f32.
#include "ops/linear/dot_run.h"

namespace ridge {
namespace {

int64_t tile_bytes(const LinearArgs& a) { return round_up(a.dot_f32->n_tile * a.w.dim[1] * 4, 64); }

const char* accepts(const void* p) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  if (!a.dot_f32) return "f32 has no dot kernel on this processor";
  if (a.x.dim[1] == 0) return "empty rows";
  return nullptr;
}
int64_t workspace(const void* p, int threads) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  return threads * (tile_bytes(a) + scratch_stride(*a.dot_f32, a.x.dim[1]));
}
void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const LinearArgs*>(p);
  const DotKernel& d = *a.dot_f32;
  const Format& format = *a.w.format;
  const int64_t m = a.x.dim[0], k = a.x.dim[1], w_stride = a.w.stride[0] / format.block * format.bytes;
  if (m == 0) return;
  const auto* bias = static_cast<const float*>(a.bias.data);
  for_each_chunk(exec, a.w.dim[0], d.n_tile, [&](int64_t begin, int64_t end, int thread) {
    char* const own = static_cast<char*>(exec.workspace) + thread * (tile_bytes(a) + scratch_stride(d, k));
    auto* const rows = reinterpret_cast<float*>(own);
    for (int64_t n = begin; n < end; ++n)
      format.decode(static_cast<const char*>(a.w.data) + n * w_stride, rows + (n - begin) * k, k);
    float* y = static_cast<float*>(a.y.data) + begin;
    d.multiply(
        {rows, k * 4, a.x.data, a.x.stride[0] * 4, m, end - begin, k, y, a.y.stride[0], own + tile_bytes(a)});
    if (bias)
      for (int64_t r = 0; r < m; ++r)
        for (int64_t i = 0; i < end - begin; ++i) y[r * a.y.stride[0] + i] += bias[begin + i];
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_linear_decode;
const Kernel kernel_linear_decode{"linear", "decode",      kDeviceCpu,        0,
                                  20,       Rounding::f32, accepts,           workspace,
                                  run,      nullptr,       "decode, then f32"};
}  // namespace tables
}  // namespace ridge

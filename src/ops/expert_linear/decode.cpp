// For formats without a dot kernel of their own: decode a tile of rows to f32, then the dot kernel of f32.
#include "ops/expert_linear/grouped.h"

namespace ridge {
namespace {

const ExpertLinearArgs& args(const void* p) { return *static_cast<const ExpertLinearArgs*>(p); }

// A thread's scratch: what the dot kernel wants, then the tile. Chunks hold at most 64 rows, whole tiles.
int64_t own_bytes(const ExpertLinearArgs& a) { return scratch_stride(*a.dot_f32, a.w.dim[2]); }
int64_t scratch_bytes(const ExpertLinearArgs& a) {
  return own_bytes(a) + round_up(round_up(64, a.dot_f32->n_tile) * a.w.dim[2] * 4, 64);
}

const char* accepts(const void* p) {
  if (!args(p).dot_f32) return "f32 has no dot kernel on this processor";
  if (args(p).w.dim[2] == 0) return "empty rows";
  return nullptr;
}
int64_t workspace(const void* p, int threads) {
  return grouped_layout(args(p), *args(p).dot_f32, scratch_bytes(args(p)), threads).bytes;
}
void run(const void* p, const Exec& exec) {
  const ExpertLinearArgs& a = args(p);
  const Format& format = *a.w.format;
  const int64_t k = a.w.dim[2];
  run_grouped(a, *a.dot_f32, scratch_bytes(a), exec,
              [&](const void* w, int64_t rows, int64_t* stride, void* scratch) -> const void* {
                auto* decoded = reinterpret_cast<float*>(static_cast<char*>(scratch) + own_bytes(a));
                for (int64_t r = 0; r < rows; ++r)
                  format.decode(static_cast<const char*>(w) + r * *stride, decoded + r * k, k);
                *stride = k * 4;
                return decoded;
              });
}

}  // namespace
namespace tables {
extern const Kernel kernel_expert_linear_decode;
const Kernel kernel_expert_linear_decode{"expert_linear",   "decode", kDeviceCpu, 0,   20,
                                         Rounding::f32,     accepts,  workspace,  run, nullptr,
                                         "decode, then f32"};
}  // namespace tables
}  // namespace ridge

// The gradient by recomputation: for each query the weights p again, then
//   dv_j += p_j dy;  ds_j = p_j (dy . v_j - sum_l p_l dy . v_l);  through the cap: ds *= 1 - (s/c)^2;  dq +=
//   scale ds_j k_j; dk_j += scale ds_j q.
// A unit of work is one segment and one KV head, so no two threads add to the same row; with a relative bias,
// whose gradient is summed over all segments, it is one KV head.
#include <cmath>
#include <cstring>
#include <initializer_list>

#include "ops/attention/args.h"

namespace ridge {
namespace {

int64_t longest(const AttentionArgs& a) {
  int64_t most = 0;
  for (int64_t s = 0; s < a.segment_count; ++s)
    most = a.segments[s].kv_len > most ? a.segments[s].kv_len : most;
  return most;
}
int64_t workspace(const void* p, int threads) {
  return 3 * 4 * (longest(static_cast<const AttentionGradArgs*>(p)->forward) + 16) * threads;
}

float* at(const View& v, int64_t token, int64_t head) {
  return static_cast<float*>(v.data) + token * v.stride[0] + head * v.stride[1];
}
float dot(const float* x, const float* y, int64_t n) {
  float s = 0;
  for (int64_t i = 0; i < n; ++i) s += x[i] * y[i];
  return s;
}

void query(const AttentionGradArgs& g, const AttentionSegment& s, int64_t i, int64_t h, float* p, float* ds,
           float* slope_of) {
  const AttentionArgs& a = g.forward;
  const int64_t kv = h / (a.q.dim[1] / a.k.dim[1]), d = a.q.dim[2], dv = a.v.dim[2], token = s.q_begin + i;
  int64_t first, end;
  visible_keys(a, s, i, &first, &end);
  const float *q = at(a.q, token, h), *dy = at(g.dy, token, h);
  float* dq = at(g.dq, token, h);
  for (int64_t c = 0; c < d; ++c) dq[c] = 0;
  if (first >= end) return;
  float most = -INFINITY;
  for (int64_t j = first; j < end; ++j) {
    float x = a.scale * dot(q, at(a.k, s.kv_begin + j, kv), d);
    slope_of[j] = 1;
    if (a.softcap > 0) {
      const float t = std::tanh(x / a.softcap);
      slope_of[j] = 1 - t * t;
      x = a.softcap * t;
    }
    if (a.slopes.data)
      x += static_cast<const float*>(a.slopes.data)[h] * static_cast<float>(j - (s.kv_len - s.q_len + i));
    if (a.relative.data)
      x += static_cast<const float*>(
          a.relative.data)[h * a.relative.dim[1] + relative_column(a, j - (s.kv_len - s.q_len + i))];
    p[j] = x;
    most = std::fmax(most, x);
  }
  double sum = 0, mean = 0;
  for (int64_t j = first; j < end; ++j) sum += p[j] = std::exp(p[j] - most);
  for (int64_t j = first; j < end; ++j) {
    p[j] = static_cast<float>(p[j] / sum);
    ds[j] = dot(dy, at(a.v, s.kv_begin + j, kv), dv);
    mean += static_cast<double>(p[j]) * ds[j];
  }
  for (int64_t j = first; j < end; ++j) {
    const float slope = p[j] * (ds[j] - static_cast<float>(mean));
    if (g.drelative.data)
      static_cast<float*>(
          g.drelative.data)[h * a.relative.dim[1] + relative_column(a, j - (s.kv_len - s.q_len + i))] +=
          slope;
    const float w = slope * slope_of[j] * a.scale;
    const float* k = at(a.k, s.kv_begin + j, kv);
    float *dk = at(g.dk, s.kv_begin + j, kv), *dvj = at(g.dv, s.kv_begin + j, kv);
    for (int64_t c = 0; c < d; ++c) dq[c] += w * k[c], dk[c] += w * q[c];
    for (int64_t c = 0; c < dv; ++c) dvj[c] += p[j] * dy[c];
  }
}

void run(const void* pointer, const Exec& exec) {
  const auto& g = *static_cast<const AttentionGradArgs*>(pointer);
  const AttentionArgs& a = g.forward;
  for (const View* v : {&g.dq, &g.dk, &g.dv})
    std::memset(v->data, 0, static_cast<size_t>(v->dim[0] * v->dim[1] * v->dim[2]) * 4);
  const int64_t kv_heads = a.k.dim[1], group = a.q.dim[1] / kv_heads, room = longest(a) + 16;
  const bool summed = g.drelative.data != nullptr;
  if (summed) std::memset(g.drelative.data, 0, static_cast<size_t>(a.q.dim[1] * a.relative.dim[1]) * 4);
  const int64_t together = summed ? a.segment_count : 1;  // segments of a unit
  const int64_t units = summed ? kv_heads : a.segment_count * kv_heads;
  for_each_chunk(exec, units, 1, [&](int64_t from, int64_t to, int thread) {
    float* p = static_cast<float*>(exec.workspace) + 3 * room * thread;
    for (int64_t u = from; u < to; ++u)
      for (int64_t n = u / kv_heads * together; n < (u / kv_heads + 1) * together; ++n) {
        const AttentionSegment& s = a.segments[n];
        for (int64_t i = 0; i < s.q_len; ++i)
          for (int64_t h = u % kv_heads * group; h < (u % kv_heads + 1) * group; ++h)
            query(g, s, i, h, p, p + room, p + 2 * room);
      }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_attention_grad;
const Kernel kernel_attention_grad{"attention_grad",
                                   "recompute",
                                   kDeviceCpu,
                                   0,
                                   10,
                                   Rounding::f32,
                                   nullptr,
                                   workspace,
                                   run,
                                   nullptr,
                                   "by recomputation, as in Dao et al. 2022, section 3.1"};
}  // namespace tables
}  // namespace ridge

// The states are computed again, a channel at a time, and kept for one sequence; then the tokens are walked
// backwards. b and c are shared by all channels: each strip of channels sums its part of their gradients, and
// the parts are added in order, so that the number of threads does not matter.
#include <cmath>

#include "ops/selective_scan/args.h"

namespace ridge {
namespace {

constexpr int64_t kStrip = 64;

int64_t longest(const SelectiveScanArgs& s) {
  int64_t most = 0;
  for (int64_t i = 0; i < s.span_count; ++i) most = s.spans[i].length > most ? s.spans[i].length : most;
  return most;
}
int64_t strips_of(const SelectiveScanArgs& s) { return (s.x.dim[1] + kStrip - 1) / kStrip; }
// A thread's floats: states and decays of all tokens of the longest sequence, dh.
int64_t room(const SelectiveScanArgs& s) { return s.a_log.dim[1] * (2 * longest(s) + 3); }
int64_t workspace(const void* p, int threads) {
  const SelectiveScanArgs& s = static_cast<const SelectiveScanGradArgs*>(p)->forward;
  return 4 * (strips_of(s) * s.x.dim[0] * 2 * s.a_log.dim[1] + threads * room(s));
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

struct Sums {
  double bias = 0, d = 0;
};

// One channel of one sequence; parts: db, then dc of the strip, [tokens, 2n].
void channel(const SelectiveScanGradArgs& g, const SequenceSpan& span, int64_t ch, float* own, float* parts,
             Sums& sums) {
  const SelectiveScanArgs& s = g.forward;
  const int64_t n = s.a_log.dim[1], length = span.length;
  float *h = own + n, *e = h + n * length, *dh = e + n * length, *a = dh + n;
  for (int64_t i = 0; i < n; ++i) own[i] = 0, dh[i] = 0;  // own: h before the first token
  const float* a_log = static_cast<const float*>(s.a_log.data) + ch * n;
  for (int64_t i = 0; i < n; ++i) a[i] = -std::exp(a_log[i]);
  const float bias = s.dt_bias.data ? scan_row(s.dt_bias, 0)[ch] : 0;
  const auto raw = [&](int64_t t) { return scan_row(s.dt, span.begin + t)[ch] + bias; };
  const auto step = [](float r) { return (r > 0 ? r : 0) + std::log1p(std::exp(-std::fabs(r))); };
  for (int64_t t = 0; t < length; ++t) {
    const float delta = step(raw(t)), u = delta * scan_row(s.x, span.begin + t)[ch];
    const float* b = scan_row(s.b, span.begin + t);
    for (int64_t i = 0; i < n; ++i) {
      e[t * n + i] = std::exp(delta * a[i]);
      h[t * n + i] = e[t * n + i] * h[(t - 1) * n + i] + u * b[i];
    }
  }
  float* da = static_cast<float*>(g.da_log.data) + ch * n;
  const float d = s.d.data ? scan_row(s.d, 0)[ch] : 0;
  for (int64_t t = length - 1; t >= 0; --t) {
    const int64_t row = span.begin + t;
    const float x = scan_row(s.x, row)[ch], r = raw(t), delta = step(r);
    const float *b = scan_row(s.b, row), *c = scan_row(s.c, row), *before = h + (t - 1) * n;
    float dys = scan_row(g.dy, row)[ch], ddelta = 0, du = 0;
    if (s.z.data) {
      const float z = scan_row(s.z, row)[ch], q = sigmoid(z);
      float y = d * x;
      for (int64_t i = 0; i < n; ++i) y += c[i] * h[t * n + i];
      scan_row(g.dz, row)[ch] = dys * y * q * (1 + z * (1 - q));
      dys *= z * q;
    }
    float *db = parts + row * 2 * n, *dc = db + n;
    for (int64_t i = 0; i < n; ++i) {
      const float flow = dh[i] + dys * c[i], through = flow * e[t * n + i];
      dc[i] += dys * h[t * n + i];
      db[i] += flow * delta * x;
      du += flow * b[i];
      ddelta += through * a[i] * before[i];
      da[i] += through * before[i] * delta * a[i];  // da_log = a da
      dh[i] = through;
    }
    const float draw = (ddelta + du * x) * sigmoid(r);
    scan_row(g.ddt, row)[ch] = draw;
    scan_row(g.dx, row)[ch] = du * delta + d * dys;
    sums.bias += draw;
    sums.d += static_cast<double>(dys) * x;
  }
}

void run(const void* p, const Exec& exec) {
  const auto& g = *static_cast<const SelectiveScanGradArgs*>(p);
  const SelectiveScanArgs& s = g.forward;
  const int64_t n = s.a_log.dim[1], tokens = s.x.dim[0], channels = s.x.dim[1], strips = strips_of(s);
  auto* parts = static_cast<float*>(exec.workspace);
  float* own = parts + strips * tokens * 2 * n;
  for_each_chunk(exec, strips, 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t u = begin; u < end; ++u) {
      float* part = parts + u * tokens * 2 * n;
      for (int64_t i = 0; i < tokens * 2 * n; ++i) part[i] = 0;
      for (int64_t ch = u * kStrip; ch < (u + 1) * kStrip && ch < channels; ++ch) {
        float* da = static_cast<float*>(g.da_log.data) + ch * n;
        for (int64_t i = 0; i < n; ++i) da[i] = 0;
        Sums sums;
        for (int64_t i = 0; i < s.span_count; ++i)
          channel(g, s.spans[i], ch, own + thread * room(s), part, sums);
        if (g.ddt_bias.data) scan_row(g.ddt_bias, 0)[ch] = static_cast<float>(sums.bias);
        if (g.dd.data) scan_row(g.dd, 0)[ch] = static_cast<float>(sums.d);
      }
    }
  });
  for_each_chunk(exec, tokens, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t i = 0; i < n; ++i) {
        float b = 0, c = 0;
        for (int64_t u = 0; u < strips; ++u) {
          const float* part = parts + (u * tokens + t) * 2 * n;
          b += part[i], c += part[n + i];
        }
        scan_row(g.db, t)[i] = b, scan_row(g.dc, t)[i] = c;
      }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_selective_scan_grad;
const Kernel kernel_selective_scan_grad{"selective_scan_grad",
                                        "recompute",
                                        kDeviceCpu,
                                        0,
                                        10,
                                        Rounding::f32,
                                        nullptr,
                                        workspace,
                                        run,
                                        nullptr,
                                        "Gu and Dao 2023, section 3.3.2: states recomputed"};
}  // namespace tables
}  // namespace ridge

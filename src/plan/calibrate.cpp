#include "plan/calibrate.h"

#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "base/cpu.h"
#include "base/error.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "formats/dots.h"
#include "formats/f16/f16.h"
#include "ops/activation/activation.h"
#include "ops/add/add.h"
#include "ops/attention/attention.h"
#include "ops/embedding/embedding.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"
#include "ops/scatter_rows/scatter_rows.h"
#include "plan/peaks.h"

namespace ridge {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : v[v.size() / 2];
}

using PeakLoop = int64_t (*)(int64_t, float*);

// Operations a second of all threads together, the best of several short runs: a peak is what the hardware
// can do.
double peak_rate(ThreadPool& pool, PeakLoop loop) {
  struct Job {
    PeakLoop loop;
    int64_t rounds;
    std::vector<int64_t> done;
  } job{loop, 20000, std::vector<int64_t>(static_cast<size_t>(pool.threads()) * 16)};
  double best = 0;
  for (int repeat = 0; repeat < 12; ++repeat) {
    const double begin = now();
    pool.run(
        [](void* self, int thread) {
          auto& j = *static_cast<Job*>(self);
          float sink[3] = {1.0f, 0.5f, 0};
          j.done[static_cast<size_t>(thread) * 16] = j.loop(j.rounds, sink);
        },
        &job);
    const double seconds = now() - begin;
    int64_t all = 0;
    for (int t = 0; t < pool.threads(); ++t) all += job.done[static_cast<size_t>(t) * 16];
    if (repeat > 0) best = std::max(best, static_cast<double>(all) / seconds);
    if (seconds < 0.01) job.rounds *= 2;
  }
  return best;
}

auto reader() {
  const uint64_t f = cpu_info().features;
  return f & kCpuAvx512 ? isa_avx512::read_memory
         : f & kCpuAvx2 ? isa_avx2::read_memory
                        : isa_generic::read_memory;
}

// Normal values encoded once and repeated: about a megabyte of pattern through `rows` rows.
Tensor pattern(DType dtype, int64_t rows, int64_t columns) {
  const Tensor t = cpu_device().make(dtype, {rows, columns});
  Random random(1);
  const int64_t own = std::min<int64_t>(rows, 128), bytes = dtype.bytes_of(columns);
  std::vector<float> row(static_cast<size_t>(columns));
  for (int64_t r = 0; r < own; ++r) {
    for (float& x : row) x = random.normal() / std::sqrt(static_cast<float>(columns));
    dtype->encode(row.data(), static_cast<char*>(t.data()) + r * bytes, columns, nullptr);
  }
  for (int64_t r = own; r < rows; ++r)
    std::memcpy(static_cast<char*>(t.data()) + r * bytes, static_cast<char*>(t.data()) + r % own * bytes,
                static_cast<size_t>(bytes));
  return t;
}

// Seconds of one call, the median of several; each repeat takes at least a few milliseconds.
template <typename F>
double seconds_a_call(F&& call, int repeats = 5) {
  call();
  const double first = now();
  call();
  const int64_t calls = std::max<int64_t>(1, static_cast<int64_t>(0.004 / std::max(now() - first, 1e-7)));
  std::vector<double> times;
  for (int r = 0; r < repeats; ++r) {
    const double begin = now();
    for (int64_t i = 0; i < calls; ++i) call();
    times.push_back((now() - begin) / static_cast<double>(calls));
  }
  return median(times);
}

void measure_product(Context& cx, Machine& m, DType dtype) {
  constexpr int64_t kSide = 2048;
  // More than the caches hold, so that one row at a time reads memory as a model's weights do.
  const int64_t bytes = dtype.bytes_of(kSide * kSide);
  const int64_t count = std::clamp<int64_t>((int64_t{768} << 20) / bytes, 4, 400);
  const Tensor all = pattern(dtype, count * kSide, kSide);
  // Kernels for prompts are other ones: their figures stand under a name of their own.
  const bool tiles = !cx.generating && find_dot(*dtype, cx.kernels().features, cx.kernels().exact, true);
  auto& points = m.product[std::string(dtype.name()) + (tiles ? ".tiles" : "")];
  for (const int64_t rows : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}) {
    const Tensor x = pattern(f32, rows, kSide);
    // Few rows are bound by memory: go through all. Many rows: a few matrices say it.
    const int64_t used = rows <= 8 ? count : std::min<int64_t>(count, rows >= 128 ? 2 : 12);
    std::vector<double> times;
    for (int repeat = 0; repeat < 5; ++repeat) {
      const double begin = now();
      for (int64_t i = 0; i < used; ++i) linear(cx, x, all.slice(0, i * kSide, (i + 1) * kSide));
      times.push_back((now() - begin) / static_cast<double>(used));
    }
    points[rows] = std::max(median(times) - m.overhead, 1e-9) / static_cast<double>(kSide * kSide);
  }
}

void measure_attention(Context& cx, Machine& m) {
  constexpr int64_t kHeads = 32, kKv = 4, kD = 64;
  for (const DType dtype : {DType(f32), DType(f16)}) {
    Machine::Attention a;
    for (const bool many : {true, false}) {
      const int64_t keys = many ? 512 : 2048, queries = many ? 512 : 1;
      const Tensor q = pattern(f32, queries, kHeads * kD).reshape({queries, kHeads, kD});
      const int layers = many ? 1 : 16;  // decode walks through other layers' keys meanwhile
      const Tensor kv = cpu_device().make(dtype, {2 * layers, kKv, keys, kD});
      std::memcpy(kv.data(), pattern(dtype, 2 * layers * kKv * keys, kD).data(),
                  static_cast<size_t>(kv.bytes()));
      Trace trace;
      const AttentionSegment segment{0, queries, 0, keys};
      int layer = 0;
      const auto call = [&] {
        const Tensor k = kv.select(0, 2 * layer).transpose(0, 1),
                     v = kv.select(0, 2 * layer + 1).transpose(0, 1);
        attention(cx, q, k, v, std::span(&segment, 1), {.scale = 0.125f});
        layer = (layer + 1) % layers;
      };
      cx.trace = &trace;
      call();
      cx.trace = nullptr;
      const double seconds = std::max(seconds_a_call(call) - m.overhead, 1e-9);
      if (many)
        a.flops = static_cast<double>(trace.events[0].cost.flops) / seconds;
      else
        a.bytes = static_cast<double>(trace.events[0].cost.state) / seconds;
    }
    m.attention[dtype == DType(f32) ? "f32" : std::string(dtype.name()) + "." + dtype.name()] = a;
  }
}

// One call at one row and at many: what a call costs, and what a byte costs.
template <typename Make>
void measure_simple(Context& cx, Machine& m, const char* op, Make make) {
  double seconds[2], bytes[2];
  for (const int side : {0, 1}) {
    const auto call = make(side == 0 ? int64_t{1} : int64_t{512});
    Trace trace;
    cx.trace = &trace;
    call();
    cx.trace = nullptr;
    bytes[side] = static_cast<double>(trace.events.back().cost.bytes());
    seconds[side] = seconds_a_call(call);
  }
  Machine::Simple s;
  s.bytes = (bytes[1] - bytes[0]) / std::max(seconds[1] - seconds[0], 1e-9);
  s.call = std::max(seconds[0] - bytes[0] / s.bytes, 1e-8);
  m.simple[op] = s;
}

void measure_others(Context& cx, Machine& m) {
  constexpr int64_t kDim = 2048, kHidden = 5632;
  const auto rows_of = [](int64_t rows, int64_t n) { return pattern(f32, rows, n); };
  const Tensor weight = pattern(f32, 1, kDim).reshape({kDim});
  measure_simple(cx, m, "rms_norm", [&](int64_t r) {
    return [&cx, x = rows_of(r, kDim), weight] { rms_norm(cx, x, weight, 1e-5f); };
  });
  measure_simple(cx, m, "layer_norm", [&](int64_t r) {
    return [&cx, x = rows_of(r, kDim), weight] { layer_norm(cx, x, weight, weight, 1e-5f); };
  });
  measure_simple(cx, m, "add", [&](int64_t r) { return [&cx, x = rows_of(r, kDim)] { add(cx, x, x); }; });
  measure_simple(cx, m, "gated", [&](int64_t r) {
    return [&cx, x = rows_of(r, kHidden)] { gated(cx, x, x, Activation::silu); };
  });
  measure_simple(cx, m, "activation", [&](int64_t r) {
    return [&cx, x = rows_of(r, kHidden)] { activation(cx, x, Activation::gelu_tanh); };
  });
  measure_simple(cx, m, "rope", [&](int64_t r) {
    std::vector<int32_t> p(static_cast<size_t>(r), 7);
    return [&cx, x = rows_of(r, kDim).reshape({r, 32, 64}), positions = cx.from_host(p.data(), r),
            f = pattern(f32, 1, 32).reshape({32})] { rope(cx, x, positions, f, {}); };
  });
  measure_simple(cx, m, "embedding", [&](int64_t r) {
    std::vector<int32_t> p(static_cast<size_t>(r), 3);
    return [&cx, table = pattern(f16, 1000, kDim), ids = cx.from_host(p.data(), r)] {
      embedding(cx, table, ids);
    };
  });
  measure_simple(cx, m, "scatter_rows", [&](int64_t r) {
    std::vector<int32_t> p(static_cast<size_t>(r));
    for (size_t i = 0; i < p.size(); ++i) p[i] = static_cast<int32_t>(i);
    return [&cx, x = rows_of(r, 256).reshape({r, 4, 64}),
            cache = cpu_device().make(f16, {4, 1024, 64}).transpose(0, 1),
            rows = cx.from_host(p.data(), r)] { scatter_rows(cx, x, cache, rows); };
  });
}

}  // namespace

double measure_bandwidth(int threads, int repeats) {
  ThreadPool pool(threads);
  struct Job {
    decltype(reader()) read;
    std::vector<Tensor> part;
  } job{reader(), {}};
  const auto physical =
      static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  const auto bytes = static_cast<int64_t>(std::min(1.5e9, physical / 8)) / pool.threads() / 4096 * 4096;
  for (int t = 0; t < pool.threads(); ++t) {
    job.part.push_back(cpu_device().make(u8, {bytes}));
    std::memset(job.part.back().data(), 0, static_cast<size_t>(bytes));
  }
  std::vector<double> rates;
  for (int r = 0; r <= repeats; ++r) {
    const double begin = now();
    pool.run(
        [](void* self, int thread) {
          auto& j = *static_cast<Job*>(self);
          const Tensor& t = j.part[static_cast<size_t>(thread)];
          float sink[3] = {};
          j.read(static_cast<const float*>(t.data()), t.bytes() / 4, sink);
        },
        &job);
    if (r > 0) rates.push_back(static_cast<double>(bytes * pool.threads()) / (now() - begin));
  }
  return median(rates);
}

Machine measure_roofline(int threads, const Progress& progress) {
  Machine m;
  m.name = "this machine";
  m.kind = "cpu";
  m.model = cpu_info().model;
  m.source = "peaks and read bandwidth measured, kernels taken at the roofline";
  m.features = cpu_info().features;
  ThreadPool pool(threads);
  m.threads = pool.threads();
  m.memory = static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  if (progress) progress("instruction peaks", 0);
  const uint64_t f = m.features;
  m.peak["f32"] = peak_rate(pool, f & kCpuAvx512 ? isa_avx512::peak_f32
                                  : f & kCpuAvx2 ? isa_avx2::peak_f32
                                                 : isa_generic::peak_f32);
  m.peak["bf16"] = m.peak["int8"] = m.peak["f32"];
  if (f & kCpuAvx512Vnni) m.peak["int8"] = peak_rate(pool, isa_avx512vnni::peak_int8);
  if (f & kCpuAvx512Bf16) m.peak["bf16"] = peak_rate(pool, isa_avx512bf16::peak_bf16);
  if (f & kCpuAmxBf16) m.peak["bf16"] = peak_rate(pool, isa_amx::peak_bf16);
  if (progress) progress("read bandwidth", 0.05);
  m.bandwidth = measure_bandwidth(threads);
  m.overhead = 1e-6;
  return m;
}

Machine calibrate(int threads, const std::vector<std::string>& formats, const Progress& progress) {
  Machine m = measure_roofline(threads, progress);
  m.source = "measured by ridge calibrate";
  ContextOptions options;
  options.threads = threads;
  Context cx(cpu_device(), options);
  // What a call of an op takes at the least: an addition of one small row.
  const Tensor one = pattern(f32, 1, 16);
  m.overhead = seconds_a_call([&] { add(cx, one, one); });
  double done = 0.1;
  for (const std::string& name : formats) {
    if (progress) progress("products with " + name, done);
    const DType dtype = find_dtype(name.c_str());
    if (!dtype || dtype->kind == FormatKind::integer || !dtype->encode)
      fail(Fault::usage, "calibrate: no weight format \"{}\"", printable(name));
    cx.generating = true;
    measure_product(cx, m, dtype);
    cx.generating = false;
    if (find_dot(*dtype, cx.kernels().features, false, true)) measure_product(cx, m, dtype);
    done += 0.7 / static_cast<double>(formats.size());
  }
  if (progress) progress("attention", 0.8);
  measure_attention(cx, m);
  if (progress) progress("the other ops", 0.9);
  measure_others(cx, m);
  if (progress) progress("done", 1);
  return m;
}

}  // namespace ridge

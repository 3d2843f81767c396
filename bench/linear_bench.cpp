// Linear by the dot kernels, beside what this machine can do: one row (bound by memory: GB/s beside the
// measured read bandwidth) and many rows (bound by arithmetic: Gop/s beside the peak of the instruction that
// the kernel lives on). Kernel and limit are measured in turns within the same benchmark, so that a machine
// whose speed moves does not move the ratio; times are of the fastest, ratios the median.
//
//   linear_bench [--benchmark_filter=q4_0.*threads:1] [MxNxK[@MB] ...]
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/cpu.h"
#include "base/error.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "formats/dots.h"
#include "ops/linear/dot_run.h"
#include "tensor/tensor.h"

namespace ridge {
namespace {

// Seconds. One thread is timed by its own clock, which stands still while others have the processor.
double now(int threads) {
  timespec t;
  ::clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void run_on_pool(const Exec* exec, void (*task)(void*, int), void* self) {
  static_cast<ThreadPool*>(exec->pool)->run(task, self);
}

// What the machine can do, per thread. Plain loops of the widest instructions that it has.
#if defined(__x86_64__)
// Eight places at once: more lines are under way than the prefetcher keeps for one.
__attribute__((target("avx512f"))) void read_512(const char* p, int64_t bytes) {
  const int64_t part = bytes / 8 / 64 * 64;
  __m512i sum[8] = {};
  for (int64_t i = 0; i < part; i += 64)
#pragma GCC unroll 8
    for (int s = 0; s < 8; ++s) sum[s] = _mm512_xor_si512(sum[s], _mm512_loadu_si512(p + s * part + i));
#pragma GCC unroll 8
  for (int s = 0; s < 8; ++s) asm volatile("" ::"v"(sum[s]));
}
__attribute__((target("avx2"))) void read_256(const char* p, int64_t bytes) {
  const int64_t part = bytes / 8 / 32 * 32;
  __m256i sum[8] = {};
  for (int64_t i = 0; i < part; i += 32)
#pragma GCC unroll 8
    for (int s = 0; s < 8; ++s)
      sum[s] =
          _mm256_xor_si256(sum[s], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + s * part + i)));
#pragma GCC unroll 8
  for (int s = 0; s < 8; ++s) asm volatile("" ::"x"(sum[s]));
}
// 12 chains of one instruction; each returns the operations of a turn (a product and a sum are two).
#define RIDGE_CHAINS(INSTRUCTION)                                                                          \
  for (int64_t i = 0; i < turns; ++i)                                                                      \
  asm volatile(INSTRUCTION " %%zmm31,%%zmm30,%%zmm0\n" INSTRUCTION " %%zmm31,%%zmm30,%%zmm1\n" INSTRUCTION \
                           " %%zmm31,%%zmm30,%%zmm2\n" INSTRUCTION " %%zmm31,%%zmm30,%%zmm3\n" INSTRUCTION \
                           " %%zmm31,%%zmm30,%%zmm4\n" INSTRUCTION " %%zmm31,%%zmm30,%%zmm5\n" INSTRUCTION \
                           " %%zmm31,%%zmm30,%%zmm6\n" INSTRUCTION " %%zmm31,%%zmm30,%%zmm7\n" INSTRUCTION \
                           " %%zmm31,%%zmm30,%%zmm8\n" INSTRUCTION " %%zmm31,%%zmm30,%%zmm9\n" INSTRUCTION \
                           " %%zmm31,%%zmm30,%%zmm10\n" INSTRUCTION " %%zmm31,%%zmm30,%%zmm11\n" ::        \
                               : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",   \
                                 "xmm9", "xmm10", "xmm11")
__attribute__((target("avx512f"))) double fma_512(int64_t turns) {
  asm volatile("vpxord %%zmm30,%%zmm30,%%zmm30\nvpxord %%zmm31,%%zmm31,%%zmm31" ::: "xmm0");
  RIDGE_CHAINS("vfmadd231ps");
  return 12.0 * 32 * static_cast<double>(turns);
}
__attribute__((target("avx512f"))) double vnni_512(int64_t turns) {
  RIDGE_CHAINS("vpdpbusd");
  return 12.0 * 128 * static_cast<double>(turns);
}
__attribute__((target("avx512f"))) double bf16_512(int64_t turns) {
  RIDGE_CHAINS("vdpbf16ps");
  return 12.0 * 64 * static_cast<double>(turns);
}
#define RIDGE_CHAINS_256(INSTRUCTION, INPUTS)                                                             \
  for (int64_t i = 0; i < turns; ++i)                                                                     \
  asm volatile(INSTRUCTION                                                                                \
               " " INPUTS "%%ymm0\n" INSTRUCTION " " INPUTS "%%ymm1\n" INSTRUCTION " " INPUTS             \
               "%%ymm2\n" INSTRUCTION " " INPUTS "%%ymm3\n" INSTRUCTION " " INPUTS "%%ymm4\n" INSTRUCTION \
               " " INPUTS "%%ymm5\n" INSTRUCTION " " INPUTS "%%ymm6\n" INSTRUCTION " " INPUTS             \
               "%%ymm7\n" INSTRUCTION " " INPUTS "%%ymm8\n" INSTRUCTION " " INPUTS "%%ymm9\n" ::          \
                   : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9")
__attribute__((target("avx2,fma"))) double fma_256(int64_t turns) {
  RIDGE_CHAINS_256("vfmadd231ps", "%%ymm15,%%ymm14,");
  return 10.0 * 16 * static_cast<double>(turns);
}
// Bytes on AVX2 take vpmaddubsw and more; the peak quoted is that of vpmaddubsw alone.
__attribute__((target("avx2"))) double maddubs_256(int64_t turns) {
  RIDGE_CHAINS_256("vpmaddubsw", "%%ymm15,%%ymm14,");
  return 10.0 * 64 * static_cast<double>(turns);
}
#else
void read_256(const char* p, int64_t bytes) {
  uint64_t s = 0;
  for (int64_t i = 0; i < bytes; i += 8) s ^= *reinterpret_cast<const uint64_t*>(p + i);
  benchmark::DoNotOptimize(s);
}
#endif

struct Peak {
  const char* name;
  double (*turns)(int64_t);
};
Peak peak_of(const DotKernel& d) {
#if defined(__x86_64__)
  const bool wide = d.needs & kCpuAvx512;
  switch (d.rounding) {
    case Rounding::f32:
      if (d.needs == 0) return {nullptr, nullptr};
      return wide ? Peak{"vfmadd231ps zmm", fma_512} : Peak{"vfmadd231ps ymm", fma_256};
    case Rounding::bf16_activation:
      return {"vdpbf16ps zmm", bf16_512};
    case Rounding::q8_activation:
      return wide ? Peak{"vpdpbusd zmm", vnni_512} : Peak{"vpmaddubsw ymm", maddubs_256};
  }
#endif
  (void)d;
  return {nullptr, nullptr};
}

struct Memory {
  explicit Memory(int64_t n) : bytes(n) {
    data = static_cast<char*>(
        ::mmap(nullptr, static_cast<size_t>(n), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (data == MAP_FAILED) fail(Fault::check, "{} bytes cannot be mapped", n);
  }
  ~Memory() { ::munmap(data, static_cast<size_t>(bytes)); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  char* data;
  int64_t bytes;
};

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : v[v.size() / 2];
}

struct Setup {
  const DotKernel* d;
  int64_t m, n, k, set_bytes;  // one row cycles over matrices that no cache holds together
  int threads;
};

class Runner {
 public:
  explicit Runner(const Setup& s)
      : s_(s),
        format_(*find_dtype(s.d->format)),
        row_bytes_(s.k / format_.block * format_.bytes),
        count_(std::max<int64_t>(1, s.set_bytes / (s.n * row_bytes_))),
        weights_(count_ * s.n * row_bytes_),
        repeats_(1 + 4'000'000'000 / (2 * count_ * s.m * s.n * s.k + 80 * weights_.bytes)),
        pool_(s.threads),
        x_(static_cast<size_t>(s.m * s.k)),
        y_(static_cast<size_t>(s.m * s.n)) {
    Random random(1, 1);
    std::vector<float> row(static_cast<size_t>(s.k));
    const int64_t rows = std::min<int64_t>(s.n, 16);  // encoded once, then copied
    for (int64_t i = 0; i < rows; ++i) {
      for (float& v : row) v = random.normal();
      format_.encode(row.data(), weights_.data + i * row_bytes_, s.k, nullptr);
    }
    for (int64_t at = rows * row_bytes_; at < weights_.bytes; at += rows * row_bytes_)
      std::memcpy(weights_.data + at, weights_.data,
                  static_cast<size_t>(std::min(rows * row_bytes_, weights_.bytes - at)));
    for (float& v : x_) v = random.normal();
    args_.x = {x_.data(), &*DType(f32), 2, {s.m, s.k}, {s.k, 1}};
    args_.w = {weights_.data, &format_, 2, {s.n, s.k}, {s.k, 1}};
    args_.y = {y_.data(), &*DType(f32), 2, {s.m, s.n}, {s.n, 1}};
    workspace_.resize(static_cast<size_t>(dot_workspace(args_, *s.d, s.threads) + 64));
    void* p = workspace_.data();
    size_t space = workspace_.size();
    std::align(64, space - 63, p, space);
    exec_ = {s.threads, p, run_on_pool, &pool_, counter_ + 8};
  }

  // Seconds of the whole set of matrices.
  double multiply() {
    const double begin = now(s_.threads);
    for (int64_t i = 0; i < count_ * repeats_; ++i) {
      args_.w.data = weights_.data + i % count_ * s_.n * row_bytes_;
      run_dot(args_, *s_.d, exec_);
    }
    return (now(s_.threads) - begin) / static_cast<double>(repeats_);
  }

  // Seconds of reading the same memory on as many threads.
  double read() {
    const double begin = now(s_.threads);
    auto task = [this](int thread) {
      const int64_t part = weights_.bytes / s_.threads / 256 * 256;
#if defined(__x86_64__)
      if (cpu_info().found & kCpuAvx512) return read_512(weights_.data + thread * part, part);
#endif
      read_256(weights_.data + thread * part, part);
    };
    run(task);
    return now(s_.threads) - begin;
  }

  // Operations a second of the kernel's instruction.
  double peak(const Peak& p) {
    std::vector<double> done(static_cast<size_t>(s_.threads));
    const double begin = now(s_.threads);
    auto task = [&](int thread) { done[static_cast<size_t>(thread)] = p.turns(2'000'000); };
    run(task);
    const double seconds = now(s_.threads) - begin;
    double sum = 0;
    for (const double d : done) sum += d;
    return sum / seconds;
  }

  double bytes() const { return static_cast<double>(weights_.bytes); }
  double operations() const {
    return 2.0 * static_cast<double>(count_) * static_cast<double>(s_.m * s_.n) * static_cast<double>(s_.k);
  }

 private:
  template <typename Task>
  void run(Task& task) {
    pool_.run([](void* self, int thread) { (*static_cast<Task*>(self))(thread); }, &task);
  }
  Setup s_;
  const Format& format_;
  int64_t row_bytes_, count_;
  Memory weights_;
  int64_t repeats_;
  ThreadPool pool_;
  std::vector<float> x_, y_;
  std::vector<char> workspace_;
  LinearArgs args_{};
  Exec exec_{};
  alignas(64) int64_t counter_[16] = {};
};

void run(benchmark::State& state, const Setup& s) {
  Runner runner(s);
  const Peak peak = peak_of(*s.d);
  runner.multiply();
  std::vector<double> of_bandwidth, of_peak;
  double best = 1e30, bandwidth = 0, rate = 0;
  for (auto _ : state) {
    const double seconds = runner.multiply();
    state.SetIterationTime(seconds);
    best = std::min(best, seconds);
    if (s.m <= 16) {
      const double reading = runner.read();
      of_bandwidth.push_back(reading / seconds);
      bandwidth = std::max(bandwidth, runner.bytes() / reading);
    }
    if (peak.turns && s.m > 1) {
      const double p = runner.peak(peak);
      of_peak.push_back(runner.operations() / seconds / p);
      rate = std::max(rate, p);
    }
  }
  state.counters["GB/s"] = runner.bytes() / best * 1e-9;
  state.counters["Gop/s"] = runner.operations() / best * 1e-9;
  if (!of_bandwidth.empty()) {
    state.counters["machine_GB/s"] = bandwidth * 1e-9;
    state.counters["of_read_%"] = 100 * median(of_bandwidth);
  }
  if (!of_peak.empty()) {
    state.counters["machine_Gop/s"] = rate * 1e-9;
    state.counters["of_peak_%"] = 100 * median(of_peak);
    state.SetLabel(peak.name);
  }
}

struct Problem {
  int64_t m, n, k;
  int64_t set_mb = 640;  // matrices cycled over: with few rows of activations, more than any cache holds
};

void add(const DotKernel& d, const std::vector<Problem>& shapes) {
  for (const auto& [m, n, k, set_mb] : shapes)
    for (const int threads : {1, 2}) {
      if (threads > cpu_info().cores) continue;
      const Setup s{&d, m, n, k, m <= 16 ? std::max<int64_t>(set_mb << 20, 1) : int64_t{1}, threads};
      benchmark::RegisterBenchmark(
          fmt::format("{}/{}/{}x{}x{}/threads:{}", d.format, d.isa, m, n, k, threads).c_str(),
          [s](benchmark::State& state) { run(state, s); })
          ->UseManualTime()
          ->Iterations(m > 64 ? 7 : 5)
          ->Unit(benchmark::kMillisecond);
    }
}

}  // namespace
}  // namespace ridge

int main(int argc, char** argv) {
  using namespace ridge;
  benchmark::AddCustomContext("processor", cpu_info().model);
  benchmark::AddCustomContext("features", cpu_feature_names(cpu_info().features));
  benchmark::Initialize(&argc, argv);
  std::vector<Problem> shapes;
  for (int i = 1; i < argc; ++i) {
    Problem s{};
    if (std::sscanf(argv[i], "%ldx%ldx%ld@%ld", &s.m, &s.n, &s.k, &s.set_mb) >= 3) shapes.push_back(s);
  }
  if (shapes.empty())
    shapes = {{1, 2048, 2048},  {1, 2048, 5632},   {1, 5632, 2048},  {2, 2048, 2048},
              {3, 2048, 2048},  {4, 2048, 2048},   {8, 2048, 2048},  {16, 2048, 2048},
              {64, 2048, 2048}, {512, 2048, 2048}, {512, 2048, 5632}};
  for (const DotKernel* d : dot_table())
    if ((d->needs & ~(cpu_info().features | uint64_t{kCpuFastBf16Dot})) == 0) add(*d, shapes);
  benchmark::RunSpecifiedBenchmarks();
}

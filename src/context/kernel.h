// What a kernel file sees: plain data only, so that files compiled for an instruction set share no inline
// function with the rest of the program. Kernels never throw and allocate nothing.
#pragma once
#include <cstdint>

#include "device/kind.h"
#include "tensor/rounding.h"
#include "tensor/view.h"

#define RIDGE_ALWAYS static inline __attribute__((always_inline))

namespace ridge {

// The threads and the scratch memory of one call.
struct Exec {
  int threads;
  void* workspace;  // 64-byte aligned, as many bytes as the kernel asked for, contents undefined
  void (*run)(const Exec* exec, void (*task)(void* self, int thread),
              void* self);  // task(0 .. threads-1), then returns
  void* pool;
  int64_t* counter;  // for for_each_chunk
  // On a GPU: `workspace` is device memory, 256-byte aligned; the kernel only queues its work here.
  void* stream = nullptr;
  // Copies host data (segments and the like) to device memory, in the order of the stream; valid for the work
  // that this call queues. Null where it does not fit the ring (1 MiB).
  const void* (*upload)(const Exec* exec, const void* host, int64_t bytes) = nullptr;
  void* device = nullptr;  // the device, for upload
};

struct Cost;

// One way to compute an op on one device.
struct Kernel {
  const char* op;    // "attention"
  const char* name;  // technique and level: "flash.avx512"
  DeviceKind device;
  uint64_t needs;  // CpuFeature bits; of a GPU's kernels GpuFeature bits
  int rank;        // the highest that accepts runs; the reference has 0
  Rounding rounding;
  // nullptr where it can compute this call, else the reason (a literal).
  const char* (*accepts)(const void* args);
  int64_t (*workspace)(const void* args, int threads);  // bytes; null function: none
  void (*run)(const void* args, const Exec& exec);
  void (*refine)(const void* args, Cost& cost);  // null function: the op's own cost holds
  const char* source;                            // paper or origin of the technique
};

namespace {

// Runs fn(thread) once a thread.
template <typename F>
RIDGE_ALWAYS void each_thread(const Exec& exec, F&& fn) {
  if (exec.threads == 1) return fn(0);
  auto task = [](void* self, int thread) { (*static_cast<decltype(&fn)>(self))(thread); };
  exec.run(&exec, task, const_cast<void*>(static_cast<const void*>(&fn)));
}

// Runs fn(begin, end, thread) over [0, n) in chunks that threads claim as they get free.
template <typename F>
RIDGE_ALWAYS void for_each_chunk(const Exec& exec, int64_t n, int64_t chunk, F&& fn) {
  if (chunk < 1) chunk = 1;
  if (exec.threads == 1 || n <= chunk) {
    for (int64_t b = 0; b < n; b += chunk) fn(b, b + chunk < n ? b + chunk : n, 0);
    return;
  }
  int64_t* const counter = exec.counter;
  __atomic_store_n(counter, 0, __ATOMIC_RELAXED);
  each_thread(exec, [&](int thread) {
    for (;;) {
      const int64_t b = __atomic_fetch_add(counter, chunk, __ATOMIC_RELAXED);
      if (b >= n) break;
      fn(b, b + chunk < n ? b + chunk : n, thread);
    }
  });
}

}  // namespace
}  // namespace ridge

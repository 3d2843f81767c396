#include "base/thread_pool.h"

#include <chrono>

#include "base/cpu.h"

namespace ridge {
namespace {

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// About 100 microseconds of spinning before a worker parks: longer than the gaps between the ops of one step.
constexpr auto kSpin = std::chrono::microseconds(100);

}  // namespace

ThreadPool::ThreadPool(int threads) {
  if (threads <= 0) threads = cpu_info().cores;
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    generation_.fetch_add(1);
  }
  wake_.notify_all();
  for (auto& w : workers_) w.join();
}

void ThreadPool::run(void (*task)(void*, int), void* self) {
  if (workers_.empty()) return task(self, 0);
  task_ = task;
  self_ = self;
  running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  // seq_cst: either a parking worker sees the new generation, or we see that it parked.
  generation_.fetch_add(1);
  if (parked_.load() > 0) {
    const std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  task(self, 0);
  int spins = 0;
  while (running_.load(std::memory_order_acquire) > 0)
    // With more threads than cores a worker may need this core.
    if (++spins < 20000)
      pause();
    else
      std::this_thread::yield();
}

void ThreadPool::work(int thread) {
  uint64_t seen = 0;
  for (;;) {
    const auto start = std::chrono::steady_clock::now();
    uint64_t now;
    for (int spins = 0; (now = generation_.load(std::memory_order_acquire)) == seen; ++spins) {
      pause();
      if (spins % 64 == 63 && std::chrono::steady_clock::now() - start > kSpin) {
        std::unique_lock lock(mutex_);
        parked_.fetch_add(1);
        wake_.wait(lock, [&] { return generation_.load() != seen; });
        parked_.fetch_sub(1);
      }
    }
    seen = now;
    if (stop_) return;
    task_(self_, thread);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace ridge

// A pool whose threads meet at a barrier: run(task) calls task(0) .. task(n-1), one a thread, and returns
// when all are done. Threads spin for a short while between tasks and then park, so that an idle engine uses
// no processor time.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace ridge {

class ThreadPool {
 public:
  // `threads` in all, the caller's own among them; 0 takes one a usable core.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls task(self, thread) once a thread. Not reentrant; the task must not throw.
  void run(void (*task)(void* self, int thread), void* self);

 private:
  void work(int thread);
  std::vector<std::thread> workers_;
  void (*task_)(void*, int) = nullptr;
  void* self_ = nullptr;
  std::atomic<uint64_t> generation_{0};
  std::atomic<int> running_{0};
  std::atomic<int> parked_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace ridge

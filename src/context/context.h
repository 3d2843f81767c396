// The context decides what a call to an op means: run it, price it, time it, or write it on the tape. It is
// passed explicitly, one a running batch or training step; there is no global state.
#pragma once
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>

#include "context/op.h"
#include "context/tape.h"
#include "context/trace.h"
#include "device/device.h"

namespace ridge {

class ThreadPool;

struct ContextOptions {
  int threads = 0;                             // 0: one a usable core
  bool exact = false;                          // activations stay f32: verification
  std::map<std::string, std::string> kernels;  // op -> kernel named by the user
  uint64_t features = ~uint64_t{0};            // masks what the processor has
  bool price_as_given = false;  // null device: take `features` as the target's, not masked by this processor
  bool poison = false;          // new activations are filled with NaN, freed ones too: tests
  bool guard = false;           // words around each activation and each call's workspace are watched: tests
};

class Context {
 public:
  explicit Context(Device& device, const ContextOptions& options = {});
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Device& device() const { return device_; }
  bool computes() const { return device_.computes(); }
  int threads() const;
  const KernelChoice& kernels() const { return choice_; }
  void name_kernel(const std::string& op, const std::string& kernel) { choice_.named[op] = kernel; }

  // An uninitialised activation out of the arena; its memory goes back when the last view of it is gone.
  Tensor make(DType dtype, const Shape& shape);
  // An activation with the contents of a host array.
  Tensor from_host(const int32_t* values, int64_t n);
  Tensor from_host(const float* values, const Shape& shape);

  // Runs (or prices) one call. `args` is what the op's kernels take. `operands` are named in the trace, the
  // output first.
  void launch(const Op& op, const void* args, const Cost& cost,
              std::initializer_list<const Tensor*> operands);

  // Marks the output where a tape runs and an input is watched; else returns it as it is.
  Tensor taped(const Op& op, std::initializer_list<const Tensor*> inputs, const Tensor& output,
               Tape::Backward backward);

  Trace* trace = nullptr;  // set: every launch is recorded, and timed where it computes
  Tape* tape = nullptr;    // set: watched values are differentiated

  // The pass continues texts by tokens that were just chosen, one a sequence. Kernels that pay for prompts
  // only are then left out; which of the two a pass is does not depend on how many rows it has, so that a
  // prompt gives the same numbers whole and in chunks, and a token the same alone and in a batch.
  bool generating = false;

  // Names the part of the model that runs, for the trace.
  class Scope {
   public:
    Scope(Context& cx, const char* name, int index = -1);
    ~Scope();

   private:
    Context& cx_;
    size_t length_;
  };

  // Bytes of activations: now, and the most there were since the last reset.
  int64_t arena_bytes() const;
  int64_t arena_peak() const;
  void reset_arena_peak();

  // With the option `guard`: what was written outside an activation so far, "" where nothing was. Reads
  // outside find NaN.
  bool guarded() const;
  std::string guard_damage() const;

 private:
  struct Arena;
  void* workspace(int64_t bytes);
  Device& device_;
  KernelChoice choice_;
  std::unique_ptr<ThreadPool> pool_;
  std::shared_ptr<Arena> arena_;
  Tensor workspace_;
  int64_t counter_[16] = {};
  std::string scope_;
  double trace_begin_ = 0;
};

}  // namespace ridge

// The tape: what the forward pass did, so that it can be walked backwards, with ops again.
#pragma once
#include <functional>
#include <unordered_map>
#include <vector>

#include "tensor/tensor.h"

namespace ridge {

class Context;

class Tape {
 public:
  using Add = Tensor (*)(Context&, const Tensor&, const Tensor&);
  // `add` is the op that sums two gradients of one value (ops/add).
  explicit Tape(Add add) : add_(add) {}

  // Given the gradient of the output, returns the gradients of the inputs, in their order; an empty tensor
  // where the input asked for none.
  using Backward = std::function<std::vector<Tensor>(Context&, const Tensor& output_gradient)>;

  // The same tensor, marked as a value whose gradient is wanted.
  Tensor watch(const Tensor& t) { return t.with_value_id(++last_id_); }

  static bool watched(const Tensor& t) { return t.value_id() != 0; }

  // Appends a step; returns `output` marked. Call only where an input is watched.
  Tensor record(const char* op, std::vector<Tensor> inputs, const Tensor& output, Backward backward);

  // Walks the tape backwards from `loss` (one element, gradient 1), dropping what is used up. Gradients of
  // watched leaves stay and are read by gradient().
  void backward(Context& cx, const Tensor& loss);
  // The same in two steps, for several outputs: seed gives an output's gradient, walk goes back.
  void seed(const Tensor& output, const Tensor& gradient);
  void walk(Context& cx);

  // The gradient of a watched tensor after backward(); empty where the loss does not depend on it.
  Tensor gradient(const Tensor& t) const;

 private:
  struct Step {
    const char* op;
    std::vector<int64_t> inputs;
    int64_t output;
    Backward backward;
  };
  void accumulate(Context& cx, int64_t id, const Tensor& gradient);
  Add add_;
  std::vector<Step> steps_;
  std::unordered_map<int64_t, Tensor> gradients_;
  int64_t last_id_ = 0;
};

}  // namespace ridge

#include "context/tape.h"

#include <cassert>

#include "base/error.h"
#include "context/context.h"

namespace ridge {

Tensor Tape::record(const char* op, std::vector<Tensor> inputs, const Tensor& output, Backward backward) {
  Step step{op, {}, ++last_id_, std::move(backward)};
  for (const Tensor& t : inputs) step.inputs.push_back(t.value_id());
  steps_.push_back(std::move(step));
  return output.with_value_id(last_id_);
}

void Tape::accumulate(Context& cx, int64_t id, const Tensor& gradient) {
  auto [it, fresh] = gradients_.try_emplace(id, gradient);
  if (fresh) return;
  if (it->second.count() != gradient.count())
    fail(Fault::usage, "tape: gradients {} and {} of one value", it->second.text(), gradient.text());
  it->second = add_(cx, it->second, gradient.reshape(it->second.shape()));
}

void Tape::backward(Context& cx, const Tensor& loss) {
  if (loss.count() != 1) fail(Fault::usage, "tape: the loss is {}, expected one element", loss.text());
  const float one = 1;
  seed(loss, cx.from_host(&one, loss.shape()));
  walk(cx);
}

void Tape::seed(const Tensor& output, const Tensor& gradient) {
  if (!watched(output)) fail(Fault::usage, "tape: the output depends on no watched value");
  gradients_[output.value_id()] = gradient;
}

void Tape::walk(Context& cx) {
  Tape* const own = cx.tape;
  cx.tape = nullptr;  // the walk itself is not differentiated
  while (!steps_.empty()) {
    Step step = std::move(steps_.back());
    steps_.pop_back();
    const auto found = gradients_.find(step.output);
    if (found == gradients_.end()) continue;  // the loss does not depend on it
    const Tensor dy = found->second;
    gradients_.erase(found);
    const std::vector<Tensor> dx = step.backward(cx, dy);
    assert(dx.size() == step.inputs.size());
    for (size_t i = 0; i < dx.size(); ++i)
      if (step.inputs[i] != 0 && dx[i]) accumulate(cx, step.inputs[i], dx[i]);
  }
  cx.tape = own;
}

Tensor Tape::gradient(const Tensor& t) const {
  const auto it = gradients_.find(t.value_id());
  return it == gradients_.end() ? Tensor() : it->second;
}

}  // namespace ridge

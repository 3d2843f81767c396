#include "nn/model.h"

#include "base/error.h"

namespace ridge {
Tensor Model::forward(Context& cx, const Batch& batch, State* state) {
  if (batch.tokens.empty()) fail(Fault::usage, "forward: no tokens");
  if (state) state->reserve(batch);
  const Tensor logits = run(cx, batch, state);
  if (state) state->append(batch);
  return logits;
}

Tensor Model::hidden(Context& cx, const Batch& batch, State* state) {
  if (batch.tokens.empty()) fail(Fault::usage, "forward: no tokens");
  if (state) state->reserve(batch);
  const Tensor x = run_hidden(cx, batch, state);
  if (state) state->append(batch);
  return x;
}

}  // namespace ridge

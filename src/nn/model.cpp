#include "nn/model.h"

#include "base/error.h"

namespace ridge {
namespace {

// Says for the length of a pass what kind it is.
class Phase {
 public:
  Phase(Context& cx, const Batch& batch) : cx_(cx), before_(cx.generating) {
    cx.generating = batch.generated;
  }
  ~Phase() { cx_.generating = before_; }

 private:
  Context& cx_;
  bool before_;
};

}  // namespace

Tensor Model::forward(Context& cx, const Batch& batch, State* state) {
  if (batch.tokens.empty()) fail(Fault::usage, "forward: no tokens");
  if (state) state->reserve(batch);
  const Phase phase(cx, batch);
  const Tensor logits = run(cx, batch, state);
  if (state) state->append(batch);
  return logits;
}

Tensor Model::hidden(Context& cx, const Batch& batch, State* state) {
  if (batch.tokens.empty()) fail(Fault::usage, "forward: no tokens");
  if (state) state->reserve(batch);
  const Phase phase(cx, batch);
  const Tensor x = run_hidden(cx, batch, state);
  if (state) state->append(batch);
  return x;
}

namespace {

[[noreturn]] void cannot(const Model& model, const char* what) {
  fail(Fault::usage, "{}: this architecture does not {}", model.info ? model.info->name : "model", what);
}

}  // namespace

Outputs Model::encode(Context&, const Inputs&, const std::set<std::string>&) {
  cannot(*this, "encode: it writes text (`ridge run`)");
}

Tensor Model::remember_source(Context&, const Inputs&, State&) { cannot(*this, "read a source to answer"); }

Tensor Model::image_tokens(Context&, const Tensor&) { cannot(*this, "see images"); }

Inputs Model::sample_input(Device&, int64_t length, int count) const {
  Inputs in;
  in.text = Batch::of_length(length, false, count);
  return in;
}

std::unique_ptr<State> Model::make_state(Device&, int, int64_t, DType) const {
  cannot(*this, "write text: it encodes (`ridge embed`, `ridge fill`, `ridge classify`)");
}

Tensor Model::run(Context&, const Batch&, State*) {
  cannot(*this, "write text: it encodes (`ridge embed`, `ridge fill`, `ridge classify`)");
}

std::string Model::hf_class() const { return info->hf_class; }

Tensor Model::run_hidden(Context& cx, const Batch& batch, State* state) { return run(cx, batch, state); }

}  // namespace ridge

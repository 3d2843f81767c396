#include "engine/verify.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "engine/verify_parts.h"
#include "files/safetensors.h"
#include "nn/image_text.h"
#include "nn/rope.h"
#include "ops/add/add.h"
#include "ops/cross_entropy/cross_entropy.h"

namespace ridge {
using verifying::compare;
using verifying::ids_of;
using verifying::values_of;
namespace {

int32_t argmax(const float* x, int64_t n) { return static_cast<int32_t>(std::max_element(x, x + n) - x); }

struct Input {
  std::vector<int32_t> ids;
  int64_t rows, length;
  std::vector<int32_t> row(int64_t r) const {
    return {ids.begin() + static_cast<std::ptrdiff_t>(r * length),
            ids.begin() + static_cast<std::ptrdiff_t>((r + 1) * length)};
  }
};

// All rows as sequences of one batch, fed whole or in chunks, keys and values in f32.
std::vector<float> logits_of(Model& model, Context& cx, const Input& in, int64_t chunk) {
  const int64_t vocab = model.size().vocab;
  std::vector<float> all(static_cast<size_t>(in.rows * in.length * vocab));
  auto state = model.make_state(cx.device(), static_cast<int>(in.rows), in.length, f32);
  const int64_t step = chunk > 0 ? chunk : in.length;
  for (int64_t at = 0; at < in.length; at += step) {
    const int64_t n = std::min(step, in.length - at);
    Batch batch;
    for (int64_t r = 0; r < in.rows; ++r) {
      const auto row = in.row(r);
      batch.add(static_cast<int>(r), {row.begin() + at, row.begin() + at + n}, false);
    }
    const auto out = values_of(model.forward(cx, batch, state.get()));
    for (int64_t r = 0; r < in.rows; ++r)
      std::memcpy(all.data() + (r * in.length + at) * vocab, out.data() + r * n * vocab,
                  static_cast<size_t>(n * vocab) * 4);
  }
  return all;
}

VerifyResult greedy(Model& model, Context& cx, const Input& in, const Tensor& expected) {
  const auto want = ids_of(expected.rank() == 2 ? expected.select(0, 0) : expected);
  const auto total = static_cast<int64_t>(want.size());
  VerifyResult r{"greedy"};
  r.exact = true;
  std::vector<int32_t> ids = in.row(0);
  std::vector<int32_t> next = ids;
  // LongRoPE has other frequencies for sequences past a length, for all their tokens: there the reference
  // starts anew.
  int64_t turn = 0;
  for (const Rope* r : model.ropes()) turn = std::max(turn, r->short_until());
  const bool turns = turn >= in.length && turn < total;
  auto state = model.make_state(cx.device(), 1, turns ? turn : std::max(total, in.length), f32);
  while (static_cast<int64_t>(ids.size()) < total) {
    if (turns && state->capacity() == turn && static_cast<int64_t>(ids.size()) > turn) {
      state = model.make_state(cx.device(), 1, total, f32);
      next = ids;
    }
    const auto logits = values_of(model.forward(cx, Batch::one(next, true), state.get()));
    next = {argmax(logits.data(), static_cast<int64_t>(logits.size()))};
    ids.push_back(next[0]);
  }
  int64_t wrong = 0;
  for (size_t i = 0; i < want.size(); ++i)
    if (i >= ids.size() || ids[i] != want[i]) {
      if (wrong++ == 0)
        r.note = fmt::format("token {} is {}, expected {}", i, i < ids.size() ? ids[i] : -1, want[i]);
    }
  r.error = total ? static_cast<double>(wrong) / static_cast<double>(total) : 0;
  r.passed = wrong == 0;
  return r;
}

// Marks every weight on the tape, by its Hugging Face name.
class Watcher final : public WeightVisitor {
 public:
  explicit Watcher(Tape& tape) : tape_(tape) {}
  void visit(Tensor& t, const WeightSpec& spec) override {
    if (!t || spec.hf.size() != 1) return;
    t = tape_.watch(t);
    watched.emplace(spec.hf[0], std::pair{t, spec});
  }
  std::unordered_map<std::string, std::pair<Tensor, WeightSpec>> watched;

 private:
  Tape& tape_;
};

void gradients(Model& model, const VerifyOptions& options, const Input& in, const Safetensors& expected,
               std::vector<VerifyResult>& results) {
  Context cx(cpu_device(), options.context);
  Tape tape(add);
  Watcher watcher(tape);
  model.visit(watcher);
  cx.tape = &tape;
  Batch batch;
  std::vector<int32_t> targets;
  for (int64_t r = 0; r < in.rows; ++r) {
    const auto row = in.row(r);
    batch.add(static_cast<int>(r), row, false);
    targets.insert(targets.end(), row.begin() + 1, row.end());
    targets.push_back(-1);
  }
  const Tensor logits = model.forward(cx, batch, nullptr);
  const Tensor loss =
      cross_entropy(cx, logits, cx.from_host(targets.data(), static_cast<int64_t>(targets.size())));
  tape.backward(cx, loss);
  cx.tape = nullptr;
  for (const auto& t : expected.tensors()) {
    if (t.name.rfind("grad.", 0) != 0) continue;
    const auto found = watcher.watched.find(t.name.substr(5));
    if (found == watcher.watched.end()) {
      results.push_back({t.name, INFINITY, false, false, "the model has no such weight"});
      continue;
    }
    Tensor g = tape.gradient(found->second.first);
    const WeightSpec& spec = found->second.second;
    if (g && model.from_gguf && spec.rope_heads > 0) g = rope_rows_to_half_split(g, spec.rope_heads);
    if (g && spec.hf_layout.to_file && g.rank() == 2) g = spec.hf_layout.to_file(g);
    const auto reference = values_of(expected.tensor(t));
    results.push_back(compare(t.name, g ? values_of(g) : std::vector<float>(reference.size()), reference,
                              options.tolerance));
  }
  if (const auto* losses = expected.find("train.losses")) {
    const auto reference = values_of(expected.tensor(*losses));
    results.push_back(compare("loss", values_of(loss), {reference.at(0)}, options.tolerance));
  }
}

// The type of the weights where it is one of 16 bits, else null.
class WeightType final : public WeightVisitor {
 public:
  void visit(Tensor& t, const WeightSpec& spec) override {
    if (t && spec.kind == WeightSpec::Kind::matrix && !dtype) dtype = t.dtype();
  }
  DType dtype;
};

bool all_passed(const std::vector<VerifyResult>& results) {
  return std::all_of(results.begin(), results.end(), [](const VerifyResult& r) { return r.passed; });
}

std::vector<VerifyResult> outputs(Model& model, const Safetensors& expected, const VerifyOptions& options,
                                  const Input& in) {
  std::vector<VerifyResult> results;
  Context cx(cpu_device(), options.context);
  if (const auto* e = expected.find("logits"))
    results.push_back(compare("logits", logits_of(model, cx, in, options.chunk),
                              values_of(expected.tensor(*e)), options.tolerance));
  if (const auto* e = expected.find("greedy")) results.push_back(greedy(model, cx, in, expected.tensor(*e)));
  return results;
}

}  // namespace

std::vector<VerifyResult> verifying::with_rounded_rope(
    Model& model, const std::function<std::vector<VerifyResult>()>& outputs) {
  const std::vector<VerifyResult> exact = outputs();
  if (all_passed(exact)) return exact;
  WeightType weights;
  model.visit(weights);
  const bool narrow = weights.dtype && weights.dtype.is_real() && weights.dtype->bytes == 2;
  if (!narrow || model.ropes().empty()) return exact;
  for (Rope* r : model.ropes()) r->round_to(weights.dtype);
  std::vector<VerifyResult> rounded = outputs();
  model.ready(cpu_device());
  if (!all_passed(rounded)) return exact;
  for (size_t i = 0; i < rounded.size(); ++i)
    rounded[i].note = fmt::format(
        "the reference's RoPE frequencies were rounded to {}, and so are ours (exact ones: {:.1e})",
        weights.dtype.name(), exact[i].error);
  return rounded;
}

namespace {

// A known fault of versions of the reference, tried where the published model does not give what is expected.
std::vector<VerifyResult> with_fault(Model& model,
                                     const std::function<std::vector<VerifyResult>()>& outputs) {
  const std::vector<VerifyResult> published = outputs();
  if (all_passed(published) || model.reference_fault().empty()) return published;
  model.imitate_fault(true);
  std::vector<VerifyResult> results = outputs();
  model.imitate_fault(false);
  if (!all_passed(results)) return published;
  for (size_t i = 0; i < results.size(); ++i)
    results[i].note = fmt::format("{}, and so does ours here (as published: {:.1e})", model.reference_fault(),
                                  published[i].error);
  return results;
}

}  // namespace

std::vector<VerifyResult> verify(Model& model, const Safetensors& expected, const VerifyOptions& options,
                                 std::vector<std::string>& skipped) {
  if (model.kind() == ModelKind::encoder) return verify_encoder(model, expected, options, skipped);
  if (model.kind() == ModelKind::sequence_to_sequence)
    return verify_seq2seq(model, expected, options, skipped);
  if (auto* seeing = dynamic_cast<ImageText*>(&model))
    return verify_images_text(*seeing, expected, options, skipped);
  const auto* ids = expected.find("input_ids");
  if (!ids || ids->shape.rank() != 2) fail(Fault::file, "expected.safetensors: no input_ids [rows, length]");
  const Tensor t = expected.tensor(*ids);
  const Input in{ids_of(t), t.dim(0), t.dim(1)};
  for (const int32_t id : in.ids)
    if (id < 0 || id >= model.size().vocab)
      fail(Fault::file, "expected.safetensors: id {} of a vocabulary of {}", id, model.size().vocab);
  const auto rounded = [&] {
    return verifying::with_rounded_rope(model, [&] { return outputs(model, expected, options, in); });
  };
  std::vector<VerifyResult> results = with_fault(model, rounded);
  bool has_gradients = false;
  for (const auto& e : expected.tensors()) {
    if (e.name.rfind("grad.", 0) == 0)
      has_gradients = true;
    else if (e.name != "input_ids" && e.name != "logits" && e.name != "greedy" && e.name != "train.losses")
      skipped.push_back(e.name);
  }
  WeightType weights;
  model.visit(weights);
  if (has_gradients && weights.dtype && !(weights.dtype == DType(f32)))
    skipped.push_back(
        fmt::format("grad.*: gradients need weights in f32, these are {}", weights.dtype.name()));
  else if (has_gradients)
    gradients(model, options, in, expected, results);
  return results;
}

}  // namespace ridge

#include <algorithm>

#include "base/error.h"
#include "engine/verify_parts.h"
#include "files/safetensors.h"

namespace ridge {
namespace {

using verifying::compare;
using verifying::ids_of;
using verifying::values_of;

// The inputs of a folder, and which of its [rows, length] tokens are text.
struct Given {
  Inputs inputs;
  int64_t rows = 0, length = 0;
  std::vector<int32_t> mask;
};

bool is_input(const std::string& name) {
  static const char* const names[] = {
      "input_ids",    "attention_mask", "token_type_ids", "global_attention_mask",
      "pixel_values", "input_features", "inputs"};
  return std::any_of(std::begin(names), std::end(names), [&](const char* n) { return name == n; });
}

Tensor real_input(Context& cx, const Safetensors& expected, const char* name) {
  const auto* e = expected.find(name);
  if (!e) return {};
  const Tensor t = expected.tensor(*e);
  return cx.from_host(values_of(t).data(), t.shape());
}

std::vector<int32_t> optional_ids(const Safetensors& expected, const char* name, const Given& g,
                                  int32_t otherwise) {
  const auto* e = expected.find(name);
  if (!e) return std::vector<int32_t>(static_cast<size_t>(g.rows * g.length), otherwise);
  if (!(e->shape == Shape{g.rows, g.length}))
    fail(Fault::file, "expected.safetensors: {} {} beside input_ids [{}, {}]", name, e->shape.text(), g.rows,
         g.length);
  return ids_of(expected.tensor(*e));
}

void take_text(const Model& model, const Safetensors& expected, Given& g) {
  const auto* e = expected.find("input_ids");
  if (!e) return;
  if (e->shape.rank() != 2) fail(Fault::file, "expected.safetensors: input_ids {}", e->shape.text());
  g.rows = e->shape[0], g.length = e->shape[1];
  const auto ids = ids_of(expected.tensor(*e));
  g.mask = optional_ids(expected, "attention_mask", g, 1);
  const auto types = optional_ids(expected, "token_type_ids", g, 0);
  const auto global = optional_ids(expected, "global_attention_mask", g, 0);
  // Where the folder does not say which tokens are global, the model's own rule holds.
  const bool says_global = expected.find("global_attention_mask") != nullptr;
  const bool padded = model.reads_padding();
  Batch& text = g.inputs.text;
  for (int64_t r = 0; r < g.rows; ++r) {
    std::vector<int32_t> row;
    for (int64_t i = 0; i < g.length; ++i) {
      const auto at = static_cast<size_t>(r * g.length + i);
      if (ids[at] < 0 || ids[at] >= model.size().vocab)
        fail(Fault::file, "expected.safetensors: id {} of a vocabulary of {}", ids[at], model.size().vocab);
      if (g.mask[at] && i > 0 && !g.mask[at - 1])
        fail(Fault::file, "expected.safetensors: attention_mask with padding before text, in row {}", r);
      if (!g.mask[at] && !padded) continue;
      row.push_back(ids[at]);
      text.types.push_back(types[at]);
      if (says_global) text.global.push_back(global[at] != 0);
      if (padded) text.mask.push_back(g.mask[at] != 0);
    }
    text.add(static_cast<int>(r), row, false);
  }
}

// The rows of an output of tokens, [rows, length, ...] or flat, that are text; all of any other output.
std::vector<float> text_rows(const std::string& name, const Tensor& t, const Given& g) {
  std::vector<float> all = values_of(t);
  const int64_t tokens = g.rows * g.length;
  const bool marks = name == "start_logits" || name == "end_logits";
  const bool of_tokens =
      g.rows > 0 && t.rank() >= 2 && ((t.rank() == 3 || marks) && t.dim(0) == g.rows && t.dim(1) == g.length);
  const bool flat = g.rows > 0 && t.rank() == 2 && t.dim(0) == tokens && !g.inputs.text.mask.empty();
  if (tokens == 0 || (!of_tokens && !flat)) return all;
  const auto n = static_cast<std::ptrdiff_t>(static_cast<int64_t>(all.size()) / tokens);
  std::vector<float> kept;
  for (int64_t i = 0; i < tokens; ++i)
    if (g.mask[static_cast<size_t>(i)])
      kept.insert(kept.end(), all.begin() + i * n, all.begin() + (i + 1) * n);
  return kept;
}

}  // namespace

std::vector<VerifyResult> verify_encoder(Model& model, const Safetensors& expected,
                                         const VerifyOptions& options, std::vector<std::string>& skipped) {
  Context cx(cpu_device(), options.context);
  Given given;
  take_text(model, expected, given);
  given.inputs.pixels = real_input(cx, expected, "pixel_values");
  given.inputs.features = real_input(cx, expected, "input_features");
  if (!given.inputs.features) given.inputs.features = real_input(cx, expected, "inputs");
  return verifying::with_rounded_rope(model, [&] {
    const Outputs outputs = model.encode(cx, given.inputs, {});
    std::vector<VerifyResult> results;
    skipped.clear();
    for (const auto& e : expected.tensors()) {
      if (is_input(e.name)) continue;
      const auto found = outputs.find(e.name);
      if (found == outputs.end())
        skipped.push_back(e.name);
      else
        results.push_back(compare(e.name, text_rows(e.name, found->second, given),
                                  text_rows(e.name, expected.tensor(e), given), options.tolerance));
    }
    return results;
  });
}

}  // namespace ridge

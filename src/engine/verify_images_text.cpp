#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "engine/verify_parts.h"
#include "files/safetensors.h"
#include "nn/image_text.h"
#include "nn/rope.h"

namespace ridge {
namespace {

using verifying::compare;
using verifying::ids_of;
using verifying::values_of;

// The prompts of a folder with the places of the images in them, and what stands there.
struct Prompts {
  std::vector<std::vector<int32_t>> given, rows;  // as the folder has them; with kEmbedding
  Tensor embeddings;                              // f32 [places, dim]: of all rows, in order
};

// The next tokens of one sequence, with the embeddings that stand in them; `used` counts those before.
Batch part_of(const Prompts& p, const std::vector<int32_t>& tokens, int slot, int64_t& used) {
  Batch batch;
  batch.add(slot, tokens, false);
  const auto n = std::count(tokens.begin(), tokens.end(), Batch::kEmbedding);
  if (n > 0) batch.embeddings = p.embeddings.slice(0, used, used + n);
  used += n;
  return batch;
}

std::vector<float> logits_of(Model& model, Context& cx, const Prompts& p, int64_t chunk) {
  std::vector<float> all;
  int64_t used = 0;
  for (const auto& row : p.rows) {
    const auto n = static_cast<int64_t>(row.size()), step = chunk > 0 ? chunk : n;
    auto state = model.make_state(cx.device(), 1, n, f32);
    for (int64_t at = 0; at < n; at += step) {
      const std::vector<int32_t> tokens(row.begin() + at, row.begin() + std::min(n, at + step));
      const auto out = values_of(model.forward(cx, part_of(p, tokens, 0, used), state.get()));
      all.insert(all.end(), out.begin(), out.end());
    }
  }
  return all;
}

// The continuation of row 0: all ids, or the new ones only.
VerifyResult greedy(Model& model, Context& cx, const Prompts& p, const Tensor& expected) {
  auto want = ids_of(expected.rank() == 2 ? expected.select(0, 0) : expected);
  const auto& given = p.given[0];
  if (want.size() >= given.size() && std::equal(given.begin(), given.end(), want.begin()))
    want.erase(want.begin(), want.begin() + static_cast<std::ptrdiff_t>(given.size()));
  VerifyResult r{"greedy"};
  r.exact = true;
  int64_t used = 0, wrong = 0;
  const auto n = static_cast<int64_t>(p.rows[0].size() + want.size());
  auto state = model.make_state(cx.device(), 1, n, f32);
  std::vector<int32_t> next = p.rows[0];
  for (size_t i = 0; i < want.size(); ++i) {
    const auto logits = values_of(model.forward(cx, part_of(p, next, 0, used), state.get()));
    const auto last = logits.end() - static_cast<std::ptrdiff_t>(model.size().vocab);
    next = {static_cast<int32_t>(std::max_element(last, logits.end()) - last)};
    if (next[0] != want[i] && wrong++ == 0)
      r.note = fmt::format("new token {} is {}, expected {}", i, next[0], want[i]);
  }
  r.error = want.empty() ? 0 : static_cast<double>(wrong) / static_cast<double>(want.size());
  r.passed = wrong == 0;
  return r;
}

Prompts prompts_of(const ImageText& model, const Safetensors& expected, const Tensor& tokens) {
  const auto* e = expected.find("input_ids");
  if (!e || e->shape.rank() != 2) fail(Fault::file, "expected.safetensors: no input_ids [rows, length]");
  const int64_t rows = e->shape[0], length = e->shape[1];
  const auto ids = ids_of(expected.tensor(*e));
  for (const int32_t id : ids)
    if (id != model.image_token() && (id < 0 || id >= model.size().vocab))
      fail(Fault::file, "expected.safetensors: id {} of a vocabulary of {}", id, model.size().vocab);
  if (rows < 1 || tokens.dim(0) % rows != 0)
    fail(Fault::file, "expected.safetensors: {} images for {} rows of input_ids", tokens.dim(0), rows);
  Prompts p;
  for (int64_t r = 0; r < rows; ++r) {
    p.given.emplace_back(ids.begin() + r * length, ids.begin() + (r + 1) * length);
    p.rows.push_back(model.expand(p.given.back(), tokens.dim(0) / rows, tokens.dim(1)));
  }
  p.embeddings = tokens.reshape({tokens.dim(0) * tokens.dim(1), tokens.dim(2)});
  return p;
}

std::vector<VerifyResult> outputs(ImageText& model, const Safetensors& expected, const VerifyOptions& options,
                                  std::vector<std::string>& skipped) {
  skipped.clear();
  Context cx(cpu_device(), options.context);
  const auto* seen = expected.find("pixel_values");
  if (!seen || seen->shape.rank() != 4)
    fail(Fault::file, "expected.safetensors: no pixel_values [images, channels, height, width]");
  const Tensor given = expected.tensor(*seen);
  const Tensor pixels = cx.from_host(values_of(given).data(), given.shape());
  const Tensor tokens = model.image_tokens(cx, pixels);
  std::vector<VerifyResult> results;
  for (const auto& e : expected.tensors()) {
    const Tensor t = expected.tensor(e);
    if (e.name == "image_tokens")
      results.push_back(compare(e.name, values_of(tokens), values_of(t), options.tolerance));
    else if (e.name == "vision_features")
      results.push_back(
          compare(e.name, values_of(model.vision_features(cx, pixels)), values_of(t), options.tolerance));
    else if (e.name == "logits")
      results.push_back(compare(e.name,
                                logits_of(model, cx, prompts_of(model, expected, tokens), options.chunk),
                                values_of(t), options.tolerance));
    else if (e.name == "greedy")
      results.push_back(greedy(model, cx, prompts_of(model, expected, tokens), t));
    else if (e.name != "input_ids" && e.name != "pixel_values" && e.name != "attention_mask")
      skipped.push_back(e.name);
  }
  return results;
}

}  // namespace

std::vector<VerifyResult> verify_images_text(ImageText& model, const Safetensors& expected,
                                             const VerifyOptions& options,
                                             std::vector<std::string>& skipped) {
  return verifying::with_rounded_rope(model, [&] { return outputs(model, expected, options, skipped); });
}

}  // namespace ridge

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "engine/beam_search.h"
#include "engine/verify_parts.h"
#include "files/safetensors.h"

namespace ridge {
namespace {

using verifying::compare;
using verifying::ids_of;
using verifying::values_of;

// Rows of ids [rows, length], of which the masked ones are text.
struct Rows {
  int64_t rows = 0, length = 0;
  std::vector<int32_t> ids, mask;
  std::vector<int32_t> text(int64_t r) const {
    std::vector<int32_t> row;
    for (int64_t i = r * length; i < (r + 1) * length; ++i)
      if (mask[static_cast<size_t>(i)]) row.push_back(ids[static_cast<size_t>(i)]);
    return row;
  }
};

Rows rows_of(const Safetensors& expected, const char* name, const char* mask) {
  Rows r;
  const auto* e = expected.find(name);
  if (!e) return r;
  if (e->shape.rank() != 2) fail(Fault::file, "expected.safetensors: {} {}", name, e->shape.text());
  r.rows = e->shape[0], r.length = e->shape[1];
  r.ids = ids_of(expected.tensor(*e));
  r.mask.assign(r.ids.size(), 1);
  if (const auto* m = expected.find(mask)) {
    if (!(m->shape == e->shape))
      fail(Fault::file, "expected.safetensors: {} {} beside {} {}", mask, m->shape.text(), name,
           e->shape.text());
    r.mask = ids_of(expected.tensor(*m));
  }
  return r;
}

struct Given {
  Inputs inputs;  // all sources
  Rows source, target;
  int64_t sources = 0;
};

Given given(Context& cx, const Model&, const Safetensors& expected) {
  Given g;
  g.source = rows_of(expected, "input_ids", "attention_mask");
  g.target = rows_of(expected, "decoder_input_ids", "decoder_attention_mask");
  if (const auto* e = expected.find("input_features")) {
    const Tensor t = expected.tensor(*e);
    g.inputs.features = cx.from_host(values_of(t).data(), t.shape());
    g.sources = t.rank() > 0 ? t.dim(0) : 0;
  } else {
    g.sources = g.source.rows;
    for (int64_t r = 0; r < g.sources; ++r) g.inputs.text.add(static_cast<int>(r), g.source.text(r), false);
  }
  if (g.sources < 1) fail(Fault::file, "expected.safetensors: no input_ids and no input_features");
  return g;
}

// All targets as sequences of one batch, fed whole or in chunks.
std::vector<float> logits_of(Model& model, Context& cx, const Given& g, State& state, int64_t chunk) {
  const int64_t vocab = model.size().vocab, length = g.target.length, step = chunk > 0 ? chunk : length;
  std::vector<float> all(static_cast<size_t>(g.target.rows * length * vocab));
  for (int64_t at = 0; at < length; at += step) {
    const int64_t n = std::min(step, length - at);
    Batch batch;
    for (int64_t r = 0; r < g.target.rows; ++r) {
      const auto from = g.target.ids.begin() + static_cast<std::ptrdiff_t>(r * length + at);
      batch.add(static_cast<int>(r), {from, from + static_cast<std::ptrdiff_t>(n)}, false);
    }
    const auto out = values_of(model.forward(cx, batch, &state));
    for (int64_t r = 0; r < g.target.rows; ++r)
      std::memcpy(all.data() + (r * length + at) * vocab, out.data() + r * n * vocab,
                  static_cast<size_t>(n * vocab) * 4);
  }
  return all;
}

// The rows of [rows, length, n] that are text.
std::vector<float> text_rows(const std::vector<float>& all, const Rows& rows, int64_t n) {
  if (rows.rows == 0) return all;
  std::vector<float> kept;
  for (size_t i = 0; i < rows.mask.size(); ++i)
    if (rows.mask[i])
      kept.insert(kept.end(), all.begin() + static_cast<std::ptrdiff_t>(static_cast<int64_t>(i) * n),
                  all.begin() + static_cast<std::ptrdiff_t>((static_cast<int64_t>(i) + 1) * n));
  return kept;
}

// "greedy" is 1, "beam4" is 4, other names 0.
int64_t beams_of(const std::string& name) {
  if (name == "greedy") return 1;
  if (name.rfind("beam", 0) != 0 || name.size() < 5 || name.size() > 8) return 0;
  int64_t n = 0;
  for (size_t i = 4; i < name.size(); ++i) {
    if (name[i] < '0' || name[i] > '9') return 0;
    n = n * 10 + (name[i] - '0');
  }
  return n;
}

// How far the reference may have been allowed to write. Its outputs do not say so where they end before.
std::vector<int64_t> lengths_to_try(const GenerationConfig& c, const std::vector<int32_t>& ids,
                                    int64_t width) {
  if (c.max_length || c.max_new_tokens) return {c.longest(1)};
  for (int64_t r = 0; r * width < static_cast<int64_t>(ids.size()); ++r)
    if (const int32_t last = ids[static_cast<size_t>((r + 1) * width - 1)];
        std::find(c.eos.begin(), c.eos.end(), last) == c.eos.end() && !(c.pad && last == *c.pad))
      return {width};
  return {std::max<int64_t>(width, 17), std::max<int64_t>(width, 21), width};
}

struct Written {
  std::vector<int32_t> ids;
  std::vector<float> scores;
};

// As the reference lays them out: [answers, width], padded.
Written written(Model& model, Context& cx, const Given& g, SearchOptions o, int64_t answers, int64_t width) {
  const bool each = answers % g.sources == 0 && answers / g.sources == o.config.returned;
  Inputs in = g.inputs;
  if (!each) {  // those of the first source
    o.config.returned = std::min(answers, o.config.beams);
    if (in.features)
      in.features = in.features.slice(0, 0, 1);
    else
      in.text = Batch::one(g.source.text(0));
  }
  Written w;
  // The reference's beam search pads with an end where the padding's id is 0.
  const GenerationConfig& c = o.config;
  const bool by_pad = c.pad && (c.beams == 1 || *c.pad != 0 || c.eos.empty());
  const int32_t pad = by_pad ? *c.pad : c.eos.empty() ? -1 : c.eos[0];
  for (const auto& list : search(model, cx, in, o))
    for (const Hypothesis& h : list) {
      for (int64_t i = 0; i < std::max<int64_t>(width, static_cast<int64_t>(h.ids.size())); ++i)
        w.ids.push_back(i < static_cast<int64_t>(h.ids.size()) ? h.ids[static_cast<size_t>(i)] : pad);
      w.scores.push_back(h.score);
    }
  return w;
}

VerifyResult same_ids(const std::string& name, const std::vector<int32_t>& out,
                      const std::vector<int32_t>& want) {
  VerifyResult r{name};
  r.exact = true;
  int64_t wrong = 0;
  for (size_t i = 0; i < std::max(out.size(), want.size()); ++i)
    if (i >= out.size() || i >= want.size() || out[i] != want[i])
      if (wrong++ == 0)
        r.note = fmt::format("token {} is {}, expected {}", i, i < out.size() ? out[i] : -1,
                             i < want.size() ? want[i] : -1);
  r.error = want.empty() ? 0 : static_cast<double>(wrong) / static_cast<double>(want.size());
  r.passed = wrong == 0;
  return r;
}

void verify_search(Model& model, Context& cx, const Given& g, const Safetensors& expected,
                   const VerifyOptions& options, const std::string& name, int64_t beams,
                   std::vector<VerifyResult>& results) {
  const Tensor t = expected.tensor(*expected.find(name));
  const auto want = ids_of(t);
  const int64_t answers = t.rank() == 2 ? t.dim(0) : 1;
  if (answers < 1 || want.empty()) fail(Fault::file, "expected.safetensors: {} {}", name, t.text());
  const auto width = static_cast<int64_t>(want.size()) / answers;
  if (!options.checkpoint) fail(Fault::usage, "verify: {} needs the checkpoint's generation settings", name);
  SearchOptions search_options;
  search_options.config = generation_config_of(*options.checkpoint, nullptr, model.size().vocab);
  GenerationConfig& c = search_options.config;
  c.beams = beams;
  if (beams == 1) c.returned = 1;
  VerifyResult best;
  std::vector<float> scores;
  for (const int64_t longest : lengths_to_try(c, want, width)) {
    c.max_length = longest, c.max_new_tokens = {};
    const Written w = written(model, cx, g, search_options, answers, width);
    const VerifyResult r = same_ids(name, w.ids, want);
    if (best.name.empty() || r.passed) best = r, scores = w.scores;
    if (r.passed) break;
  }
  results.push_back(best);
  if (const auto* e = expected.find(name + ".scores"))
    results.push_back(compare(name + ".scores", scores, values_of(expected.tensor(*e)), options.tolerance));
}

bool is_input(const std::string& name) {
  static const char* const names[] = {"input_ids", "attention_mask", "decoder_input_ids",
                                      "decoder_attention_mask", "input_features"};
  return std::any_of(std::begin(names), std::end(names), [&](const char* n) { return name == n; });
}

}  // namespace

std::vector<VerifyResult> verify_seq2seq(Model& model, const Safetensors& expected,
                                         const VerifyOptions& options, std::vector<std::string>& skipped) {
  Context cx(cpu_device(), options.context);
  const Given g = given(cx, model, expected);
  auto state =
      model.make_state(cx.device(), static_cast<int>(g.sources), std::max<int64_t>(g.target.length, 1), f32);
  const Tensor encoded = model.remember_source(cx, g.inputs, *state);
  std::vector<VerifyResult> results;
  for (const auto& e : expected.tensors()) {
    const auto reference = [&] { return values_of(expected.tensor(e)); };
    if (is_input(e.name) || (e.name.size() > 7 && e.name.rfind(".scores") == e.name.size() - 7)) continue;
    if (e.name == "encoder_hidden") {
      results.push_back(compare(e.name, values_of(encoded), text_rows(reference(), g.source, encoded.dim(1)),
                                options.tolerance));
    } else if (e.name == "logits" && g.target.rows == g.sources) {
      results.push_back(compare(
          e.name, text_rows(logits_of(model, cx, g, *state, options.chunk), g.target, model.size().vocab),
          text_rows(reference(), g.target, model.size().vocab), options.tolerance));
    } else if (const int64_t beams = beams_of(e.name); beams > 0) {
      verify_search(model, cx, g, expected, options, e.name, beams, results);
    } else {
      skipped.push_back(e.name);
    }
  }
  return results;
}

}  // namespace ridge

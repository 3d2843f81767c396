#include "engine/encode_text.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "models/registry.h"
#include "nn/encoder.h"

namespace ridge {
namespace {

// Calls run(first, last) for texts [first, last) that go through the model together.
void each_batch(std::span<const TextTokens> texts, const EncodeTextOptions& o,
                const std::function<void(size_t first, size_t last)>& run) {
  for (size_t first = 0; first < texts.size();) {
    if (o.cancelled && o.cancelled()) fail(Fault::check, "interrupted");
    size_t last = first;
    int64_t tokens = 0;
    do tokens += static_cast<int64_t>(texts[last++].ids.size());
    while (last < texts.size() && tokens + static_cast<int64_t>(texts[last].ids.size()) <= o.batch_tokens);
    run(first, last);
    first = last;
    if (o.progress) o.progress(static_cast<int64_t>(first), static_cast<int64_t>(texts.size()));
  }
}

std::span<const float> row_of(const Tensor& t, int64_t row) {
  return {t.ptr<float>() + row * t.dim(-1), static_cast<size_t>(t.dim(-1))};
}

// exp(x - max) over their sum.
std::vector<double> probabilities(std::span<const float> logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  double sum = 0;
  for (const float x : logits) sum += p.emplace_back(std::exp(x - most));
  for (double& x : p) x /= sum;
  return p;
}

const TextEncoder& text_encoder(const OpenedModel& opened, const char* what) {
  const auto* e = dynamic_cast<const TextEncoder*>(opened.model.get());
  if (!e) fail(Fault::usage, "{}: {} does not {}", opened.checkpoint.path(), opened.model->info->name, what);
  return *e;
}

LabelScore best_label(std::span<const float> logits, const std::vector<std::string>& labels) {
  return label_scores(logits, labels, false).at(0);
}

bool is_special(const OpenedModel& opened, int32_t id) { return opened.text().is_special(id); }

}  // namespace

Batch batch_of(std::span<const TextTokens> texts) {
  Batch b;
  int slot = 0;
  for (const TextTokens& t : texts) {
    b.add(slot++, t.ids, false);
    b.types.insert(b.types.end(), t.types.begin(), t.types.end());
  }
  return b;
}

std::vector<std::string> labels_of(const Checkpoint& checkpoint) {
  return label_names(ConfigKeys::reading(checkpoint));
}

bool labels_independent(const Checkpoint& checkpoint) {
  if (labels_of(checkpoint).size() == 1) return true;
  const Json& config = checkpoint.config();
  const auto it = config.find("problem_type");
  return it != config.end() && it->is_string() && it->get<std::string>() == "multi_label_classification";
}

std::vector<LabelScore> label_scores(std::span<const float> logits, const std::vector<std::string>& labels,
                                     bool independent) {
  if (logits.empty()) fail(Fault::file, "a model without labels");
  std::vector<double> p;
  if (independent)
    for (const float x : logits) p.push_back(1 / (1 + std::exp(-static_cast<double>(x))));
  else
    p = probabilities(logits);
  std::vector<LabelScore> scores;
  for (size_t i = 0; i < p.size(); ++i)
    scores.push_back(
        {i < labels.size() ? labels[i] : "LABEL_" + std::to_string(i), static_cast<int>(i), p[i]});
  std::stable_sort(scores.begin(), scores.end(),
                   [](const LabelScore& a, const LabelScore& b) { return a.probability > b.probability; });
  return scores;
}

bool labels_tokens(const Model& model) {
  const auto* e = dynamic_cast<const TextEncoder*>(&model);
  return e && e->made_for() == EncoderTask::token;
}

std::vector<std::vector<LabelScore>> classify_texts(const OpenedModel& opened,
                                                    std::span<const TextTokens> texts,
                                                    const EncodeTextOptions& options) {
  const EncoderTask task = text_encoder(opened, "classify texts").made_for();
  if (task != EncoderTask::sequence && task != EncoderTask::next_sentence)
    fail(Fault::usage, "{}: a {} checkpoint has no labels for texts; a ForSequenceClassification one has",
         opened.checkpoint.path(), opened.model->hf_class());
  const auto labels = task == EncoderTask::sequence ? labels_of(opened.checkpoint)
                                                    : std::vector<std::string>{"follows", "does not follow"};
  const bool independent = task == EncoderTask::sequence && labels_independent(opened.checkpoint);
  Context cx(cpu_device(), options.context);
  std::vector<std::vector<LabelScore>> all;
  each_batch(texts, options, [&](size_t first, size_t last) {
    const Outputs out =
        opened.model->encode(cx, {batch_of(texts.subspan(first, last - first)), {}, {}}, {"logits"});
    for (size_t i = first; i < last; ++i)
      all.push_back(
          label_scores(row_of(out.at("logits"), static_cast<int64_t>(i - first)), labels, independent));
  });
  return all;
}

std::vector<std::vector<TokenLabel>> label_tokens(const OpenedModel& opened,
                                                  std::span<const TextTokens> texts,
                                                  const EncodeTextOptions& options) {
  const auto labels = labels_of(opened.checkpoint);
  Context cx(cpu_device(), options.context);
  std::vector<std::vector<TokenLabel>> all;
  each_batch(texts, options, [&](size_t first, size_t last) {
    const Outputs out =
        opened.model->encode(cx, {batch_of(texts.subspan(first, last - first)), {}, {}}, {"logits"});
    int64_t row = 0;
    for (size_t i = first; i < last; ++i) {
      auto& found = all.emplace_back();
      for (size_t t = 0; t < texts[i].ids.size(); ++t, ++row)
        if (!is_special(opened, texts[i].ids[t]))
          found.push_back({static_cast<int64_t>(t), best_label(row_of(out.at("logits"), row), labels)});
    }
  });
  return all;
}

std::string with_own_mask(const OpenedModel& opened, const std::string& text) {
  const auto mask = opened.text().special().mask;
  if (!mask) fail(Fault::usage, "{}: its tokenizer has no mask token", opened.checkpoint.path());
  const std::string own(opened.text().piece(*mask));
  std::string out;
  bool found = false;
  for (size_t i = 0; i < text.size();) {
    size_t length = 0;
    for (const std::string& m : {own, std::string("[MASK]"), std::string("<mask>")})
      if (length == 0 && text.compare(i, m.size(), m) == 0) length = m.size();
    found = found || length > 0;
    out += length > 0 ? own : text.substr(i, 1);
    i += std::max<size_t>(length, 1);
  }
  if (!found)
    fail(Fault::usage, "\"{}\": no mask; write {} where a token is to be guessed", printable(text, 60), own);
  return out;
}

std::vector<std::vector<MaskGuesses>> fill_masks(const OpenedModel& opened, std::span<const TextTokens> texts,
                                                 int count, const EncodeTextOptions& options) {
  const EncoderTask task = text_encoder(opened, "guess masked tokens").made_for();
  if (task != EncoderTask::masked_lm && task != EncoderTask::pretraining)
    fail(Fault::usage, "{}: a {} checkpoint does not guess masked tokens; a ForMaskedLM one does",
         opened.checkpoint.path(), opened.model->hf_class());
  const char* name = task == EncoderTask::pretraining ? "prediction_logits" : "logits";
  const auto mask = opened.text().special().mask;
  Context cx(cpu_device(), options.context);
  std::vector<std::vector<MaskGuesses>> all;
  each_batch(texts, options, [&](size_t first, size_t last) {
    Batch batch = batch_of(texts.subspan(first, last - first));
    batch.outputs.clear();
    for (size_t i = 0; i < batch.tokens.size(); ++i)
      if (batch.tokens[i] == mask) batch.outputs.push_back(static_cast<int32_t>(i));
    if (batch.outputs.empty()) return all.resize(last);
    const Outputs out = opened.model->encode(cx, {batch, {}, {}}, {name});
    int64_t row = 0;
    for (size_t i = first; i < last; ++i) {
      auto& guesses = all.emplace_back();
      for (size_t t = 0; t < texts[i].ids.size(); ++t) {
        if (texts[i].ids[t] != mask) continue;
        const auto p = probabilities(row_of(out.at(name), row++));
        std::vector<int32_t> order(p.size());
        std::iota(order.begin(), order.end(), 0);
        const auto n = std::min<size_t>(static_cast<size_t>(count), p.size());
        std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), order.end(),
                          [&](int32_t a, int32_t b) {
                            const double x = p[static_cast<size_t>(a)], y = p[static_cast<size_t>(b)];
                            return x != y ? x > y : a < b;
                          });
        MaskGuesses& g = guesses.emplace_back(MaskGuesses{static_cast<int64_t>(t), {}});
        for (size_t k = 0; k < n; ++k)
          g.best.push_back({order[k], opened.text().decode(std::span(&order[k], 1), {.skip_special = false}),
                            p[static_cast<size_t>(order[k])]});
      }
    }
  });
  return all;
}

std::string filled_text(const OpenedModel& opened, const TextTokens& text,
                        const std::vector<MaskGuesses>& guesses) {
  std::vector<int32_t> ids = text.ids;
  for (const MaskGuesses& g : guesses) ids[static_cast<size_t>(g.token)] = g.best.at(0).id;
  return opened.text().decode(ids);
}

}  // namespace ridge

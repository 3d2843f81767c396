// The public header's implementation.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/error.h"
#include "engine/generator.h"
#include "engine/open.h"
#include "models/load.h"
#include "ridge/ridge.h"

namespace ridge {

struct LanguageModel::Impl {
  OpenedModel open;
  LoadOptions options;
  std::unique_ptr<Generator> generator;

  ContextOptions context_options() const {
    ContextOptions c;
    c.threads = options.threads;
    return c;
  }
  Generator& running() {
    if (!generator) {
      GeneratorOptions g;
      g.context = options.context;
      g.kv = find_dtype(options.kv.c_str());
      if (!g.kv || !g.kv.is_real())
        fail(Fault::usage, "load: keys and values in \"{}\": f32, f16 or bf16", printable(options.kv));
      g.context_options = context_options();
      generator = std::make_unique<Generator>(*open.model, open.text(), g);
    }
    return *generator;
  }
  void check(const std::vector<int32_t>& ids) const {
    if (ids.empty()) fail(Fault::usage, "no tokens");
    for (const int32_t id : ids)
      if (id < 0 || id >= open.model->size().vocab)
        fail(Fault::usage, "token {} of a vocabulary of {}", id, open.model->size().vocab);
  }
};

LanguageModel::LanguageModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LanguageModel::~LanguageModel() = default;
LanguageModel::LanguageModel(LanguageModel&&) noexcept = default;
LanguageModel& LanguageModel::operator=(LanguageModel&&) noexcept = default;

LanguageModel LanguageModel::load(const std::string& path, const LoadOptions& options) {
  return LanguageModel(std::unique_ptr<Impl>(new Impl{open_model(path), options, nullptr}));
}

std::vector<int32_t> LanguageModel::tokenize(std::string_view text, bool special) const {
  return impl_->open.text().encode(text, {.add_special = special});
}

std::string LanguageModel::detokenize(const std::vector<int32_t>& ids) const {
  return impl_->open.text().decode(ids);
}

Generation LanguageModel::generate(std::string_view prompt, const GenerationOptions& options,
                                   const std::function<bool(std::string_view)>& on_text) {
  std::atomic<bool> cancel{false};
  GenerateOptions g;
  g.max_tokens = options.max_tokens;
  g.sampler.temperature = options.temperature;
  g.sampler.top_k = options.top_k;
  g.sampler.top_p = options.top_p;
  g.sampler.min_p = options.min_p;
  g.sampler.repeat_penalty = options.repeat_penalty;
  g.sampler.seed = options.seed;
  g.stop = options.stop;
  g.cancel = &cancel;
  const GenerateResult r = impl_->running().generate(tokenize(prompt), g, [&](const std::string& text) {
    if (on_text && !on_text(text)) cancel = true;
  });
  return {r.text, r.ids, stop_reason_name(r.reason), r.prompt_tokens, r.prompt_seconds, r.decode_seconds};
}

std::vector<float> LanguageModel::logits(const std::vector<int32_t>& ids) {
  impl_->check(ids);
  Context cx(cpu_device(), impl_->context_options());
  const Tensor t = impl_->open.model->forward(cx, Batch::one(ids), nullptr);
  return {t.ptr<float>(), t.ptr<float>() + t.count()};
}

std::vector<float> LanguageModel::embed(std::string_view text) {
  const auto ids = tokenize(text);
  impl_->check(ids);
  Context cx(cpu_device(), impl_->context_options());
  const Tensor t = impl_->open.model->hidden(cx, Batch::one(ids), nullptr);
  const int64_t n = t.dim(-1);
  std::vector<double> sum(static_cast<size_t>(n));
  for (int64_t i = 0; i < t.count(); ++i) sum[static_cast<size_t>(i % n)] += t.ptr<float>()[i];
  double norm = 0;
  for (const double x : sum) norm += x * x;
  std::vector<float> out(sum.size());
  const double scale = norm > 0 ? 1 / std::sqrt(norm) : 0;
  std::transform(sum.begin(), sum.end(), out.begin(),
                 [&](double x) { return static_cast<float>(x * scale); });
  return out;
}

std::string LanguageModel::architecture() const { return impl_->open.model->info->name; }
int64_t LanguageModel::vocabulary_size() const { return impl_->open.model->size().vocab; }
int64_t LanguageModel::width() const { return impl_->open.model->size().dim; }
int64_t LanguageModel::context() const { return impl_->open.model->size().context; }
int64_t LanguageModel::parameters() const { return count_weights(*impl_->open.model).parameters; }

const char* version() { return RIDGE_VERSION; }

}  // namespace ridge

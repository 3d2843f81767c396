#include "engine/generator.h"

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "engine/stop_matcher.h"
#include "formats/f16/f16.h"

namespace ridge {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool is_set(const std::atomic<bool>* flag) { return flag && flag->load(std::memory_order_relaxed); }

int64_t checked_context(const Model& model, int64_t asked) {
  const int64_t most = model.size().context;
  if (asked <= 0) return most;
  if (most > 0 && asked > most)
    fail(Fault::usage, "a context of {} tokens is more than the model was made for ({})", asked, most);
  return asked;
}

}  // namespace

const char* stop_reason_name(StopReason reason) {
  switch (reason) {
    case StopReason::end:
      return "end";
    case StopReason::stop_string:
      return "stop";
    case StopReason::length:
      return "length";
    case StopReason::context:
      return "context";
    default:
      return "cancelled";
  }
}

double GenerateResult::prompt_rate() const {
  return prompt_seconds > 0 ? static_cast<double>(prompt_tokens - reused_tokens) / prompt_seconds : 0;
}
double GenerateResult::decode_rate() const {
  return decode_seconds > 0 ? static_cast<double>(decode_steps) / decode_seconds : 0;
}

Generator::Generator(Model& model, const Tokenizer& tokenizer, const GeneratorOptions& options)
    : model_(model),
      tokenizer_(tokenizer),
      options_(options),
      cx_(cpu_device(), options.context_options),
      state_(model.make_state(cpu_device(), 1, checked_context(model, options.context),
                              options.kv ? options.kv : DType(f16))) {
  if (options_.chunk < 1) fail(Fault::usage, "a prompt cannot be fed in chunks of {} tokens", options_.chunk);
}

void Generator::reset() {
  state_->truncate(0, 0);
  remembered_.clear();
}

int64_t Generator::reuse(const std::vector<int32_t>& tokens) {
  const auto differ = std::mismatch(remembered_.begin(), remembered_.end(), tokens.begin(), tokens.end());
  auto same = static_cast<int64_t>(differ.first - remembered_.begin());
  same = std::min(same, static_cast<int64_t>(tokens.size()) - 1);
  if (same < 0) same = 0;
  if (same < static_cast<int64_t>(remembered_.size())) {
    if (!state_->can_truncate()) same = 0;
    state_->truncate(0, same);
    remembered_.resize(static_cast<size_t>(same));
  }
  return same;
}

std::vector<float> Generator::feed(const std::vector<int32_t>& tokens, const std::atomic<bool>* cancel,
                                   bool generated) {
  Tensor logits;
  const auto n = static_cast<int64_t>(tokens.size());
  for (int64_t at = 0; at < n; at += options_.chunk) {
    if (is_set(cancel)) return {};
    const std::vector<int32_t> piece(tokens.begin() + at, tokens.begin() + std::min(n, at + options_.chunk));
    Batch batch = Batch::one(piece, true);
    batch.generated = generated;
    if (const auto rows = std::count(piece.begin(), piece.end(), Batch::kEmbedding);
        rows > 0 && embeddings_) {
      batch.embeddings = embeddings_.slice(0, embedded_, embedded_ + rows);
      embedded_ += rows;
    }
    logits = model_.forward(cx_, batch, state_.get());
    remembered_.insert(remembered_.end(), piece.begin(), piece.end());
  }
  if (!logits) return {};
  const auto* p = logits.ptr<float>();
  return {p, p + logits.count()};
}

GenerateResult Generator::generate(const std::vector<int32_t>& prompt, const GenerateOptions& options,
                                   const OnText& on_text, const OnToken& on_token) {
  const auto length = static_cast<int64_t>(prompt.size());
  if (prompt.empty()) fail(Fault::usage, "an empty prompt, and a vocabulary without a token to begin with");
  if (length > context())
    fail(Fault::usage, "a prompt of {} tokens does not fit a context of {}", length, context());
  const auto places = std::count(prompt.begin(), prompt.end(), Batch::kEmbedding);
  const int64_t rows = options.embeddings ? options.embeddings.dim(0) : 0;
  if (rows > 0 && places != rows)
    fail(Fault::usage, "the prompt has {} places for embeddings, and there are {}", places, rows);
  for (const int32_t id : prompt)
    if ((id < 0 && (rows == 0 || id != Batch::kEmbedding)) || id >= model_.size().vocab)
      fail(Fault::usage, "token {} is outside the model's vocabulary of {}", id, model_.size().vocab);

  Sampler sampler(options.sampler);
  StopMatcher stops(options.stop);
  StreamDecoder decoder(tokenizer_);
  for (const int32_t id : prompt) decoder.push(id);  // so that the first word written knows what it follows
  GenerateResult result;
  const auto emit = [&](const std::string& text) {
    const std::string certain = stops.push(text);
    result.text += certain;
    if (on_text && !certain.empty()) on_text(certain);
  };
  const auto ends = [&](int32_t id) {
    return !options.ignore_end &&
           (tokenizer_.is_end_of_generation(id) ||
            std::find(options.end_ids.begin(), options.end_ids.end(), id) != options.end_ids.end());
  };

  double start = now();
  result.prompt_tokens = length;
  if (rows > 0) reset();
  embeddings_ = options.embeddings, embedded_ = 0;
  result.reused_tokens = reuse(prompt);
  std::vector<float> logits = feed({prompt.begin() + result.reused_tokens, prompt.end()}, options.cancel);
  result.prompt_seconds = now() - start;
  start = now();
  std::vector<int32_t> history;
  std::copy_if(prompt.begin(), prompt.end(), std::back_inserter(history), [](int32_t id) { return id >= 0; });
  for (;;) {
    if (logits.empty()) {
      result.reason = StopReason::cancelled;
      break;
    }
    if (options.max_tokens >= 0 && static_cast<int64_t>(result.ids.size()) >= options.max_tokens) {
      result.reason = StopReason::length;
      break;
    }
    const int32_t id = sampler.sample(logits, history);
    if (ends(id)) {
      result.reason = StopReason::end;
      break;
    }
    result.ids.push_back(id);
    history.push_back(id);
    if (on_token) on_token(id);
    emit(decoder.push(id));
    if (stops.matched()) {
      result.reason = StopReason::stop_string;
      break;
    }
    if (options.max_tokens >= 0 && static_cast<int64_t>(result.ids.size()) >= options.max_tokens) continue;
    if (static_cast<int64_t>(remembered_.size()) >= context()) {
      result.reason = StopReason::context;
      break;
    }
    logits = feed({id}, options.cancel, true);
    if (!logits.empty()) ++result.decode_steps;
  }
  result.decode_seconds = now() - start;
  if (!stops.matched()) {
    emit(decoder.finish());
    const std::string rest = stops.finish();
    result.text += rest;
    if (on_text && !rest.empty()) on_text(rest);
  }
  return result;
}

}  // namespace ridge

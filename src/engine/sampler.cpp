#include "engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ridge {
namespace {

bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

void penalize(std::vector<Candidate>& all, const SamplerOptions& o, std::span<const int32_t> history) {
  if (o.repeat_penalty == 1 || o.repeat_last == 0) return;
  size_t look = history.size();
  if (o.repeat_last > 0) look = std::min(look, static_cast<size_t>(o.repeat_last));
  std::vector<int32_t> recent(history.end() - static_cast<std::ptrdiff_t>(look), history.end());
  std::sort(recent.begin(), recent.end());
  recent.erase(std::unique(recent.begin(), recent.end()), recent.end());
  const auto penalty = static_cast<float>(o.repeat_penalty);
  for (Candidate& c : all)
    if (std::binary_search(recent.begin(), recent.end(), c.id))
      c.logit = c.logit > 0 ? c.logit / penalty : c.logit * penalty;
}

// Sets probabilities of sorted candidates at a temperature.
void normalise(std::vector<Candidate>& c, double temperature) {
  if (c.size() == 1) {  // also where its logit is infinite
    c[0].probability = 1;
    return;
  }
  const double top = c[0].logit;
  double sum = 0;
  for (Candidate& x : c) sum += x.probability = std::exp((x.logit - top) / temperature);
  for (Candidate& x : c) x.probability /= sum;
}

// The smallest number of leading candidates whose probabilities reach p.
size_t nucleus(const std::vector<Candidate>& c, double p) {
  double sum = 0;
  for (size_t i = 0; i < c.size(); ++i)
    if ((sum += c[i].probability) >= p) return i + 1;
  return c.size();
}

}  // namespace

Sampler::Sampler(const SamplerOptions& options) : options_(options), random_(options.seed) {
  const auto& o = options_;
  if (!(o.temperature >= 0) || !std::isfinite(o.temperature))
    fail(Fault::usage, "sampler: temperature {} is negative", o.temperature);
  if (o.top_k < 0) fail(Fault::usage, "sampler: top-k {} is negative", o.top_k);
  if (!(o.top_p >= 0 && o.top_p <= 1)) fail(Fault::usage, "sampler: top-p {} is not in [0, 1]", o.top_p);
  if (!(o.min_p >= 0 && o.min_p <= 1)) fail(Fault::usage, "sampler: min-p {} is not in [0, 1]", o.min_p);
  if (!(o.repeat_penalty > 0) || !std::isfinite(o.repeat_penalty))
    fail(Fault::usage, "sampler: repeat penalty {} is not positive", o.repeat_penalty);
  if (o.repeat_last < -1) fail(Fault::usage, "sampler: {} tokens to look back", o.repeat_last);
}

std::vector<Candidate> Sampler::distribution(std::span<const float> logits,
                                             std::span<const int32_t> history) const {
  std::vector<Candidate> c;
  c.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] > -INFINITY) c.push_back({static_cast<int32_t>(i), logits[i], 0});  // false for NaN
  penalize(c, options_, history);
  if (c.empty()) fail(Fault::check, "the model gave no finite logit: its weights or its input are broken");
  if (options_.temperature == 0) {
    const auto best = std::min_element(c.begin(), c.end(), before);
    return {{best->id, best->logit, 1}};
  }
  const size_t keep = options_.top_k > 0 ? std::min(c.size(), static_cast<size_t>(options_.top_k)) : c.size();
  std::partial_sort(c.begin(), c.begin() + static_cast<std::ptrdiff_t>(keep), c.end(), before);
  c.resize(keep);
  if (c[0].logit == INFINITY) c.resize(1);
  if (options_.top_p < 1) {
    normalise(c, 1);
    c.resize(nucleus(c, options_.top_p));
  }
  if (options_.min_p > 0) {
    const double least = c[0].logit + std::log(options_.min_p);
    size_t n = 1;
    while (n < c.size() && c[n].logit >= least) ++n;
    c.resize(n);
  }
  normalise(c, options_.temperature);
  return c;
}

int32_t Sampler::sample(std::span<const float> logits, std::span<const int32_t> history) {
  const auto c = distribution(logits, history);
  if (options_.temperature == 0) return c[0].id;
  const uint64_t high = random_.next(), low = random_.next();
  const double u = static_cast<double>((high << 32 | low) >> 11) * 0x1p-53;
  double sum = 0;
  for (const Candidate& x : c)
    if ((sum += x.probability) > u) return x.id;
  return c.back().id;
}

}  // namespace ridge

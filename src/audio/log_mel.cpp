#include "audio/log_mel.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "audio/fft.h"
#include "base/error.h"
#include "base/json.h"
#include "base/thread_pool.h"

namespace ridge {
namespace {

// Slaney's scale: linear up to 1 kHz, logarithmic above (Auditory Toolbox, 1998).
double mel_of(double hertz) {
  return hertz < 1000 ? 3 * hertz / 200 : 15 + std::log(hertz / 1000) * 27 / std::log(6.4);
}
double hertz_of(double mel) {
  return mel < 15 ? 200 * mel / 3 : 1000 * std::exp(std::log(6.4) / 27 * (mel - 15));
}

// Triangles of equal area between 0 and 8 kHz; each as a run of weights from a first bin.
struct Filter {
  int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Filter> filters_of(const LogMelConfig& c) {
  const int64_t bins = c.fft / 2 + 1, n = c.mels;
  const double top = mel_of(8000);
  std::vector<double> corner;
  for (int64_t i = 0; i < n + 2; ++i)
    corner.push_back(hertz_of(top * static_cast<double>(i) / static_cast<double>(n + 1)));
  std::vector<Filter> filters(static_cast<size_t>(n));
  for (int64_t m = 0; m < n; ++m) {
    const double low = corner[static_cast<size_t>(m)], mid = corner[static_cast<size_t>(m + 1)],
                 high = corner[static_cast<size_t>(m + 2)];
    Filter& f = filters[static_cast<size_t>(m)];
    for (int64_t k = 0; k < bins; ++k) {
      const double at =
          static_cast<double>(c.rate / 2) * static_cast<double>(k) / static_cast<double>(bins - 1);
      const double w = std::fmax(0, std::fmin((at - low) / (mid - low), (high - at) / (high - mid)));
      if (w <= 0 && f.weights.empty()) continue;
      if (f.weights.empty()) f.first = k;
      f.weights.push_back(static_cast<float>(w * 2 / (high - low)));
    }
    while (!f.weights.empty() && f.weights.back() == 0) f.weights.pop_back();
  }
  return filters;
}

// Samples from -fft/2 on, mirrored at both ends, of a window's worth.
std::vector<float> padded(const LogMelConfig& c, const float* samples, int64_t n, int64_t whole) {
  const int64_t half = c.fft / 2;
  n = std::min(n, whole);
  std::vector<float> x(static_cast<size_t>(whole), c.padding);
  std::copy(samples, samples + n, x.begin());
  if (c.normalize && n > 0) {
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; ++i) mean += samples[i];
    mean /= static_cast<double>(n);
    for (int64_t i = 0; i < n; ++i) square += (samples[i] - mean) * (samples[i] - mean);
    const double deviation = std::sqrt(square / static_cast<double>(n) + 1e-7);
    for (int64_t i = 0; i < n; ++i)
      x[static_cast<size_t>(i)] = static_cast<float>((samples[i] - mean) / deviation);
  }
  std::vector<float> y(static_cast<size_t>(whole + 2 * half));
  for (int64_t i = -half; i < whole + half; ++i) {
    const int64_t from = i < 0 ? -i : i >= whole ? 2 * (whole - 1) - i : i;
    y[static_cast<size_t>(i + half)] = x[static_cast<size_t>(from)];
  }
  return y;
}

struct Job {
  const LogMelConfig& c;
  const Fft& fft;
  const std::vector<Filter>& filters;
  const std::vector<float>& window;
  const std::vector<float>& x;
  float* out;
  int64_t frames;
  std::atomic<int64_t> next{0};

  void work() {
    std::vector<std::complex<double>> scratch;
    std::vector<double> power(static_cast<size_t>(c.fft / 2 + 1));
    std::vector<float> frame(static_cast<size_t>(c.fft));
    constexpr int64_t kTogether = 64;
    for (int64_t begin; (begin = next.fetch_add(kTogether)) < frames;)
      for (int64_t t = begin; t < std::min(begin + kTogether, frames); ++t) {
        const float* from = x.data() + t * c.hop;
        for (size_t i = 0; i < frame.size(); ++i) frame[i] = from[i] * window[i];
        fft.power(frame.data(), power.data(), scratch);
        for (int64_t m = 0; m < c.mels; ++m) {
          const Filter& f = filters[static_cast<size_t>(m)];
          double sum = 0;
          for (size_t k = 0; k < f.weights.size(); ++k)
            sum += f.weights[k] * power[static_cast<size_t>(f.first) + k];
          out[m * frames + t] = static_cast<float>(std::log10(std::fmax(sum, 1e-10)));
        }
      }
  }
};

int64_t setting(const Json& json, const char* key, int64_t otherwise, int64_t most, const std::string& what) {
  const auto it = json.find(key);
  if (it == json.end() || it->is_null()) return otherwise;
  if (!it->is_number_integer() || it->get<double>() < 1 || it->get<double>() > static_cast<double>(most))
    fail(Fault::file, "{}: \"{}\" is {}, expected an integer from 1 to {}", what, key,
         printable(it->dump(), 40), most);
  return it->get<int64_t>();
}

}  // namespace

LogMelConfig log_mel_config(const Json& json, const std::string& what) {
  const auto type = json.is_object() ? json.find("feature_extractor_type") : json.end();
  if (!json.is_object() || type == json.end() || *type != "WhisperFeatureExtractor")
    fail(Fault::file, "{}: no WhisperFeatureExtractor", what);
  LogMelConfig c;
  c.mels = setting(json, "feature_size", 80, 4096, what);
  c.rate = setting(json, "sampling_rate", 16000, 1000000, what);
  c.fft = setting(json, "n_fft", 400, 1 << 16, what);
  c.hop = setting(json, "hop_length", 160, 1 << 20, what);
  c.seconds = setting(json, "chunk_length", 30, 3600, what);
  if (c.fft < 2 || c.samples() <= c.fft / 2 || c.frames() < 1)
    fail(Fault::file, "{}: windows of {} samples every {} of {} make no features", what, c.fft, c.hop,
         c.samples());
  if (const auto p = json.find("padding_value"); p != json.end() && p->is_number())
    c.padding = p->get<float>();
  if (const auto d = json.find("dither"); d != json.end() && d->is_number() && d->get<double>() != 0)
    fail(Fault::file, "{}: \"dither\" {} adds noise, which is not supported", what, d->get<double>());
  if (const auto n = json.find("do_normalize"); n != json.end() && n->is_boolean())
    c.normalize = n->get<bool>();
  return c;
}

std::vector<float> log_mel(const LogMelConfig& c, const float* samples, int64_t n, int64_t length,
                           int threads) {
  if (length <= 0) length = c.samples();
  // What is mirrored at the ends must be there.
  length = std::max(length, c.fft / 2 + 1);
  const int64_t frames = length / c.hop;
  const Fft fft(static_cast<int>(c.fft));
  const std::vector<Filter> filters = filters_of(c);
  std::vector<float> window;  // Hann, periodic
  for (int64_t i = 0; i < c.fft; ++i)
    window.push_back(static_cast<float>(
        0.5 - 0.5 * std::cos(2 * M_PI * static_cast<double>(i) / static_cast<double>(c.fft))));
  const std::vector<float> x = padded(c, samples, n, length);
  std::vector<float> out(static_cast<size_t>(c.mels * frames));
  Job job{c, fft, filters, window, x, out.data(), frames};
  ThreadPool pool(threads);
  pool.run([](void* self, int) { static_cast<Job*>(self)->work(); }, &job);
  if (out.empty()) return out;
  const float least = *std::max_element(out.begin(), out.end()) - 8;
  for (float& v : out) v = (std::max(v, least) + 4) / 4;
  return out;
}

}  // namespace ridge

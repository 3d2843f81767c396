#include "audio/audio.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "audio/parts.h"
#include "base/error.h"
#include "base/file.h"

namespace ridge {

void audio::check_format(const std::string& what, uint64_t rate, uint64_t channels) {
  if (rate < 1000 || rate > 1000000 || channels < 1 || channels > 64)
    fail(Fault::file, "{}: {} channels of {} samples a second make no sound", what, channels, rate);
}

Audio decode_audio(std::string_view bytes, const std::string& what, uint64_t most_samples) {
  if (audio::looks_like_wav(bytes)) return audio::decode_wav(bytes, what, most_samples);
  if (audio::looks_like_flac(bytes)) return audio::decode_flac(bytes, what, most_samples);
  fail(Fault::file, "{}: neither WAV nor FLAC; convert it (`ffmpeg -i IN -ar 16000 -ac 1 OUT.wav`)", what);
}

Audio read_audio(const std::string& path) {
  const auto file = MappedFile::open(path);
  return decode_audio(file->text(), path);
}

namespace {

// The modified Bessel function of order 0, for the Kaiser window.
double bessel0(double x) {
  double sum = 1, term = 1;
  for (int k = 1; k < 64 && term > sum * 1e-17; ++k) {
    term *= x / (2.0 * k) * (x / (2.0 * k));
    sum += term;
  }
  return sum;
}

// Values of the filter at offsets of one phase: how far before and after an output sample it reaches.
struct Filter {
  double cutoff;  // as a share of the input's Nyquist frequency
  double reach;   // in input samples
  double operator()(double t) const {
    constexpr double kBeta = 8.96;  // 90 dB of attenuation (Kaiser and Schafer 1980)
    if (std::fabs(t) >= reach) return 0;
    const double window = bessel0(kBeta * std::sqrt(1 - t / reach * (t / reach))) / bessel0(kBeta);
    const double x = M_PI * cutoff * t;
    return cutoff * (x == 0 ? 1 : std::sin(x) / x) * window;
  }
};

}  // namespace

std::vector<float> resample(const std::vector<float>& samples, int64_t from, int64_t to) {
  if (from < 1 || to < 1) fail(Fault::usage, "resample: from {} to {} samples a second", from, to);
  if (from == to || samples.empty()) return samples;
  const int64_t divisor = std::gcd(from, to), up = to / divisor, down = from / divisor;
  constexpr double kCrossings = 32;  // zero crossings of the sinc at either side
  Filter filter{std::min(1.0, static_cast<double>(to) / static_cast<double>(from)), 0};
  filter.cutoff *= 0.97;  // the transition ends at the Nyquist frequency
  filter.reach = kCrossings / filter.cutoff;
  const auto taps = static_cast<int64_t>(std::ceil(filter.reach));
  const auto n = static_cast<int64_t>(samples.size());
  const auto length = static_cast<int64_t>((static_cast<__int128>(n) * up + down - 1) / down);

  // Output i lies at i down / up: a whole number of input samples and one of `up` phases. Where those are
  // many, filters between two of kPhases are interpolated (an error of 1e-6).
  constexpr int64_t kPhases = 1024;
  const bool exact = up <= 2 * kPhases;
  const int64_t made = exact ? up : kPhases + 1, width = 2 * taps;
  std::vector<float> phases(static_cast<size_t>(made * width));
  for (int64_t p = 0; p < made; ++p)
    for (int64_t k = 0; k < width; ++k)
      phases[static_cast<size_t>(p * width + k)] =
          static_cast<float>(filter(static_cast<double>(p) / static_cast<double>(exact ? up : kPhases) -
                                    static_cast<double>(k - taps + 1)));
  std::vector<float> out(static_cast<size_t>(length));
  for (int64_t i = 0; i < length; ++i) {
    const auto at = static_cast<__int128>(i) * down;
    const auto base = static_cast<int64_t>(at / up), phase = static_cast<int64_t>(at % up);
    const double place =
        exact ? static_cast<double>(phase) : static_cast<double>(phase) * kPhases / static_cast<double>(up);
    const auto row = static_cast<int64_t>(place);
    const double next = place - static_cast<double>(row);
    const float* h = phases.data() + row * width;
    const int64_t first = base - taps + 1, begin = std::max<int64_t>(first, 0),
                  end = std::min(first + width, n);
    double sum = 0, after = 0;
    for (int64_t k = begin; k < end; ++k)
      sum += static_cast<double>(samples[static_cast<size_t>(k)]) * h[k - first];
    if (next > 0)
      for (int64_t k = begin; k < end; ++k)
        after += static_cast<double>(samples[static_cast<size_t>(k)]) * h[width + k - first];
    out[static_cast<size_t>(i)] = static_cast<float>(next > 0 ? sum + next * (after - sum) : sum);
  }
  return out;
}

}  // namespace ridge

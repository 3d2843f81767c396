// Sound from files: WAV (RIFF, RF64: PCM of 8, 16, 24 and 32 bits, floats of 32 and 64) and FLAC, as one
// channel of floats.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ridge {

struct Audio {
  std::vector<float> samples;  // the mean of the channels, in [-1, 1]
  int64_t rate = 0;            // samples a second
  double seconds() const {
    return rate > 0 ? static_cast<double>(samples.size()) / static_cast<double>(rate) : 0;
  }
};

// By its content. Throws Error(Fault::file) naming `what` on anything malformed, truncated or longer than
// `most_samples` (default: four hours at 48 kHz).
Audio decode_audio(std::string_view bytes, const std::string& what,
                   uint64_t most_samples = uint64_t{4} * 3600 * 48000);
Audio read_audio(const std::string& path);

// The same sound at another rate: a windowed sinc (Smith and Gossett 1984; Kaiser window, 90 dB) that cuts at
// the lower of both Nyquist frequencies.
std::vector<float> resample(const std::vector<float>& samples, int64_t from, int64_t to);

}  // namespace ridge

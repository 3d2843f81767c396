// Log-mel features as Whisper is given them (Radford et al. 2022, section 2.2): power spectra of windows of
// 25 ms every 10 ms, mel filters of Slaney's scale, log10, the range of 8 below the loudest, (x + 4) / 4.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace ridge {

struct LogMelConfig {
  int64_t mels = 80, rate = 16000, fft = 400, hop = 160, seconds = 30;
  float padding = 0;
  bool normalize = false;  // the samples to mean 0 and variance 1 first

  int64_t samples() const { return seconds * rate; }  // of one window of the model
  int64_t frames() const { return samples() / hop; }
};

// Of a preprocessor_config.json. An Error(Fault::file) for other feature extractors and for values out of
// range; `what` names the source.
LogMelConfig log_mel_config(const nlohmann::json& config, const std::string& what);

// [mels, length / hop] of n samples at `rate`, cut or padded to `length` of them; 0: to one window of the
// model. `threads` 0: one a core.
std::vector<float> log_mel(const LogMelConfig& config, const float* samples, int64_t n, int64_t length = 0,
                           int threads = 0);

}  // namespace ridge

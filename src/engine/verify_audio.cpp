#include <algorithm>
#include <filesystem>

#include "audio/audio.h"
#include "audio/log_mel.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/verify_parts.h"
#include "files/safetensors.h"

namespace ridge {
namespace {

using verifying::compare;
using verifying::values_of;

std::vector<std::string> recordings(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& e : std::filesystem::directory_iterator(folder, error))
    if (e.path().extension() == ".wav" || e.path().extension() == ".flac") found.push_back(e.path().string());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<VerifyResult> verify_audio(const std::string& folder, double tolerance,
                                       std::vector<std::string>& skipped) {
  const std::string what = folder + "/preprocessor_config.json";
  const LogMelConfig config = log_mel_config(parse_json(read_file(what), what), what);
  const auto files = recordings(folder);
  if (files.size() != 1)
    fail(Fault::file, "{}: {} recordings (.wav, .flac), expected one", printable(folder, 400), files.size());
  const Audio audio = read_audio(files[0]);
  const std::vector<float> samples = resample(audio.samples, audio.rate, config.rate);
  const std::vector<float> features = log_mel(config, samples.data(), static_cast<int64_t>(samples.size()));
  const Safetensors expected = Safetensors::open(folder + "/expected.safetensors");
  std::vector<VerifyResult> results;
  for (const auto& e : expected.tensors()) {
    const Tensor t = expected.tensor(e);
    const int64_t frames = t.rank() > 0 ? t.dim(-1) : 0;
    // All frames, or the first of them, of each mel band.
    if (e.name.rfind("input_features", 0) != 0 || frames < 1 || frames > config.frames() ||
        t.count() != config.mels * frames) {
      skipped.push_back(e.name);
      continue;
    }
    std::vector<float> first;
    for (int64_t m = 0; m < config.mels; ++m)
      first.insert(first.end(), features.begin() + static_cast<std::ptrdiff_t>(m * config.frames()),
                   features.begin() + static_cast<std::ptrdiff_t>(m * config.frames() + frames));
    results.push_back(compare(e.name, first, values_of(t), tolerance));
  }
  return results;
}

}  // namespace ridge

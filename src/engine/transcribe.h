// Speech to text with Whisper (Radford et al. 2022): language and task as the decoder's first tokens, the
// rules for timestamps, long recordings window by window, each beginning where the last finished segment
// ended.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "audio/log_mel.h"
#include "engine/beam_search.h"

namespace ridge {

struct TranscribeOptions {
  GenerationConfig config;     // beams, lengths, suppressed tokens
  std::string language, task;  // "": detected; transcribe. "en", "translate" ...
  bool timestamps = false;     // long recordings are always cut by them
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(double done, double all)> on_progress;  // seconds of sound
};

struct Transcript {
  struct Segment {
    double start = 0, end = 0;  // seconds
    std::vector<int32_t> ids;   // timestamps among them
    std::string text;
  };
  std::string language;         // "en"; "" where the model knows one only
  std::vector<int32_t> prompt;  // what the decoder began with
  std::vector<Segment> segments;
  bool cancelled = false;
};

class Checkpoint;

// How the checkpoint's folder says that sound is prepared (preprocessor_config.json, processor_config.json);
// without either, Whisper's usual way with the configuration's number of mel bands.
LogMelConfig log_mel_config_of(const Checkpoint& checkpoint);

// `samples` at the rate of `features`. `tokenizer` may be null: segments are then without text. An
// Error(Fault::usage) for languages and tasks that the checkpoint does not know.
Transcript transcribe(Model& model, Context& cx, const Checkpoint& checkpoint, const Tokenizer* tokenizer,
                      const LogMelConfig& features, const std::vector<float>& samples,
                      const TranscribeOptions& options);

}  // namespace ridge

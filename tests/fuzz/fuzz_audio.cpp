// WAV and FLAC: decoded and resampled, or ridge::Error.
#include <cstdint>
#include <string_view>

#include "audio/audio.h"
#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const ridge::Audio audio =
        ridge::decode_audio({reinterpret_cast<const char*>(data), size}, "fuzz", uint64_t{1} << 20);
    if (audio.rate < 1) __builtin_trap();
    if (audio.samples.size() <= 4096) ridge::resample(audio.samples, audio.rate, 16000);
  } catch (const ridge::Error&) {
  }
  return 0;
}

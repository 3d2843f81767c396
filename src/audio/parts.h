// What the readers of the formats share.
#pragma once
#include <string>
#include <string_view>

#include "audio/audio.h"

namespace ridge::audio {

bool looks_like_wav(std::string_view bytes);
bool looks_like_flac(std::string_view bytes);
Audio decode_wav(std::string_view bytes, const std::string& what, uint64_t most_samples);
Audio decode_flac(std::string_view bytes, const std::string& what, uint64_t most_samples);

// Fails on rates and channel counts that no recording has.
void check_format(const std::string& what, uint64_t rate, uint64_t channels);

}  // namespace ridge::audio

// WAV: RIFF chunks (Microsoft and IBM 1991), WAVE_FORMAT_EXTENSIBLE, RF64 (EBU Tech 3306).
#include <cmath>
#include <cstring>

#include "audio/parts.h"
#include "base/error.h"

namespace ridge::audio {
namespace {

constexpr uint16_t kPcm = 1, kFloat = 3, kExtensible = 0xFFFE;

uint64_t little(std::string_view bytes, size_t at, int n) {
  uint64_t v = 0;
  for (int i = n - 1; i >= 0; --i)
    v = v << 8 | static_cast<unsigned char>(bytes[at + static_cast<size_t>(i)]);
  return v;
}

struct Format {
  uint64_t code = 0, channels = 0, rate = 0, bits = 0;
  bool found = false;
};

Format read_format(std::string_view chunk, const std::string& what) {
  if (chunk.size() < 16)
    fail(Fault::file, "{}: a WAV format chunk of {} bytes, at least 16", what, chunk.size());
  Format f{little(chunk, 0, 2), little(chunk, 2, 2), little(chunk, 4, 4), little(chunk, 14, 2), true};
  const uint64_t frame = little(chunk, 12, 2);
  if (f.code == kExtensible) {
    if (chunk.size() < 40)
      fail(Fault::file, "{}: an extensible WAV format chunk of {} bytes, at least 40", what, chunk.size());
    f.code = little(chunk, 24, 2);
  }
  check_format(what, f.rate, f.channels);
  const bool known = f.code == kPcm ? f.bits == 8 || f.bits == 16 || f.bits == 24 || f.bits == 32
                                    : f.code == kFloat && (f.bits == 32 || f.bits == 64);
  if (!known)
    fail(Fault::file,
         "{}: WAV of encoding {} with {} bits is not supported (PCM of 8, 16, 24, 32 bits, floats of 32, 64)",
         what, f.code, f.bits);
  if (frame != f.channels * f.bits / 8)
    fail(Fault::file, "{}: WAV frames of {} bytes for {} channels of {} bits", what, frame, f.channels,
         f.bits);
  return f;
}

float sample(std::string_view data, size_t at, const Format& f) {
  const uint64_t v = little(data, at, static_cast<int>(f.bits / 8));
  if (f.code == kFloat) {
    double x;
    if (f.bits == 32) {
      const auto bits = static_cast<uint32_t>(v);
      float s;
      std::memcpy(&s, &bits, 4);
      x = s;
    } else {
      std::memcpy(&x, &v, 8);
    }
    return std::isfinite(x) ? static_cast<float>(std::fmax(-1e6, std::fmin(1e6, x))) : 0;
  }
  if (f.bits == 8) return (static_cast<float>(v) - 128) / 128;  // unsigned
  const auto shift = 64 - static_cast<int>(f.bits);
  const int64_t s = static_cast<int64_t>(v << shift) >> shift;
  return static_cast<float>(static_cast<double>(s) / static_cast<double>(int64_t{1} << (f.bits - 1)));
}

Audio decode_data(std::string_view data, const Format& f, const std::string& what, uint64_t most) {
  const uint64_t frame = f.channels * f.bits / 8, frames = data.size() / frame;
  if (frames > most) fail(Fault::file, "{}: {} samples, at most {}", what, frames, most);
  Audio a;
  a.rate = static_cast<int64_t>(f.rate);
  a.samples.resize(frames);
  for (uint64_t i = 0; i < frames; ++i) {
    float sum = 0;
    for (uint64_t c = 0; c < f.channels; ++c) sum += sample(data, i * frame + c * f.bits / 8, f);
    a.samples[i] = sum / static_cast<float>(f.channels);
  }
  return a;
}

}  // namespace

bool looks_like_wav(std::string_view b) {
  return b.size() >= 12 && (b.substr(0, 4) == "RIFF" || b.substr(0, 4) == "RF64") && b.substr(8, 4) == "WAVE";
}

Audio decode_wav(std::string_view bytes, const std::string& what, uint64_t most_samples) {
  Format format;
  uint64_t long_data = 0;  // RF64: the size that 32 bits cannot say
  for (size_t at = 12; bytes.size() - at >= 8;) {
    const std::string_view name = bytes.substr(at, 4);
    uint64_t size = little(bytes, at + 4, 4);
    at += 8;
    const uint64_t left = bytes.size() - at;
    if (name == "data") {
      if (!format.found) fail(Fault::file, "{}: WAV data before its format", what);
      if (size == 0xFFFFFFFF) size = long_data ? long_data : left;  // also what streaming programs write
      if (size > left) fail(Fault::file, "{}: cut off: WAV data of {} bytes, {} are there", what, size, left);
      return decode_data(bytes.substr(at, size), format, what, most_samples);
    }
    if (size > left)
      fail(Fault::file, "{}: cut off: a WAV chunk \"{}\" of {} bytes, {} are there", what, printable(name),
           size, left);
    const std::string_view chunk = bytes.substr(at, size);
    if (name == "fmt ") format = read_format(chunk, what);
    if (name == "ds64" && size >= 16) long_data = little(chunk, 8, 8);
    at += size + (size % 2 && size < left);  // chunks are padded to an even size
  }
  fail(Fault::file, "{}: WAV without data", what);
}

}  // namespace ridge::audio

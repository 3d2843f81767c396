// FLAC (RFC 9639) through libFLAC.
#include <FLAC/stream_decoder.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "audio/parts.h"
#include "base/error.h"

namespace ridge::audio {
namespace {

struct Decoding {
  std::string_view bytes;
  size_t at = 0;
  uint64_t most = 0, channels = 0;
  bool too_long = false, changed = false, damaged = false;
  Audio audio;
};

Decoding& of(void* p) { return *static_cast<Decoding*>(p); }

FLAC__StreamDecoderReadStatus on_read(const FLAC__StreamDecoder*, FLAC__byte* out, size_t* n, void* p) {
  Decoding& d = of(p);
  *n = std::min(*n, d.bytes.size() - d.at);
  if (*n == 0) return FLAC__STREAM_DECODER_READ_STATUS_END_OF_STREAM;
  std::memcpy(out, d.bytes.data() + d.at, *n);
  d.at += *n;
  return FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
}

FLAC__StreamDecoderWriteStatus on_write(const FLAC__StreamDecoder*, const FLAC__Frame* frame,
                                        const FLAC__int32* const* data, void* p) {
  Decoding& d = of(p);
  const auto& h = frame->header;
  if (d.audio.rate == 0) d.audio.rate = h.sample_rate, d.channels = h.channels;
  d.changed = d.changed || d.audio.rate != static_cast<int64_t>(h.sample_rate) || d.channels != h.channels;
  d.too_long = d.audio.samples.size() + h.blocksize > d.most;
  if (d.changed || d.too_long || h.channels < 1 || h.bits_per_sample < 1 || h.bits_per_sample > 32)
    return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
  const double unit = 1.0 / static_cast<double>(int64_t{1} << (h.bits_per_sample - 1));
  for (uint32_t i = 0; i < h.blocksize; ++i) {
    double sum = 0;
    for (uint32_t c = 0; c < h.channels; ++c) sum += data[c][i];
    d.audio.samples.push_back(static_cast<float>(sum * unit / h.channels));
  }
  return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

void on_error(const FLAC__StreamDecoder*, FLAC__StreamDecoderErrorStatus, void* p) { of(p).damaged = true; }

struct Deleter {
  void operator()(FLAC__StreamDecoder* d) const { FLAC__stream_decoder_delete(d); }
};

}  // namespace

bool looks_like_flac(std::string_view b) { return b.substr(0, 4) == "fLaC"; }

Audio decode_flac(std::string_view bytes, const std::string& what, uint64_t most_samples) {
  const std::unique_ptr<FLAC__StreamDecoder, Deleter> decoder(FLAC__stream_decoder_new());
  Decoding d;
  d.bytes = bytes, d.most = most_samples;
  if (!decoder ||
      FLAC__stream_decoder_init_stream(decoder.get(), on_read, nullptr, nullptr, nullptr, nullptr, on_write,
                                       nullptr, on_error, &d) != FLAC__STREAM_DECODER_INIT_STATUS_OK)
    fail(Fault::file, "{}: the FLAC decoder could not be started", what);
  const bool whole = FLAC__stream_decoder_process_until_end_of_stream(decoder.get());
  const uint64_t announced = FLAC__stream_decoder_get_total_samples(decoder.get());
  const auto state = FLAC__stream_decoder_get_state(decoder.get());
  FLAC__stream_decoder_finish(decoder.get());
  if (d.too_long) fail(Fault::file, "{}: more than {} samples", what, most_samples);
  if (d.changed)
    fail(Fault::file, "{}: FLAC that changes its rate or channels on the way is not supported", what);
  if (!whole || d.damaged || state != FLAC__STREAM_DECODER_END_OF_STREAM)
    fail(Fault::file, "{}: damaged FLAC after {} samples", what, d.audio.samples.size());
  if (announced > d.audio.samples.size())
    fail(Fault::file, "{}: cut off: FLAC of {} samples, {} are there", what, announced,
         d.audio.samples.size());
  if (d.audio.rate == 0) fail(Fault::file, "{}: FLAC without sound", what);
  check_format(what, static_cast<uint64_t>(d.audio.rate), d.channels);
  return std::move(d.audio);
}

}  // namespace ridge::audio

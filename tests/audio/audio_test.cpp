// Recordings as other programs wrote them, and damaged ones; resampling and transforms against their
// definitions.
#include <gtest/gtest.h>

#include <cmath>

#include "audio/audio.h"
#include "audio/fft.h"
#include "audio/log_mel.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "testing.h"

namespace ridge {
namespace {

std::string folder() { return testing::data("speech"); }

TEST(Audio, ReadsWhatLibsndfileWrote) {
  const std::string path = folder() + "/expected.json";
  const Json expected = parse_json(read_file(path), path)["recordings"];
  EXPECT_EQ(expected.size(), 7u);
  for (const auto& [name, e] : expected.items()) {
    const Audio a = read_audio(folder() + "/" + name);
    EXPECT_EQ(a.rate, e["rate"].get<int64_t>()) << name;
    ASSERT_EQ(a.samples.size(), e["count"].get<size_t>()) << name;
    for (size_t i = 0; i < e["mean"].size(); ++i)
      ASSERT_NEAR(a.samples[i], e["mean"][i].get<double>(), 1e-6) << name << " " << i;
  }
}

// Every prefix of a file, and every byte of its beginning changed: an error, or a sound; never anything else.
TEST(Audio, TruncatedAndDamagedFilesAreErrors) {
  for (const char* name : {"stereo_pcm_16.wav", "stereo_pcm_24.wav", "stereo_float.wav", "stereo.flac"}) {
    const std::string whole = read_file(folder() + "/" + name);
    for (size_t n = 0; n < whole.size(); n += n < 200 ? 1 : 37)
      EXPECT_THROW(decode_audio(std::string_view(whole).substr(0, n), "cut", 100000), Error)
          << name << " " << n;
    int errors = 0;
    for (size_t at = 0; at < std::min<size_t>(whole.size(), 120); ++at)
      for (const int flip : {1, 0x80, 0xff}) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ flip);
        try {
          decode_audio(damaged, "damaged", 100000);
        } catch (const Error& e) {
          ++errors;
          EXPECT_EQ(e.fault(), Fault::file);
        }
      }
    EXPECT_GT(errors, 20) << name;
  }
}

TEST(Audio, SizesOfHostileFilesAreBounded) {
  std::string wav = read_file(folder() + "/stereo_pcm_16.wav");
  EXPECT_THROW(decode_audio(wav, "long", 10), Error);
  wav[22] = 0, wav[23] = 0;  // no channels
  EXPECT_THROW(decode_audio(wav, "silent"), Error);
  EXPECT_THROW(decode_audio(read_file(folder() + "/stereo.flac"), "long", 10), Error);
  EXPECT_THROW(decode_audio("", "empty"), Error);
  EXPECT_THROW(decode_audio("RIFF\xff\xff\xff\xffWAVE", "header"), Error);
}

// A tone stays the tone it was; one above the new Nyquist frequency vanishes.
TEST(Resample, KeepsTonesAndRemovesWhatCannotBe) {
  for (const auto& [from, to] : {std::pair{44100, 16000},
                                 {8000, 16000},
                                 {48000, 16000},
                                 {16000, 22050},
                                 {11025, 16000},
                                 {44101, 16000}}) {
    const auto tone = [](double hertz, int rate, double seconds) {
      std::vector<float> x(static_cast<size_t>(rate * seconds));
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = static_cast<float>(std::sin(2 * M_PI * hertz * static_cast<double>(i) / rate));
      return x;
    };
    const double kept = 0.35 * std::min(from, to);
    const auto y = resample(tone(kept, from, 0.5), from, to), want = tone(kept, to, 0.5);
    ASSERT_NEAR(static_cast<double>(y.size()), static_cast<double>(want.size()), 1) << from << " " << to;
    for (size_t i = 400; i + 400 < want.size(); ++i)
      ASSERT_NEAR(y[i], want[i], 2e-4) << from << " " << to << " " << i;
    if (from > to * 1.2) {
      const auto gone = resample(tone(0.56 * to, from, 0.5), from, to);
      for (size_t i = 400; i + 400 < gone.size(); ++i) ASSERT_NEAR(gone[i], 0, 2e-4) << from << " " << to;
    }
  }
  EXPECT_EQ(resample({1, 2, 3}, 16000, 16000), (std::vector<float>{1, 2, 3}));
}

TEST(Fft, IsTheTransform) {
  for (const int n : {1, 2, 3, 4, 5, 7, 8, 11, 12, 13, 26, 49, 64, 121, 210, 400, 401, 512}) {
    std::vector<float> x(static_cast<size_t>(n));
    for (int i = 0; i < n; ++i)
      x[static_cast<size_t>(i)] = static_cast<float>(std::sin(i * i * 0.7) + 0.1 * i);
    std::vector<double> power(static_cast<size_t>(n / 2 + 1));
    std::vector<std::complex<double>> work;
    Fft(n).power(x.data(), power.data(), work);
    for (int k = 0; k <= n / 2; ++k) {
      std::complex<double> sum = 0;
      for (int i = 0; i < n; ++i)
        sum += std::polar(static_cast<double>(x[static_cast<size_t>(i)]), -2 * M_PI * i * k / n);
      ASSERT_NEAR(power[static_cast<size_t>(k)], std::norm(sum), 1e-9 * (1 + std::norm(sum)) * n)
          << n << " " << k;
    }
  }
}

TEST(LogMel, RefusesWhatMakesNoFeatures) {
  const auto config = [](const char* text) { return log_mel_config(parse_json(text, "test"), "test"); };
  EXPECT_THROW(config("{}"), Error);
  EXPECT_THROW(config("[]"), Error);
  const std::string head = R"({"feature_extractor_type": "WhisperFeatureExtractor")";
  for (const char* rest :
       {R"("n_fft": 0)", R"("hop_length": -1)", R"("feature_size": 1e9)", R"("dither": 0.1)",
        R"("chunk_length": "a")", R"("n_fft": 60000, "chunk_length": 1)"})
    EXPECT_THROW(config((head + ", " + rest + "}").c_str()), Error) << rest;
  const LogMelConfig c = config((head + "}").c_str());
  EXPECT_EQ(c.frames(), 3000);
  EXPECT_EQ(log_mel(c, nullptr, 0).size(), 240000u);
}

}  // namespace
}  // namespace ridge

// Searches and transcriptions beyond the golden folders: what the reference writes down of recordings,
// answers that do not depend on their neighbours, and what cannot be asked.
#include <gtest/gtest.h>

#include <filesystem>

#include "audio/audio.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/beam_search.h"
#include "engine/transcribe.h"
#include "engine/verify_preprocess.h"
#include "files/checkpoint.h"
#include "files/safetensors.h"
#include "models/load.h"
#include "testing.h"

namespace ridge {
namespace {

TEST(Transcribe, WritesWhatTheReferenceWrites) {
  const std::string folder = testing::data("speech"), path = folder + "/expected.json";
  const Checkpoint checkpoint = Checkpoint::open(folder);
  const auto model = load_model(checkpoint);
  const LogMelConfig features = log_mel_config_of(checkpoint);
  const Json cases = parse_json(read_file(path), path)["cases"];
  EXPECT_EQ(cases.size(), 6u);
  for (const Json& c : cases) {
    Context cx(cpu_device(), {.exact = true});
    const Audio audio = read_audio(folder + "/" + c["file"].get<std::string>());
    TranscribeOptions o;
    o.config = generation_config_of(checkpoint, nullptr, model->size().vocab);
    o.config.beams = c["options"].value("num_beams", 1);
    o.language = c["options"].value("language", "");
    o.task = c["options"].value("task", "");
    o.timestamps = c["options"].value("return_timestamps", false);
    const Transcript t = transcribe(*model, cx, checkpoint, nullptr, features,
                                    resample(audio.samples, audio.rate, features.rate), o);
    const Json& want = c["segments"];
    ASSERT_EQ(t.segments.size(), want.size()) << c["options"];
    for (size_t i = 0; i < want.size(); ++i) {
      std::vector<int32_t> ids = t.segments[i].ids;
      auto expected = want[i]["ids"].get<std::vector<int32_t>>();
      if (!o.timestamps) {
        ids.insert(ids.begin(), t.prompt.begin(), t.prompt.end());
        if (expected.back() == o.config.eos[0]) expected.pop_back();
      }
      EXPECT_EQ(ids, expected) << c["options"] << " " << i;
      if (!o.timestamps) continue;
      EXPECT_NEAR(t.segments[i].start, want[i]["start"].get<double>(), 1e-6) << c["options"] << " " << i;
      EXPECT_NEAR(t.segments[i].end, want[i]["end"].get<double>(), 1e-6) << c["options"] << " " << i;
    }
    if (!o.language.empty()) {
      EXPECT_EQ(t.language, o.language);
    }
  }
}

TEST(Transcribe, RefusesWhatTheModelDoesNotKnow) {
  const std::string folder = testing::data("speech");
  const Checkpoint checkpoint = Checkpoint::open(folder);
  const auto model = load_model(checkpoint);
  Context cx(cpu_device());
  TranscribeOptions o;
  o.config = generation_config_of(checkpoint, nullptr, model->size().vocab);
  o.language = "xx";
  const auto call = [&] {
    transcribe(*model, cx, checkpoint, nullptr, log_mel_config_of(checkpoint), std::vector<float>(8000), o);
  };
  EXPECT_THROW(call(), Error);
  o.language = "de", o.task = "sing";
  EXPECT_THROW(call(), Error);
  o.task = "";
  EXPECT_NO_THROW(call());
}

TEST(Preprocess, LogMelFeaturesAreTheReferences) {
  std::vector<std::string> skipped;
  const auto results = verify_preprocess(testing::data("preprocess/whisper"), skipped);
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].passed) << results[0].error;
  EXPECT_TRUE(skipped.empty());
}

struct Answering {
  Checkpoint checkpoint;
  std::unique_ptr<Model> model;
  explicit Answering(const std::string& name)
      : checkpoint(Checkpoint::open(testing::data("options/" + name))), model(load_model(checkpoint)) {}
  std::vector<std::vector<Hypothesis>> answer(const std::vector<std::vector<int32_t>>& sources,
                                              GenerationConfig c, int threads = 1) const {
    Context cx(cpu_device(), {.threads = threads, .poison = true, .guard = true});
    Inputs in;
    for (const auto& s : sources) in.text.add(static_cast<int>(in.text.spans.size()), s, false);
    SearchOptions o;
    o.config = c;
    auto found = search(*model, cx, in, o);
    EXPECT_EQ(cx.guard_damage(), "");
    return found;
  }
  GenerationConfig config() const { return generation_config_of(checkpoint, nullptr, model->size().vocab); }
};

// A batch of sources of different lengths gives each the answers, and the scores, it gets alone: bit for bit.
TEST(Search, ABatchGivesEachSourceWhatItGetsAlone) {
  for (const char* name : {"bart_ends", "t5_ends", "mbart_ends", "marian_apart", "t5_never"}) {
    const Answering a(name);
    std::vector<std::vector<int32_t>> sources;
    for (int r = 0; r < 5; ++r) {
      sources.emplace_back();
      for (int i = 0; i < 1 + r * 7; ++i) sources.back().push_back((i * 17 + r * 29) % 60 + 3);
    }
    for (const int64_t beams : {1, 4}) {
      GenerationConfig c = a.config();
      c.beams = beams, c.returned = beams;
      const auto together = a.answer(sources, c, 2);
      ASSERT_EQ(together.size(), sources.size());
      for (size_t r = 0; r < sources.size(); ++r) {
        const auto alone = a.answer({sources[r]}, c);
        ASSERT_EQ(alone[0].size(), static_cast<size_t>(beams));
        for (size_t i = 0; i < alone[0].size(); ++i) {
          EXPECT_EQ(alone[0][i].ids, together[r][i].ids) << name << " " << beams << " " << r << " " << i;
          EXPECT_EQ(alone[0][i].score, together[r][i].score) << name << " " << beams << " " << r << " " << i;
          if (i > 0) {
            EXPECT_LE(alone[0][i].score, alone[0][i - 1].score);
          }
        }
      }
    }
  }
}

TEST(Search, RefusesWhatCannotBe) {
  const Answering a("bart_ends");
  GenerationConfig c = a.config();
  c.beams = 2, c.returned = 3;
  EXPECT_THROW(a.answer({{5, 6}}, c), Error);
  c.returned = 1, c.decoder_start = {};
  EXPECT_THROW(a.answer({{5, 6}}, c), Error);
  c = a.config(), c.max_length = 4000;  // past the learned positions
  EXPECT_THROW(a.answer({{5, 6}},
                        [&] {
                          auto d = c;
                          d.eos.clear();
                          return d;
                        }()),
               Error);
  // A decoder without its source.
  Context cx(cpu_device());
  EXPECT_THROW(a.model->forward(cx, Batch::one({1, 2}), nullptr), Error);
  const auto state = a.model->make_state(cpu_device(), 1, 8, f32);
  EXPECT_THROW(a.model->forward(cx, Batch::one({1, 2}), state.get()), Error);
}

TEST(GenerationConfig, DamagedSettingsAreErrors) {
  const std::string text = read_file(testing::data("options/bart_ends/config.json"));
  for (const char* settings :
       {R"({"num_beams": 0})", R"({"num_beams": "four"})", R"({"early_stopping": "maybe"})",
        R"({"eos_token_id": 999})", R"({"eos_token_id": [1, "x"]})", R"({"bad_words_ids": [[]]})",
        R"({"bad_words_ids": 3})", R"({"sequence_bias": [[1, 2]]})", R"({"num_beam_groups": 2})",
        R"({"max_length": -3})", R"({"constraints": [1]})", R"({"length_penalty": "x"})",
        R"({"guidance_scale": 2.0})"}) {
    const std::string dir = ::testing::TempDir() + "/ridge_generation_config";
    std::filesystem::create_directories(dir);
    write_file(dir + "/config.json", text);
    write_file(dir + "/generation_config.json", settings);
    const Checkpoint checkpoint = Checkpoint::open(dir + "/config.json");
    EXPECT_THROW(generation_config_of(checkpoint, nullptr, 96), Error) << settings;
  }
}

}  // namespace
}  // namespace ridge

// ridge run with encoder-decoders: translation by greedy and beam search, lines of a file, speech. The
// expected ids and scores are those of the transformers library for the same weights and sources.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "program.h"
#include "testing.h"

namespace ridge::testing {
namespace {

using nlohmann::json;
using Ids = std::vector<int>;

// The weights of golden/t5 with a tokenizer of 43 words.
const std::string& model() {
  static const std::string name = [] {
    const Ran r = shell(
        "mkdir -p t5 && cp tests/data/golden/t5/config.json tests/data/golden/t5/model.safetensors "
        "tests/data/golden/t5/generation_config.json tests/data/options/bert_words/vocab.txt "
        "tests/data/options/bert_words/tokenizer_config.json t5");
    EXPECT_EQ(r.code, 0) << r.err;
    return std::string("t5");
  }();
  return name;
}

json json_of(const std::vector<std::string>& arguments) {
  const Ran r = ridge(arguments);
  EXPECT_EQ(r.code, 0) << r.err;
  return json::parse(r.out, nullptr, false);
}

TEST(Seq2Seq, TheNBestOfABeam) {
  const json j =
      json_of({"run", model(), "-p", "the cat sat", "--beams", "4", "--n-best", "3", "-n", "8", "--json"});
  ASSERT_EQ(j["answers"].size(), 1u);
  const json& answers = j["answers"][0]["answers"];
  ASSERT_EQ(answers.size(), 3u);
  const std::vector<std::pair<Ids, double>> expected{{{0, 16, 100, 38, 38, 38, 38, 38, 79}, -4.6368675},
                                                     {{0, 16, 100, 38, 38, 38, 38, 38, 38}, -4.6414537},
                                                     {{0, 16, 100, 38, 38, 38, 38, 79, 100}, -4.6478901}};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(answers[i]["ids"].get<Ids>(), expected[i].first) << i;
    EXPECT_NEAR(answers[i]["score"].get<double>(), expected[i].second, 1e-4) << i;
  }
  EXPECT_EQ(j["source_tokens"], 5);
}

TEST(Seq2Seq, LinesOfAFileInBatches) {
  std::ofstream(scratch() + "/sources.txt") << "the cat sat\non the mat\nthe dog\n";
  const std::vector<Ids> expected{{0, 16, 100, 38, 79, 79, 79, 100, 63},
                                  {0, 121, 121, 121, 121, 121, 125, 121, 121},
                                  {0, 29, 63, 63, 63, 63, 63, 63, 63}};
  for (const char* batch : {"1", "2", "8"}) {
    const json j = json_of({"run", model(), "-f", "sources.txt", "--batch", batch, "-n", "8", "--json"});
    ASSERT_EQ(j["answers"].size(), 3u) << batch;
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(j["answers"][i]["answers"][0]["ids"].get<Ids>(), expected[i]) << batch << ", line " << i;
  }
  const Ran plain = ridge({"run", model(), "-f", "sources.txt", "-n", "8"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(plain.out, "cat tree\n\nnot\n");
}

TEST(Seq2Seq, Errors) {
  const Ran beams = ridge({"run", model(), "-p", "the cat", "--beams", "2", "--n-best", "3"});
  EXPECT_EQ(beams.code, 2) << beams.out;
  EXPECT_EQ(lines(beams.err).size(), 1u) << beams.err;
  const Ran missing = ridge({"run", "tests/data/speech", "--audio", "no-such.wav"});
  EXPECT_EQ(missing.code, 3) << missing.out;
  EXPECT_NE(missing.err.find("no-such.wav"), std::string::npos) << missing.err;
  const Ran audio = ridge({"run", model(), "--audio", "tests/data/speech/short.wav"});
  EXPECT_EQ(audio.code, 2) << audio.out;
  EXPECT_EQ(lines(audio.err).size(), 1u) << audio.err;
}

}  // namespace
}  // namespace ridge::testing

// ridge fill, classify and embed, and bench of encoders.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "program.h"
#include "testing.h"

namespace ridge::testing {
namespace {

using nlohmann::json;

const std::string kWords = "tests/data/options/bert_words", kLabels = "tests/data/options/bert_labels";

json json_of(const std::vector<std::string>& arguments) {
  const Ran r = ridge(arguments);
  EXPECT_EQ(r.code, 0) << r.err;
  const json j = json::parse(r.out, nullptr, false);
  EXPECT_FALSE(j.is_discarded()) << arguments[0] << ": " << r.out;
  return j;
}

std::string file(const std::string& name) {
  std::ifstream in(scratch() + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Ends with this code and one line that says this.
void expect_error(const std::vector<std::string>& arguments, int code, const std::string& part) {
  const Ran r = ridge(arguments);
  EXPECT_EQ(r.code, code) << r.out << r.err;
  EXPECT_NE(r.err.find(part), std::string::npos) << r.err;
  EXPECT_EQ(lines(r.err).size(), 1u) << r.err;
}

TEST(Fill, TheLikeliestTokens) {
  const json j = json_of(
      {"fill", kWords, "the cat sat on the [MASK] .", "the <mask> sat in the [MASK] .", "-k", "3", "--json"});
  ASSERT_EQ(j["results"].size(), 2u);
  EXPECT_EQ(j["results"][0]["filled"], "the cat sat on the mat.");
  const json& first = j["results"][0]["masks"];
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0]["position"], 6);
  ASSERT_EQ(first[0]["guesses"].size(), 3u);
  EXPECT_EQ(first[0]["guesses"][0]["token"], "mat");
  EXPECT_GT(first[0]["guesses"][0]["probability"].get<double>(),
            first[0]["guesses"][1]["probability"].get<double>());
  EXPECT_EQ(j["results"][1]["masks"].size(), 2u);

  const Ran plain = ridge({"fill", kWords, "-f", "-"}, {.in = "the cat sat on the [MASK] .\r\n\n"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(lines(plain.out)[0], "the cat sat on the mat.");
  EXPECT_EQ(lines(plain.out).size(), 6u) << plain.out;
}

TEST(Fill, Errors) {
  expect_error({"fill", kWords, "nothing is missing"}, 2, "no mask");
  expect_error({"fill", kWords}, 2, "no text");
  expect_error({"fill", kWords, "a", "-f", "book.txt"}, 2, "exclude each other");
  expect_error({"fill", kLabels, "the [MASK]"}, 2, "ForMaskedLM");
  expect_error({"fill", "model.gguf", "the [MASK]"}, 2, "no mask token");
  expect_error({"fill", "tests/data/golden/bert_mlm", "the [MASK]"}, 3, "no tokenizer");
  expect_error({"fill", "nowhere", "the [MASK]"}, 3, "nowhere");
}

TEST(Classify, LabelsOfTexts) {
  const json j =
      json_of({"classify", kLabels, "the film was lovely !", "the book was very boring .", "--json"});
  EXPECT_EQ(j["results"][0]["labels"][0]["label"], "good");
  EXPECT_EQ(j["results"][1]["labels"][0]["label"], "bad");
  double sum = 0;
  for (const auto& l : j["results"][0]["labels"]) sum += l["probability"].get<double>();
  EXPECT_NEAR(sum, 1, 1e-6);
  // What stands beside a text, and how texts are batched, is read too, and does not matter.
  const json alone =
      json_of({"classify", kLabels, "the book was very boring .", "--batch", "1", "--exact", "--json"});
  const json beside = json_of(
      {"classify", kLabels, "the film was lovely !", "the book was very boring .", "--exact", "--json"});
  EXPECT_EQ(alone["results"][0], beside["results"][1]);
  const json pair =
      json_of({"classify", kLabels, "the book was usual .", "--pair", "the film was awful .", "--json"});
  EXPECT_NE(pair["results"][0]["labels"],
            json_of({"classify", kLabels, "the book was usual .", "--json"})["results"][0]["labels"]);
  expect_error({"classify", kWords, "the cat"}, 2, "no labels for texts");
  expect_error({"classify", "model.gguf", "the cat"}, 2, "does not classify texts");
}

TEST(Embed, LinesAndNumPyHoldTheSame) {
  const std::vector<std::string> texts{"the cat sat on the mat .", "the bird"};
  const Ran r = ridge({"embed", kWords, texts[0], texts[1], "--normalize", "--exact"});
  ASSERT_EQ(r.code, 0) << r.err;
  ASSERT_EQ(lines(r.out).size(), 2u);
  std::vector<float> all;
  for (size_t i = 0; i < 2; ++i) {
    const json j = json::parse(lines(r.out)[i]);
    EXPECT_EQ(j["text"], texts[i]);
    double sum = 0;
    for (const auto& x : j["embedding"]) all.push_back(x.get<float>()), sum += all.back() * all.back();
    EXPECT_NEAR(sum, 1, 1e-5);
  }
  const json report =
      json_of({"embed", kWords, texts[0], texts[1], "--normalize", "--exact", "-o", "two.npy", "--json"});
  EXPECT_EQ(report["texts"], 2);
  EXPECT_EQ(report["width"].get<size_t>() * 2, all.size());
  const std::string npy = file("two.npy");
  ASSERT_EQ(npy.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t header = 10 + static_cast<unsigned char>(npy[8]) + 256 * static_cast<unsigned char>(npy[9]);
  EXPECT_EQ(header % 64, 0u);
  EXPECT_NE(npy.find("'descr': '<f4', 'fortran_order': False, 'shape': (2, 32)"), std::string::npos);
  ASSERT_EQ(npy.size(), header + all.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(npy.data() + header, all.data(), all.size() * sizeof(float)), 0);
  ASSERT_EQ(ridge({"embed", kWords, texts[0], texts[1], "--normalize", "--exact", "-o", "two.jsonl"}).code,
            0);
  EXPECT_EQ(file("two.jsonl"), r.out);
}

TEST(Embed, ModelsThatWriteAndLongTexts) {
  const Ran r = ridge({"embed", "model.gguf", "The wolf", "--pooling", "mean"});
  ASSERT_EQ(r.code, 0) << r.err;
  EXPECT_GT(json::parse(r.out)["embedding"].size(), 30u);
  std::string longer;
  for (int i = 0; i < 60; ++i) longer += "cat ";
  const Ran cut = ridge({"embed", kWords, longer, "the bird"});
  EXPECT_EQ(cut.code, 0) << cut.err;
  EXPECT_NE(cut.err.find("1 of 2 texts longer than the model's 32 tokens"), std::string::npos) << cut.err;
  expect_error({"embed", "model.gguf", "The wolf", "--pooling", "pooler"}, 2, "no pooler");
  expect_error({"embed", kWords, "the cat", "--pooling", "pooler"}, 2, "no output pooler_output");
  expect_error({"embed", kWords, "the cat", "--pooling", "best"}, 2, "--pooling");
  EXPECT_NE(ridge({"embed", kWords, "the cat", "-o", "nowhere/x.npy"}).code, 0);
}

TEST(Bench, Encoders) {
  const json j = json_of({"bench", kWords, "-p", "16", "-b", "3", "-r", "2", "--json"});
  ASSERT_EQ(j["tests"].size(), 1u);
  EXPECT_EQ(j["tests"][0]["test"], "encode");
  EXPECT_EQ(j["tests"][0]["tokens"], 48);
  EXPECT_GT(j["activation_bytes"].get<int64_t>(), 0);
  expect_error({"bench", kWords, "-n", "4"}, 2, "an encoder writes nothing");
  expect_error({"bench", "-b", "2"}, 2, "--batch is for encoders");
}

}  // namespace
}  // namespace ridge::testing

// Texts through encoders: what transformers gives for them, and that batches change nothing.
#include "engine/encode_text.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "engine/open.h"
#include "testing.h"

namespace ridge {
namespace {

namespace fs = std::filesystem;

std::vector<std::vector<float>> embeddings(const OpenedModel& opened, const std::vector<std::string>& texts,
                                           Pooling pooling, bool normalize, int64_t batch = 2048,
                                           int threads = 0) {
  std::vector<std::vector<float>> all;
  EncodeTextOptions o;
  o.batch_tokens = batch;
  o.context.exact = true;
  o.context.threads = threads;
  embed_texts(opened, texts, pooling, normalize, o, [&](int64_t i, bool, std::span<const float> v) {
    EXPECT_EQ(i, static_cast<int64_t>(all.size()));
    all.emplace_back(v.begin(), v.end());
  });
  return all;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
  return ab / std::sqrt(aa * bb);
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines(1);
  for (const char c : read_file(path))
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  if (lines.back().empty()) lines.pop_back();
  return lines;
}

const std::vector<std::string> kTexts{"the cat sat on the mat .", "the bird", "the dog sat on the rug .",
                                      "the horse sat in the field , the fish in the pond .", "a"};

}  // namespace

TEST(EncodeText, RetsimAsPublished) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string folder = shared + "/data/models/retsim";
  const OpenedModel opened = open_model(folder);
  EXPECT_EQ(pooling_of(opened), Pooling::pooler);
  const auto texts = lines_of(folder + "/expected-inputs.txt");
  const std::string bytes = read_file(folder + "/expected-embeddings.bin");
  const auto found = embeddings(opened, texts, Pooling::pooler, false);
  ASSERT_EQ(bytes.size(), texts.size() * 256 * sizeof(float));
  for (size_t t = 0; t < texts.size(); ++t)
    for (size_t i = 0; i < 256; ++i) {
      float expected;
      std::memcpy(&expected, bytes.data() + (t * 256 + i) * sizeof expected, sizeof expected);
      ASSERT_NEAR(found[t][i], expected, 2e-6) << texts[t] << " " << i;
    }
  EXPECT_NEAR(cosine(found[0], found[1]), 0.9147, 1e-4);
  EXPECT_NEAR(cosine(found[3], found[4]), 0.925, 1e-3);
  // A file alone is known by its tensors; a longer text is read in pieces of 512 characters.
  const std::string longer(1000, 'x');
  const auto whole = embeddings(open_model(folder + "/model.safetensors"), {longer, longer.substr(0, 512)},
                                Pooling::pooler, true);
  EXPECT_GT(cosine(whole[0], whole[1]), 0.5);
  EXPECT_NE(whole[0], whole[1]);
}

TEST(EncodeText, BatchesAndThreadsChangeNothing) {
  for (const char* name : {"options/bert_words", "models/fable-1m"}) {
    const OpenedModel opened = open_model(testing::data(name));
    for (const Pooling pooling : {Pooling::mean, Pooling::cls, Pooling::last}) {
      const auto together = embeddings(opened, kTexts, pooling, true);
      EXPECT_EQ(embeddings(opened, kTexts, pooling, true, 1, 1), together) << name;
      EXPECT_EQ(embeddings(opened, kTexts, pooling, true, 12), together) << name;
      for (size_t i = 0; i < kTexts.size(); ++i)
        EXPECT_EQ(embeddings(opened, {kTexts[i]}, pooling, true)[0], together[i]) << name;
    }
  }
}

TEST(EncodeText, TokensOfPairs) {
  const OpenedModel opened = open_model(testing::data("options/bert_words"));
  const std::string second = "the mat";
  const TextTokens t = tokens_of(opened, "the cat sat", &second);
  const auto id = [&](const char* piece) { return *opened.text().id(piece); };
  EXPECT_EQ(t.ids, (std::vector<int32_t>{id("[CLS]"), id("the"), id("cat"), id("sat"), id("[SEP]"), id("the"),
                                         id("mat"), id("[SEP]")}));
  EXPECT_EQ(t.types, (std::vector<int32_t>{0, 0, 0, 0, 0, 1, 1, 1}));
  // Of 32 positions three go to special tokens; the longer text gives way.
  std::string many;
  for (int i = 0; i < 50; ++i) many += "cat ";
  const TextTokens cut = tokens_of(opened, many, &second);
  EXPECT_TRUE(cut.cut);
  ASSERT_EQ(cut.ids.size(), 32u);
  EXPECT_EQ(cut.ids[30], id("mat"));
  EXPECT_EQ(cut.ids[31], id("[SEP]"));
  EXPECT_EQ(cut.ids[28], id("[SEP]"));
}

TEST(EncodeText, GuessesAndLabels) {
  const OpenedModel words = open_model(testing::data("options/bert_words"));
  const std::string masked = with_own_mask(words, "the cat sat on the <mask> .");
  EXPECT_EQ(masked, "the cat sat on the [MASK] .");
  EXPECT_THROW(with_own_mask(words, "nothing is missing"), Error);
  const std::vector<TextTokens> tokens{tokens_of(words, masked), tokens_of(words, "no mask at all")};
  const auto guesses = fill_masks(words, tokens, 3, {});
  ASSERT_EQ(guesses.size(), 2u);
  ASSERT_EQ(guesses[0].size(), 1u);
  EXPECT_TRUE(guesses[1].empty());
  EXPECT_EQ(guesses[0][0].token, 6);
  ASSERT_EQ(guesses[0][0].best.size(), 3u);
  EXPECT_EQ(guesses[0][0].best[0].text, "mat");
  EXPECT_GT(guesses[0][0].best[0].probability, 0.5);
  EXPECT_EQ(filled_text(words, tokens[0], guesses[0]), "the cat sat on the mat.");

  const OpenedModel labels = open_model(testing::data("options/bert_labels"));
  EXPECT_EQ(labels_of(labels.checkpoint), (std::vector<std::string>{"bad", "neutral", "good"}));
  const std::vector<TextTokens> reviews{tokens_of(labels, "the film was lovely !"),
                                        tokens_of(labels, "the book was very boring .")};
  const auto scores = classify_texts(labels, reviews, {});
  EXPECT_EQ(scores[0][0].label, "good");
  EXPECT_EQ(scores[1][0].label, "bad");
  double sum = 0;
  for (const LabelScore& s : scores[0]) sum += s.probability;
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_THROW(classify_texts(words, tokens, {}), Error);
  EXPECT_THROW(fill_masks(labels, tokens, 1, {}), Error);
}

TEST(EncodeText, ScoresOfLabels) {
  const std::vector<float> logits{0, 1, -1};
  const auto shared = label_scores(logits, {"a", "b"}, false);
  EXPECT_EQ(shared[0].label, "b");
  EXPECT_EQ(shared[2].label, "LABEL_2");
  EXPECT_NEAR(shared[0].probability, 0.66524096, 1e-7);
  const auto each = label_scores(logits, {"a", "b", "c"}, true);
  EXPECT_NEAR(each[0].probability, 0.73105858, 1e-7);
  EXPECT_NEAR(each[1].probability, 0.5, 1e-12);
}

// A folder as sentence-transformers writes it says how its vectors are pooled.
TEST(EncodeText, PoolingThatTheCheckpointAsksFor) {
  std::string folder = (fs::temp_directory_path() / "ridge-encode-XXXXXX").string();
  ASSERT_TRUE(::mkdtemp(folder.data()));
  fs::copy(testing::data("options/bert_words"), folder);
  EXPECT_EQ(pooling_of(open_model(folder)), Pooling::mean);
  fs::create_directory(folder + "/1_Pooling");
  write_file(folder + "/1_Pooling/config.json", R"({"pooling_mode_cls_token": true})");
  EXPECT_EQ(pooling_of(open_model(folder)), Pooling::cls);
  write_file(folder + "/1_Pooling/config.json", R"([1])");
  EXPECT_EQ(pooling_of(open_model(folder)), Pooling::mean);
  EXPECT_EQ(pooling_of(open_model(testing::data("models/fable-1m"))), Pooling::last);
  fs::remove_all(folder);
}

// A folder without config.json whose tensors are nobody's: what is missing is said.
TEST(EncodeText, NoConfigAndNoSignature) {
  std::string folder = (fs::temp_directory_path() / "ridge-encode-XXXXXX").string();
  ASSERT_TRUE(::mkdtemp(folder.data()));
  fs::copy(testing::data("options/bert_words/model.safetensors"), folder);
  try {
    open_model(folder);
    ADD_FAILURE() << "opened";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("needs its config.json"), std::string::npos) << e.what();
  }
  fs::remove_all(folder);
}

}  // namespace ridge

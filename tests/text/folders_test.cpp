// Every folder of tests/data/tokenizers: ids, text and streamed text as the library that made the vocabulary
// gives them
// (`tokenizers` or `sentencepiece`), and the same after a way through GGUF's vocabulary.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "testing.h"
#include "text/tokenizer.h"

namespace ridge {
namespace {

struct Folder {
  std::string name, path;
  bool add_special = false;
  Json cases;
};

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(testing::data("tokenizers")))
    out.push_back(entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

Folder load(const std::string& name) {
  Folder f{name, testing::data("tokenizers/" + name), false, {}};
  f.add_special = read_json(f.path + "/about.json").value("add_special", false);
  f.cases = read_json(f.path + "/expected.json");
  EXPECT_GT(f.cases.size(), 100u);
  return f;
}

std::string streamed(const Tokenizer& t, const std::vector<int32_t>& ids, bool skip_special) {
  StreamDecoder stream(t, {.skip_special = skip_special});
  std::string out;
  for (const int32_t id : ids) {
    const std::string part = stream.push(id);
    EXPECT_NO_THROW(Json(part).dump()) << "half a character";
    out += part;
  }
  return out + stream.finish();
}

class Folders : public ::testing::TestWithParam<std::string> {};

TEST_P(Folders, EncodesAndDecodes) {
  const Folder f = load(GetParam());
  const Tokenizer t = tokenizer_from_folder(f.path);
  const EncodeOptions options{.add_special = f.add_special};
  for (const Json& c : f.cases) {
    const auto text = c["text"].get<std::string>();
    const auto ids = c["ids"].get<std::vector<int32_t>>();
    EXPECT_EQ(t.encode(text, options), ids) << text;
    EXPECT_EQ(t.decode(ids, {.skip_special = false}), c["decoded"].get<std::string>()) << text;
    EXPECT_EQ(streamed(t, ids, false), c["decoded"].get<std::string>()) << text;
    EXPECT_EQ(streamed(t, ids, true), t.decode(ids)) << text;
  }
}

TEST_P(Folders, ThroughGgufAndBack) {
  const Folder f = load(GetParam());
  const Tokenizer original = tokenizer_from_folder(f.path);
  const Vocabulary v = original.vocabulary();
  if (v.model == "llama" && v.notice.find("characters") != std::string::npos)
    GTEST_SKIP() << "not run: " << v.notice;
  if (v.notice.find("suffixes") != std::string::npos) GTEST_SKIP() << "not run: " << v.notice;
  const Tokenizer t = tokenizer_from_vocabulary(v);
  // A SentencePiece model alone does not look for control pieces in a text; a GGUF file does.
  const bool model = file_exists(f.path + "/tokenizer.model");
  const EncodeOptions options{.add_special = f.add_special, .parse_special = !model};
  for (const Json& c : f.cases) {
    const auto ids = c["ids"].get<std::vector<int32_t>>();
    EXPECT_EQ(t.encode(c["text"].get<std::string>(), options), ids) << c["text"];
    EXPECT_EQ(t.decode(ids, {.skip_special = false}), c["decoded"].get<std::string>()) << c["text"];
  }
  if (model) {
    const Tokenizer back = tokenizer_from_sentencepiece(sentencepiece_model(v));
    for (const Json& c : f.cases)
      EXPECT_EQ(back.encode(c["text"].get<std::string>(), {.add_special = false}),
                c["ids"].get<std::vector<int32_t>>());
  } else {
    const Tokenizer back = tokenizer_from_json(t.to_json(), tokenizer_config_json(t));
    for (const Json& c : f.cases)
      EXPECT_EQ(back.encode(c["text"].get<std::string>(), options), c["ids"].get<std::vector<int32_t>>())
          << c["text"];
  }
}

INSTANTIATE_TEST_SUITE_P(All, Folders, ::testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

// What GGUF's own fields say of the published kinds, without the text of the tokenizer.json.
TEST(Vocabularies, PublishedPatternsNeedNoJson) {
  const std::pair<const char*, const char*> kExpected[] = {{"gpt2_bytes", "gpt-2"},
                                                           {"llama3_split", "llama-bpe"},
                                                           {"qwen2_split_nfc", "qwen2"},
                                                           {"o200k_split", "gpt-4o"},
                                                           {"deepseek_v3_split", "deepseek-v3"}};
  for (const auto& [name, pre] : kExpected) {
    const Vocabulary v = tokenizer_from_folder(testing::data(std::string("tokenizers/") + name)).vocabulary();
    EXPECT_EQ(v.model, "gpt2") << name;
    EXPECT_EQ(v.pre, pre) << name;
    EXPECT_TRUE(v.huggingface_json.empty()) << name << ": " << v.notice;
    EXPECT_TRUE(v.notice.empty()) << name;
  }
  const Vocabulary odd = tokenizer_from_folder(testing::data("tokenizers/digits_punctuation")).vocabulary();
  EXPECT_FALSE(odd.huggingface_json.empty());
  EXPECT_NE(odd.notice.find("tokenizer.ggml.pre"), std::string::npos);
}

}  // namespace
}  // namespace ridge

// Published vocabularies of shared/data (not part of the repository) with the ids that are expected of them.
#include <gtest/gtest.h>

#include <sstream>

#include "base/file.h"
#include "base/json.h"
#include "testing.h"
#include "text/config.h"
#include "text/tokenizer.h"

namespace ridge {
namespace {

std::vector<std::string> texts_of(const std::string& path) {
  const std::string all = read_file(path), separator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> out;
  size_t at = 0;
  for (size_t i; (i = all.find(separator, at)) != std::string::npos; at = i + separator.size())
    out.push_back(all.substr(at, i - at));
  return out;
}

std::vector<std::vector<int32_t>> ids_of(const std::string& path) {
  std::istringstream lines(read_file(path));
  std::vector<std::vector<int32_t>> out;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream numbers(line);
    out.emplace_back();
    for (int32_t id; numbers >> id;) out.back().push_back(id);
  }
  return out;
}

void check(const Tokenizer& t, const std::string& base, bool decodes_back = true) {
  const auto texts = texts_of(base + ".inp");
  const auto ids = ids_of(base + ".out");
  ASSERT_EQ(texts.size(), 46u);
  ASSERT_EQ(ids.size(), 46u);
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(t.encode(texts[i], {.add_special = false}), ids[i]) << i << ": " << texts[i];
    if (decodes_back) {
      EXPECT_EQ(t.decode(ids[i], {.skip_special = false}), texts[i]) << i;
    }
  }
}

TEST(Published, Llama3Ranks) {
  RIDGE_NEEDS_SHARED(shared);
  const Tokenizer t = tokenizer_from_tiktoken(read_file(shared + "/data/vocab/llama3.tiktoken.model"));
  check(t, shared + "/data/vocab/ggml-vocab-llama-bpe.gguf");
  EXPECT_EQ(t.vocab_size(), 128256);
  EXPECT_EQ(t.encode("<|begin_of_text|>a<|eot_id|>", {.add_special = false}),
            (std::vector<int32_t>{128000, 64, 128009}));
  EXPECT_EQ(t.special().bos, 128000);
  EXPECT_TRUE(t.is_end_of_generation(128009));
  EXPECT_TRUE(t.adds_bos());
  const Vocabulary v = t.vocabulary();
  EXPECT_EQ(v.pre, "llama-bpe");
  check(tokenizer_from_vocabulary(v), shared + "/data/vocab/ggml-vocab-llama-bpe.gguf");
}

TEST(Published, Qwen2Merges) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string dir = shared + "/data/vocab/";
  const Tokenizer t =
      tokenizer_from_merges(read_file(dir + "qwen2-vocab.json"), read_file(dir + "qwen2-merges.txt"),
                            read_file(dir + "qwen2-tokenizer_config.json"));
  check(t, dir + "ggml-vocab-qwen2.gguf");
  EXPECT_EQ(t.id("<|im_end|>"), 151645);
  EXPECT_EQ(t.vocabulary().pre, "qwen2");
  EXPECT_TRUE(t.vocabulary().huggingface_json.empty());
}

TEST(Published, Llama2SentencePiece) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string dir = shared + "/data/vocab/";
  const Tokenizer t = tokenizer_from_sentencepiece(read_file(dir + "llama2.tokenizer.model"));
  check(t, dir + "ggml-vocab-llama-spm.gguf");
  check(tokenizer_from_vocabulary(t.vocabulary()), dir + "ggml-vocab-llama-spm.gguf");
  check(tokenizer_from_json(t.to_json()), dir + "ggml-vocab-llama-spm.gguf");
}

// The values of the transformers tests, the text lower-cased as that library does before the model.
TEST(Published, AlbertUnigram) {
  RIDGE_NEEDS_SHARED(shared);
  const Tokenizer t = tokenizer_from_sentencepiece(read_file(shared + "/data/vocab/albert.spiece.model"));
  EXPECT_EQ(t.encode("this is a test"), (std::vector<int32_t>{48, 25, 21, 1289}));
  EXPECT_EQ(t.encode("i was born in 92000, and this is falsé."),
            (std::vector<int32_t>{31, 23, 386, 19, 561, 3050, 15, 17, 48, 25, 8256, 18, 1, 9}));
}

// Pieces by the `sentencepiece` library, looked up in the joint vocabulary as MarianTokenizer does; U+3002 is
// unknown to the source model but a piece of the target language.
TEST(Published, MarianJointVocabulary) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string base = shared + "/data/vocab/opus-mt-en-fr.";
  const Tokenizer t =
      text::from_marian(text::read_sentencepiece(read_file(base + "source.spm"), "source.spm"),
                        read_file(base + "vocab.json"), {}, "vocab.json");
  EXPECT_EQ(t.vocab_size(), 59514);
  EXPECT_EQ(t.special().pad, 59513);
  EXPECT_EQ(t.encode("Hello, world! How are you today?"),
            (std::vector<int32_t>{10537, 2, 522, 145, 1121, 52, 55, 1394, 54, 0}));
  EXPECT_EQ(t.encode("The na\u00EFve caf\u00E9 costs 1,000 \u20AC."),
            (std::vector<int32_t>{35, 81, 4277, 517, 6017, 1135, 14829, 775, 3, 0}));
  EXPECT_EQ(t.encode("Unknown: \u4F60\u597D \u3002 ok"),
            (std::vector<int32_t>{39406, 37, 49, 49069, 49218, 49, 53525, 18335, 0}));
}

TEST(Published, RwkvWorld) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string path = shared + "/data/vocab/rwkv_vocab_v20230424.txt";
  const Tokenizer t = tokenizer_from_rwkv(read_file(path));
  EXPECT_EQ(t.vocab_size(), 65530);
  // Longest match: the length of each piece that is taken is that of the longest piece there.
  for (const auto& text : texts_of(shared + "/data/vocab/ggml-vocab-gpt-2.gguf.inp")) {
    const auto ids = t.encode(text);
    std::string joined;
    for (const int32_t id : ids) joined += t.bytes(id);
    EXPECT_EQ(joined, text);
    EXPECT_EQ(t.decode(ids), text);
    EXPECT_EQ(tokenizer_from_vocabulary(t.vocabulary()).encode(text, {.parse_special = false}), ids);
  }
  EXPECT_EQ(t.encode("\xff\xfe"
                     "A\x80"),
            (std::vector<int32_t>{256, 255, 66, 129}));
  EXPECT_EQ(t.decode(t.encode("\xff"
                              "A")),
            "\xEF\xBF\xBD"
            "A");
}

TEST(Published, Stories260K) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string dir = shared + "/data/models/stories260K/";
  const Tokenizer t = tokenizer_from_llama2c(read_file(dir + "tok512.bin"), 512);
  const auto expected = ids_of(dir + "expected-greedy-ids.txt");
  const std::string text = read_file(dir + "expected-greedy.txt");
  std::vector<int32_t> ids;
  for (const auto& line : expected) ids.insert(ids.end(), line.begin(), line.end());
  ASSERT_EQ(ids.front(), 1);
  const std::string decoded = t.decode(ids);
  EXPECT_EQ(decoded.substr(0, text.size() - 1), text.substr(0, text.size() - 1));
  EXPECT_EQ(t.decode(t.encode(text)), text);
}

TEST(Published, FableAndBack) {
  RIDGE_NEEDS_SHARED(shared);
  const Tokenizer t = tokenizer_from_folder(shared + "/models/fable-7m");
  EXPECT_EQ(t.special().bos, 1);
  EXPECT_EQ(t.special().eos, 2);
  EXPECT_TRUE(t.is_end_of_generation(2));
  const std::string text = read_file(shared + "/data/fables/valid.txt");
  const auto ids = t.encode(text);
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(t.decode(ids), text);
  const Vocabulary v = t.vocabulary();
  EXPECT_EQ(v.pre, "gpt-2");
  EXPECT_TRUE(v.huggingface_json.empty()) << v.notice;
  EXPECT_EQ(tokenizer_from_vocabulary(v).encode(text), ids);
}

}  // namespace
}  // namespace ridge

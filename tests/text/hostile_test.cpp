// Malformed vocabularies give one error, long inputs stay near-linear, and many threads may encode at once.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "testing.h"
#include "text/tokenizer.h"

namespace ridge {
namespace {

std::string small(const char* name, const char* file) {
  return read_file(testing::data(std::string("tokenizers/") + name + "/" + file));
}

template <typename F>
void expect_error_or_not(F&& f) {  // but nothing else
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
  }
}

TEST(Hostile, TokenizerJson) {
  const char* const kBad[] = {
      "",
      "{}",
      "[]",
      "{\"model\":{}}",
      R"({"model":{"type":"BPE","vocab":[],"merges":[]}})",
      R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})",
      R"({"model":{"type":"BPE","vocab":{"a":4294967295},"merges":[]}})",
      R"({"model":{"type":"BPE","vocab":{"a":1e99},"merges":[]}})",
      R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}})",
      R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}})",
      R"({"model":{"type":"Unigram","vocab":[["a"]]}})",
      R"({"model":{"type":"Unigram","vocab":[["a",0]],"unk_id":7}})",
      R"({"model":{"type":"Nonsense","vocab":{}}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"pre_tokenizer":{"type":"Nonsense"}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAA"}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"normalizer":{"type":"Precompiled","precompiled_charsmap":"/////w=="}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"decoder":{"type":"Strip","content":"","start":1,"stop":1}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"post_processor":{"type":"BertProcessing","sep":["a",9],"cls":["b",9]}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"added_tokens":[{"id":99999999,"content":"a"}]})"};
  for (const char* bad : kBad) EXPECT_THROW(tokenizer_from_json(bad), Error) << bad;
}

TEST(Hostile, SentencePieceAndOthers) {
  EXPECT_THROW(tokenizer_from_sentencepiece(""), Error);
  EXPECT_THROW(tokenizer_from_sentencepiece("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Error);
  EXPECT_THROW(tokenizer_from_sentencepiece(std::string("\x0a\x03\x0a\x01") + "a"),
               Error);  // no unknown piece
  EXPECT_THROW(tokenizer_from_tiktoken("!!! 0\n"), Error);
  EXPECT_THROW(tokenizer_from_tiktoken("YQ== 99999999999\n"), Error);
  EXPECT_THROW(tokenizer_from_tiktoken(""), Error);
  EXPECT_THROW(tokenizer_from_rwkv("1 'a\n"), Error);
  EXPECT_THROW(tokenizer_from_rwkv("1 'a' 2\n"), Error);
  EXPECT_THROW(tokenizer_from_rwkv("99999999 'a' 1\n"), Error);
  EXPECT_THROW(tokenizer_from_rwkv("1 '\\x9' 1\n"), Error);
  EXPECT_THROW(tokenizer_from_bert("a\nb\n"), Error);
  EXPECT_THROW(tokenizer_from_llama2c("abc"), Error);
  EXPECT_THROW(tokenizer_from_llama2c(std::string(4, '\0') + std::string(4, '\0') + "\xff\xff\xff\x7f"),
               Error);
  EXPECT_THROW(tokenizer_from_merges("{\"a\":0}", "a b c\n"), Error);
  EXPECT_THROW(tokenizer_from_folder("/nonexistent"), Error);
  Vocabulary v;
  for (const char* model : {"", "gpt2x", "llama", "t5"}) {
    v.model = model;
    v.tokens = {"a"};
    EXPECT_THROW(tokenizer_from_vocabulary(v), Error) << model;
  }
  v.model = "gpt2";
  v.pre = "nonsense";
  EXPECT_THROW(tokenizer_from_vocabulary(v), Error);
}

// Bytes flipped, cut and repeated: an error or a tokenizer, and a tokenizer encodes or says why not.
TEST(Hostile, Mutations) {
  std::mt19937 random(1);
  const std::string json = small("metaspace_first_added", "tokenizer.json"),
                    model = small("sp_bpe", "tokenizer.model");
  for (int round = 0; round < 300; ++round) {
    std::string bytes = round % 2 ? json : model;
    for (size_t n = random() % 4 + 1; n > 0; --n) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.resize(at + 1);
          break;
        case 2:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 100));
          break;
        default:
          bytes.erase(at, random() % 100);
          break;
      }
    }
    expect_error_or_not([&] {
      const Tokenizer t = round % 2 ? tokenizer_from_json(bytes) : tokenizer_from_sentencepiece(bytes);
      const auto ids = t.encode("The quick <s> \xF0\x9F\x98\x80 \xff brown  fox 123");
      t.decode(ids);
      const Vocabulary v = t.vocabulary();
      tokenizer_from_vocabulary(v).encode("again");
    });
  }
}

TEST(Hostile, LongInputsStayNearLinear) {
  const Tokenizer bpe = tokenizer_from_folder(testing::data("tokenizers/gpt2_bytes"));
  const Tokenizer llama3 = tokenizer_from_folder(testing::data("tokenizers/llama3_split"));
  const Tokenizer sp = tokenizer_from_folder(testing::data("tokenizers/sp_bpe"));
  const Tokenizer unigram = tokenizer_from_folder(testing::data("tokenizers/sp_unigram_bytes"));
  std::string words;
  std::mt19937 random(2);
  for (int i = 0; i < 1000000; ++i) words += static_cast<char>('a' + random() % 26);
  for (const std::string& text :
       {std::string(1000000, 'a'), words, std::string(1000000, ' '), std::string(500000, '\n')}) {
    for (const Tokenizer* t : {&bpe, &llama3, &sp, &unigram}) {
      const auto start = std::chrono::steady_clock::now();
      const auto ids = t->encode(text, {.add_special = false});
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      // Quadratic work would take hours; the bound leaves room for sanitizers and a busy machine.
      EXPECT_LT(seconds, 60.0);
      EXPECT_EQ(t->decode(ids), text);
    }
  }
}

TEST(Threads, ShareOneTokenizer) {
  const Tokenizer t = tokenizer_from_folder(testing::data("tokenizers/qwen2_split_nfc"));
  const Json cases = read_json(testing::data("tokenizers/qwen2_split_nfc/expected.json"));
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t k = 0; k < wrong.size(); ++k)
    threads.emplace_back([&, k] {
      for (int round = 0; round < 5; ++round)
        for (const Json& c : cases)
          wrong[k] += t.encode(c["text"].get<std::string>(), {.add_special = false}) !=
                      c["ids"].get<std::vector<int32_t>>();
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST(Encode, RepairsInvalidText) {
  const Tokenizer t = tokenizer_from_folder(testing::data("tokenizers/gpt2_bytes"));
  EXPECT_EQ(t.encode("a\xff", {.add_special = false}), t.encode("a\xEF\xBF\xBD", {.add_special = false}));
  const Tokenizer sp = tokenizer_from_folder(testing::data("tokenizers/sp_bpe"));
  EXPECT_EQ(sp.encode("a\xE4\xBD", {.add_special = false}),
            sp.encode("a\xEF\xBF\xBD\xEF\xBF\xBD", {.add_special = false}));
}

TEST(Encode, SpecialTokensInTextOnlyWhereAsked) {
  const Tokenizer t = tokenizer_from_folder(testing::data("tokenizers/gpt2_bytes"));
  const auto parsed = t.encode("<|end|>", {.add_special = false});
  EXPECT_EQ(parsed, (std::vector<int32_t>{2}));
  const auto plain = t.encode("<|end|>", {.add_special = false, .parse_special = false});
  EXPECT_GT(plain.size(), 1u);
  EXPECT_EQ(t.decode(plain), "<|end|>");
  EXPECT_EQ(t.decode(parsed), "");
  EXPECT_EQ(t.decode(parsed, {.skip_special = false}), "<|end|>");
  EXPECT_TRUE(t.is_special(2));
  EXPECT_EQ(t.id("<|end|>"), 2);
  EXPECT_EQ(t.decode(std::vector<int32_t>{-1, 1000000}), "");
}

}  // namespace
}  // namespace ridge

// What a MODEL argument opens: vocabularies of GGUF metadata, tokenizers of any kind of file, chat templates.
#include "engine/open.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "engine/open_tokenizer.h"
#include "engine/verify_tokenizer.h"
#include "support.h"

namespace ridge {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("ridge-open-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string path(const std::string& name = "") const {
    return name.empty() ? path_.string() : (path_ / name).string();
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    write_file(path(name), text);
  }

 private:
  fs::path path_;
};

TEST(Vocabulary, OfGgufMetadata) {
  GgufMetadata m;
  EXPECT_FALSE(vocabulary_of(m));
  m.set_string("tokenizer.ggml.model", "gpt2");
  EXPECT_THROW(vocabulary_of(m), Error);  // no tokens
  m.set_strings("tokenizer.ggml.tokens", std::vector<std::string>{"<s>", "a", "b", "ab"});
  m.set_string("tokenizer.ggml.pre", "qwen2");
  m.set_i32s("tokenizer.ggml.token_type", std::vector<int32_t>{3, 1, 1, 1});
  m.set_strings("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  m.set_u32("tokenizer.ggml.bos_token_id", 0);
  m.set_u32("tokenizer.ggml.eot_token_id", 2);
  m.set_u32("tokenizer.ggml.padding_token_id", 4294967295u);  // none
  m.set_flag("tokenizer.ggml.add_bos_token", true);
  const auto v = vocabulary_of(m);
  ASSERT_TRUE(v);
  EXPECT_EQ(v->model, "gpt2");
  EXPECT_EQ(v->pre, "qwen2");
  EXPECT_EQ(v->tokens.size(), 4u);
  EXPECT_EQ(v->token_types[0], 3);
  EXPECT_EQ(v->merges, std::vector<std::string>{"a b"});
  EXPECT_EQ(v->special_ids, (std::map<std::string, int32_t>{{"bos", 0}, {"eot", 2}}));
  EXPECT_EQ(v->add_bos, true);
  EXPECT_FALSE(v->add_eos);
  m.set_string("tokenizer.ggml.precompiled_charsmap", "text");
  EXPECT_THROW(vocabulary_of(m), Error);
}

TEST(OpenTokenizer, EveryKindOfFile) {
  const std::string folder = testing::data("models/fable-1m");
  const auto want = testing::fable().text().encode("Once upon a time");
  EXPECT_EQ(open_tokenizer(folder).encode("Once upon a time"), want);
  EXPECT_EQ(open_tokenizer(folder + "/tokenizer.json").encode("Once upon a time"), want);
  EXPECT_EQ(open_tokenizer(folder + "/model.safetensors").encode("Once upon a time"), want);
  EXPECT_EQ(open_tokenizer(testing::data("tokenizers/sp_bpe/tokenizer.model")).kind(),
            open_tokenizer(testing::data("tokenizers/sp_bpe")).kind());
  EXPECT_THROW(open_tokenizer(testing::data("nowhere")), Error);
  EXPECT_THROW(open_tokenizer(testing::data("golden/llama")), Error);  // a model without a tokenizer
  Folder f;
  f.write("ranks.model", "YQ== 0\nYg== 1\nYWI= 2\n");
  EXPECT_EQ(open_tokenizer(f.path("ranks.model")).encode("ab", {false, false}), std::vector<int32_t>{2});
  f.write("my-vocab.json", R"({"a": 0, "b": 1, "ab": 2})");
  EXPECT_THROW(open_tokenizer(f.path("my-vocab.json")), Error);  // no merges beside it
  f.write("my-merges.txt", "#version: 0.2\na b\n");
  EXPECT_EQ(open_tokenizer(f.path("my-vocab.json")).encode("ab", {false, false}), std::vector<int32_t>{2});
}

TEST(ChatTemplateOf, WhereverItIs) {
  const auto config = read_file(testing::data("golden/llama/config.json"));
  Folder f;
  f.write("config.json", config);
  const auto find = [&](const std::string& name = "default") {
    return chat_template_of(Checkpoint::open(f.path()), name);
  };
  EXPECT_EQ(find(), "");
  f.write("tokenizer_config.json", R"({"chat_template": "text"})");
  EXPECT_EQ(find(), "text");
  f.write(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]})");
  EXPECT_EQ(find(), "plain");
  EXPECT_EQ(find("tool_use"), "tools");
  EXPECT_EQ(find("rag"), "");
  f.write("additional_chat_templates/rag.jinja", "rag");
  EXPECT_EQ(find("rag"), "rag");
  f.write("chat_template.jinja", "file");
  EXPECT_EQ(find(), "file");
  f.write("tokenizer_config.json", R"({"chat_template": 3})");
  EXPECT_THROW(find("other"), Error);
}

TEST(OpenModel, WithoutATokenizerItSaysWhy) {
  const OpenedModel m = open_model(testing::data("golden/llama"));
  EXPECT_FALSE(m.tokenizer);
  EXPECT_THROW(m.text(), Error);
  EXPECT_NE(m.tokenizer_error.find("no tokenizer"), std::string::npos);
}

TEST(VerifyTokenizer, FindsWhatIsWrong) {
  const std::string folder = testing::data("tokenizers/llama2_style");
  const Tokenizer t = tokenizer_from_folder(folder);
  const std::string file = folder + "/expected.json";
  const TokenizerCheck good = verify_tokenizer(t, read_file(file), file);
  EXPECT_TRUE(good.passed());
  EXPECT_GT(good.texts, 100);
  Json j = read_json(file);
  j[5]["ids"].push_back(3);
  j[7]["decoded"] = "something else";
  const TokenizerCheck bad = verify_tokenizer(t, j.dump(), "changed");
  EXPECT_EQ(bad.wrong_ids, 1);
  EXPECT_EQ(bad.wrong_decoded, 2);  // the entry with another id decodes to another text, too
  EXPECT_EQ(bad.notes.size(), 3u);
  for (const char* text : {"{}", "[]", "[1]", R"([{"text": "a"}])", R"([{"text": "a", "ids": [-1]}])",
                           R"([{"text": "a", "ids": 3}])"})
    EXPECT_THROW(verify_tokenizer(t, text, "bad"), Error) << text;
}

}  // namespace
}  // namespace ridge

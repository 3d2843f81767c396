// One handle on every kind of MODEL, and a clear line for what is none.
#include "files/checkpoint.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support.h"
#include "testing.h"

namespace ridge {
namespace {

using testing::slurp;

float ramp(int64_t i) { return static_cast<float>(i - 3) / 4; }

void expect_ramp(const Checkpoint& c, const char* name, const Shape& shape) {
  const std::optional<Tensor> t = c.find(name);
  ASSERT_TRUE(t) << name;
  EXPECT_EQ(t->shape(), shape);
  for (int64_t i = 0; i < t->count(); ++i) EXPECT_EQ(t->ptr<float>()[i], ramp(i)) << name;
}

TEST(Checkpoint, GgufFile) {
  const Checkpoint c = Checkpoint::open(testing::data("files/all_types.gguf"));
  EXPECT_EQ(c.layout(), Checkpoint::Layout::gguf);
  EXPECT_EQ(c.folder(), testing::data("files"));
  EXPECT_TRUE(c.has_weights());
  EXPECT_EQ(c.metadata().string("general.architecture"), "llama");
  EXPECT_TRUE(c.config().empty());
  expect_ramp(c, "a.f32", {2, 3});
  EXPECT_EQ(c.tensors()[2].name, "c.q8_0");
  EXPECT_EQ(c.info("c.q8_0")->type, "Q8_0");
  EXPECT_EQ(c.info("c.q8_0")->dtype, find_dtype("q8_0"));
  EXPECT_EQ(c.info("c.q8_0")->bytes, 68u);
  EXPECT_FALSE(c.find("zzz"));
  const std::string line = testing::file_fault([&] { c.get("zzz"); }, "all_types.gguf");
  EXPECT_NE(line.find("has no tensor zzz"), std::string::npos) << line;
  EXPECT_EQ(c.file_bytes(), slurp(testing::data("files/all_types.gguf")).size());
  EXPECT_EQ(c.weight_bytes(), 24u + 10 + 68 + 36 + 16 + 50);
  EXPECT_EQ(c.parameters(), 6 + 5 + 64 + 64 + 4 + 256);
}

TEST(Checkpoint, SplitGguf) {
  const Checkpoint c = Checkpoint::open(testing::data("files/split-00002-of-00003.gguf"));
  EXPECT_EQ(c.files().size(), 3u);
  EXPECT_EQ(c.tensors().size(), 5u);
  EXPECT_EQ(c.file_bytes(), 352u + 288 + 192);
  expect_ramp(c, "blk.0.w", {2, 4});
}

TEST(Checkpoint, HuggingFaceFolder) {
  for (const char* path : {"files/folder", "files/folder/", "files/folder/model-00001-of-00002.safetensors",
                           "files/folder/model.safetensors.index.json"}) {
    const Checkpoint c = Checkpoint::open(testing::data(path));
    EXPECT_EQ(c.layout(), Checkpoint::Layout::huggingface);
    EXPECT_EQ(c.folder(), testing::data("files/folder"));
    EXPECT_EQ(c.config()["model_type"], "llama");
    EXPECT_EQ(c.generation_config()["eos_token_id"], 2);
    EXPECT_EQ(c.tensors().size(), 3u);
    EXPECT_EQ(c.files().size(), 2u);
    EXPECT_EQ(c.weight_bytes(), 52u);
    expect_ramp(c, "a", {2, 3});
    expect_ramp(c, "c", {3, 1});
  }
}

TEST(Checkpoint, PythonsInfinityAndNaN) {
  const Json config = Checkpoint::open(testing::data("files/folder")).config();
  EXPECT_EQ(config["limit"][1], std::numeric_limits<double>::max());
  EXPECT_EQ(config["low"], -std::numeric_limits<double>::max());
  EXPECT_TRUE(config["nan"].is_null());
  EXPECT_EQ(config["text"], "Infinity \\\"NaN");
}

TEST(Checkpoint, ConfigAloneHasNoWeights) {
  const Checkpoint file = Checkpoint::open(testing::data("files/folder/config.json"));
  EXPECT_FALSE(file.has_weights());
  EXPECT_EQ(file.config()["model_type"], "llama");
  EXPECT_EQ(file.generation_config()["eos_token_id"], 2);
  EXPECT_FALSE(file.find("a"));
  const testing::Scratch dir;
  dir.put("config.json", R"({"model_type":"gpt2"})");
  const Checkpoint folder = Checkpoint::open(dir.path());
  EXPECT_FALSE(folder.has_weights());
  EXPECT_EQ(folder.weight_bytes(), 0u);
  EXPECT_EQ(folder.config()["model_type"], "gpt2");
  EXPECT_TRUE(folder.generation_config().empty());
}

TEST(Checkpoint, FolderOfSeveralKinds) {
  const std::string one = slurp(testing::data("files/folder/model-00001-of-00002.safetensors"));
  const std::string two = slurp(testing::data("files/folder/model-00002-of-00002.safetensors"));
  const std::string gguf = slurp(testing::data("files/all_types.gguf"));
  {
    const testing::Scratch dir;  // a GGUF file and nothing else
    dir.put("m.gguf", gguf);
    EXPECT_EQ(Checkpoint::open(dir.path()).layout(), Checkpoint::Layout::gguf);
    dir.put("other.gguf", gguf);
    EXPECT_FAULT(Checkpoint::open(dir.path()), "name one of them");
  }
  {
    const testing::Scratch dir;  // a split GGUF model counts once
    for (const char* n : {"1", "2", "3"}) {
      const std::string name = std::string("split-0000") + n + "-of-00003.gguf";
      dir.put(name, slurp(testing::data("files/" + name)));
    }
    EXPECT_EQ(Checkpoint::open(dir.path()).tensors().size(), 5u);
  }
  {
    const testing::Scratch dir;  // shards without an index
    dir.put("config.json", "{}");
    dir.put("model-00001-of-00002.safetensors", one);
    const std::string line =
        testing::file_fault([&] { Checkpoint::open(dir.path()); }, "model-00002-of-00002");
    EXPECT_NE(line.find("shard 2 of 2 is missing"), std::string::npos) << line;
    dir.put("model-00002-of-00002.safetensors", two);
    EXPECT_EQ(Checkpoint::open(dir.path()).tensors().size(), 3u);
    EXPECT_EQ(Checkpoint::open(dir / "model-00002-of-00002.safetensors").tensors().size(), 3u);
  }
  {
    const testing::Scratch dir;  // expected outputs and adapters are no weights
    dir.put("config.json", "{}");
    dir.put("model.safetensors", one);
    dir.put("expected.safetensors", one);
    dir.put("adapter_model.safetensors", one);
    EXPECT_EQ(Checkpoint::open(dir.path()).tensors().size(), 2u);
  }
}

TEST(Checkpoint, Llama2cFile) {
  const Checkpoint c = Checkpoint::open(testing::data("files/llama2c/v2.bin"));
  EXPECT_EQ(c.layout(), Checkpoint::Layout::llama2c);
  EXPECT_EQ(c.metadata().string("general.architecture"), "llama");
  EXPECT_EQ(c.llama2c_tokenizer(), testing::data("files/llama2c/tok6.bin"));
  EXPECT_EQ(c.info("blk.1.attn_k.weight")->shape, (Shape{4, 8}));
  EXPECT_EQ(c.info("blk.1.attn_k.weight")->bytes, 32u + 8 * 4);
  EXPECT_EQ(c.get("blk.1.attn_k.weight").shape(), (Shape{4, 8}));
  EXPECT_EQ(c.weight_bytes() + 256, c.file_bytes());
}

TEST(Checkpoint, SaysWhatIsWrong) {
  const testing::Scratch dir;
  const std::string lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
  const std::string shard = slurp(testing::data("files/folder/model-00001-of-00002.safetensors"));
  const auto expect = [&](const std::string& path, const char* part) {
    const std::string line =
        testing::file_fault([&] { Checkpoint::open(path); }, path.substr(path.rfind('/') + 1));
    EXPECT_NE(line.find(part), std::string::npos) << line;
  };
  expect(dir / "gone", "no such file");
  expect(dir.path(), "no config.json and no GGUF");
  expect(dir.put("empty.gguf", ""), "empty");
  expect(dir.put("pointer.gguf", lfs), "git lfs pull");
  expect(dir.put("pointer.safetensors", lfs), "git lfs pull");
  expect(dir.put("pointer.bin", lfs), "git lfs pull");
  expect(dir.put("text.txt", "hello"), "not a GGUF, safetensors, llama2.c or rwkv.cpp .bin file");
  expect(dir.put("text.gguf", "hello"), "not a GGUF file");
  expect(dir.put("old.bin", "tjgg0000"), "from before GGUF");
  expect(dir.put("pytorch_model.bin", "PK\x03\x04 archive"), "convert it to safetensors");
  expect(dir.put("pickle.bin", "\x80\x02} old"), "convert it to safetensors");
  expect(dir.put("noise.bin", std::string(100, '\x7f')), "not a llama2.c file");
  // What the tensors mean is not known here: load_model() asks for the config.json.
  EXPECT_TRUE(Checkpoint::open(dir.put("lonely.safetensors", shard)).config().empty());
  expect(dir.put("config.json", lfs), "git lfs pull");
  dir.put("config.json", "[1]");
  expect(dir / "config.json", "not a JSON object");
  dir.put("config.json", "{\"a\":");
  expect(dir / "config.json", "not valid JSON");
  dir.put("config.json", std::string(1000000, '['));
  expect(dir / "config.json", "nested deeper");
}

TEST(Checkpoint, FolderOfPyTorchWeightsOnly) {
  const testing::Scratch dir;
  dir.put("config.json", "{}");
  dir.put("pytorch_model-00001-of-00002.bin", "PK");
  EXPECT_FAULT(Checkpoint::open(dir.path()), "convert it to safetensors first");
}

TEST(Checkpoint, NamesOfFilesCannotBreakTheLine) {
  const testing::Scratch dir;
  const std::string path = dir.put("a\nb.gguf", "x");
  EXPECT_FAULT(Checkpoint::open(path), "the magic");
}

TEST(Checkpoint, GoldenFoldersOpen) {
  RIDGE_NEEDS_SHARED(shared);
  int folders = 0;
  for (const std::string part : {"/golden", "/models"}) {
    for (const auto& entry : std::filesystem::directory_iterator(shared + part)) {
      if (!std::filesystem::exists(entry.path() / "config.json")) continue;
      const Checkpoint c = Checkpoint::open(entry.path().string());
      EXPECT_TRUE(c.has_weights()) << entry.path();
      for (const Checkpoint::TensorInfo& t : c.tensors()) {
        const Tensor tensor = c.get(t.name);
        EXPECT_EQ(static_cast<uint64_t>(tensor.bytes()), t.bytes) << entry.path() << t.name;
      }
      ++folders;
    }
  }
  EXPECT_GT(folders, 40);
}

TEST(Checkpoint, Stories260K) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string dir = shared + "/data/models/stories260K/";
  const Checkpoint c = Checkpoint::open(dir + "stories260K.bin");
  EXPECT_EQ(c.layout(), Checkpoint::Layout::llama2c);
  EXPECT_EQ(c.llama2c_tokenizer(), dir + "tok512.bin");
  EXPECT_EQ(c.get("blk.4.ffn_down.weight").shape(), (Shape{64, 172}));
}

}  // namespace
}  // namespace ridge

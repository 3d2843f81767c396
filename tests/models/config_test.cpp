// Settings: both key layouts, what cannot be, and what would exhaust memory.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"
#include "models/load.h"
#include "models/registry.h"
#include "testing.h"

namespace ridge {
namespace {

Json llama() {
  return Json{{"model_type", "llama"},      {"vocab_size", 64},       {"hidden_size", 32},
              {"intermediate_size", 48},    {"num_hidden_layers", 1}, {"num_attention_heads", 2},
              {"num_key_value_heads", 1},   {"rope_theta", 10000.0},  {"max_position_embeddings", 128},
              {"tie_word_embeddings", true}};
}

std::string why(const Json& config) {
  try {
    ConfigKeys keys = ConfigKeys::reading_json(config, "test");
    shape_model(keys, one_format(f32));
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file) << e.what();
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    return e.what();
  }
  return "";
}

std::string why_with(const char* key, const Json& value, Json config = llama()) {
  config[key] = value;
  return why(config);
}

std::vector<float> logits(const Json& config, int length) {
  ConfigKeys keys = ConfigKeys::reading_json(config, "test");
  const auto model = random_model(keys, one_format(f32), 7);
  Context cx(cpu_device(), {.exact = true});
  std::vector<int32_t> ids;
  for (int i = 0; i < length; ++i) ids.push_back(i * 13 % 60);
  const Tensor y = model->forward(cx, Batch::one(ids), nullptr);
  return {y.ptr<float>(), y.ptr<float>() + y.count()};
}

}  // namespace

TEST(ModelConfig, OldAndNewKeysAreOneSetting) {
  const Json bands = {{"factor", 8.0},
                      {"low_freq_factor", 1.0},
                      {"high_freq_factor", 4.0},
                      {"original_max_position_embeddings", 32}};
  Json old = llama(), recent = llama();
  old["rope_scaling"] = bands;
  old["rope_scaling"]["rope_type"] = "llama3";
  recent.erase("rope_theta");
  recent["rope_parameters"] = bands;
  recent["rope_parameters"].update({{"rope_type", "llama3"}, {"rope_theta", 10000.0}});
  EXPECT_EQ(logits(old, 30), logits(recent, 30));
  EXPECT_NE(logits(old, 30), logits(llama(), 30));
}

// What config() writes, config() reads: of every architecture, out of its own json.
TEST(ModelConfig, WritesWhatItReads) {
  const Json config = llama();
  ConfigKeys keys = ConfigKeys::reading_json(config, "test");
  const auto model = make_model(keys);
  Json out{{"model_type", "llama"}};
  ConfigKeys writing = ConfigKeys::writing_json(out);
  model->config(writing);
  EXPECT_EQ(out["hidden_size"], 32);
  EXPECT_EQ(out["num_key_value_heads"], 1);
  EXPECT_EQ(out["rope_parameters"]["rope_type"], "default");
  EXPECT_EQ(logits(out, 12), logits(config, 12));

  GgufMetadata m;
  ConfigKeys gguf = ConfigKeys::writing_gguf(m, "llama");
  model->config(gguf);
  EXPECT_EQ(m.u32("llama.embedding_length"), 32u);
  EXPECT_EQ(m.u32("llama.rope.dimension_count"), 16u);
  for (const auto& e : m.entries()) EXPECT_NE(e.key.rfind("ridge.", 0), 0u) << e.key << " says nothing new";
}

TEST(ModelConfig, SaysWhatItCannotDo) {
  EXPECT_NE(why_with("model_type", "elman").find("model_type \"elman\" is not supported (known: "),
            std::string::npos);
  EXPECT_NE(why_with("hidden_act", "laplace").find("laplace"), std::string::npos);
  EXPECT_NE(why_with("rope_scaling", {{"rope_type", "mrope"}}).find("RoPE of type \"mrope\""),
            std::string::npos);
  EXPECT_NE(why_with("rope_scaling", {{"rope_type", "linear"}}).find("without a factor"), std::string::npos);
  EXPECT_NE(why_with("rope_scaling", {{"rope_type", "longrope"}, {"factor", 2.0}}).find("LongRoPE factors"),
            std::string::npos);
  Json gemma = llama();
  gemma["model_type"] = "gemma";
  EXPECT_NE(why_with("use_bidirectional_attention", true, gemma).find("use_bidirectional_attention"),
            std::string::npos);
  Json qwen = llama();
  qwen["model_type"] = "qwen2";
  EXPECT_NE(why_with("layer_types", {"linear_attention"}, qwen).find("linear_attention"), std::string::npos);
  EXPECT_NE(why_with("layer_types", {"sliding_attention"}, qwen).find("no sliding window"),
            std::string::npos);
}

TEST(ModelConfig, RefusesWhatMakesNoModel) {
  for (const auto& [key, value] : std::initializer_list<std::pair<const char*, Json>>{
           {"vocab_size", 0},
           {"vocab_size", -5},
           {"vocab_size", "many"},
           {"hidden_size", 1e300},
           {"num_attention_heads", 0},
           {"num_key_value_heads", 3},
           {"num_hidden_layers", 1000000000},
           {"head_dim", 1000000},
           {"rope_theta", -1},
           {"rms_norm_eps", "small"},
           {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 0}, {"original_max_position_embeddings", 0}}},
           {"rope_scaling", {{"rope_type", 7}}}})
    EXPECT_NE(why_with(key, value), "") << key << " " << value.dump();
  EXPECT_EQ(why(llama()), "");
  Json no_width = llama();
  no_width.erase("hidden_size");
  EXPECT_NE(why(no_width).find("hidden_size"), std::string::npos);
}

// Shapes that each fit an integer and together no machine.
TEST(ModelConfig, RefusesWeightsOutOfRange) {
  Json huge = llama();
  huge["hidden_size"] = int64_t{1} << 31;
  huge["vocab_size"] = int64_t{1} << 31;
  EXPECT_NE(why(huge), "");
}

// Every architecture's settings survive JSON, and make the same model.
// What a model writes into config.json makes the same model again, on every golden folder: the same weights,
// for decoders the same logits of random ones, and the same settings when they are written once more.
TEST(ModelConfig, EveryArchitectureReadsItsOwnJson) {
  int read = 0;
  for (const auto& e : std::filesystem::directory_iterator(testing::data("golden"))) {
    if (!std::filesystem::exists(e.path() / "config.json")) continue;
    const std::string name = e.path().filename().string();
    const Json given = read_json((e.path() / "config.json").string());
    const auto written = [&](const Json& config) {
      ConfigKeys keys = ConfigKeys::reading_json(config, name);
      const auto model = make_model(keys);
      Json out{{"model_type", config["model_type"]}};
      if (config.contains("architectures")) out["architectures"] = config["architectures"];
      ConfigKeys writing = ConfigKeys::writing_json(out);
      model->config(writing);
      return out;
    };
    const auto shape = [&](const Json& config) {
      ConfigKeys keys = ConfigKeys::reading_json(config, name);
      return shape_model(keys, one_format(f32));
    };
    const Json once = written(given);
    EXPECT_EQ(written(once), once) << name;
    const auto a = shape(given), b = shape(once);
    EXPECT_EQ(count_weights(*a).parameters, count_weights(*b).parameters) << name;
    if (a->kind() == ModelKind::decoder) {
      const auto x = logits(given, 12), y = logits(once, 12);
      ASSERT_EQ(x.size(), y.size()) << name;
      EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size() * sizeof(float)), 0) << name << " " << once.dump();
    }
    ++read;
  }
  EXPECT_GT(read, 20);
}

}  // namespace ridge

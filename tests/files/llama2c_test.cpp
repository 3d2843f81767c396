// llama2.c files: fixtures by the published exporter's rules (tests/data/files/make.py), and stories260K.
#include "files/llama2c.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support.h"
#include "testing.h"

namespace ridge {
namespace {

using testing::slurp;

Llama2c version(int v) {
  return Llama2c::open(testing::data("files/llama2c/v" + std::to_string(v) + ".bin"));
}

// The matrices of the fixtures count on, in the order in which make.py makes them.
float value(int64_t i) { return static_cast<float>(i % 61 - 30) / 8; }
constexpr int64_t kDim = 8, kHidden = 12, kKv = 4, kVocab = 6, kLayers = 2;

// name -> number of its first element
std::vector<std::pair<std::string, int64_t>> starts() {
  std::vector<std::pair<std::string, int64_t>> out;
  int64_t at = 0;
  const auto one = [&](const std::string& name, int64_t n) {
    out.emplace_back(name, at);
    at += n;
  };
  const auto each = [&](const std::string& name, int64_t n) {
    for (int64_t i = 0; i < kLayers; ++i) one("blk." + std::to_string(i) + "." + name + ".weight", n);
  };
  one("token_embd.weight", kVocab * kDim);
  each("attn_norm", kDim);
  each("attn_q", kDim * kDim);
  each("attn_k", kKv * kDim);
  each("attn_v", kKv * kDim);
  each("attn_output", kDim * kDim);
  each("ffn_norm", kDim);
  each("ffn_gate", kHidden * kDim);
  each("ffn_down", kDim * kHidden);
  each("ffn_up", kHidden * kDim);
  one("output_norm.weight", kDim);
  one("output.weight", kVocab * kDim);
  return out;
}

TEST(Llama2c, EveryTensorOfEveryVersion) {
  for (int v = 0; v <= 2; ++v) {
    const Llama2c file = version(v);
    EXPECT_EQ(file.header().version, v);
    EXPECT_EQ(file.header().tied, v == 1);
    EXPECT_EQ(file.tensors().size(), starts().size() - (v == 1 ? 1 : 0));
    for (const auto& [name, start] : starts()) {
      const Llama2c::Entry* entry = file.find(name);
      if (v == 1 && name == "output.weight") {
        EXPECT_EQ(entry, nullptr);
        continue;
      }
      ASSERT_NE(entry, nullptr) << name;
      const Tensor t = file.tensor(*entry);
      // int8: half a step of the group's scale, which is at most 30/8/127, and three roundings of f32.
      const double tolerance = v == 2 && t.rank() == 2 ? 0.5 * 3.75 / 127 * (1 + 1e-6) : 0;
      for (int64_t i = 0; i < t.count(); ++i)
        ASSERT_NEAR(t.ptr<float>()[i], value(start + i), tolerance) << v << " " << name << " " << i;
    }
  }
}

TEST(Llama2c, MetadataSpeaksGguf) {
  const GgufMetadata m = version(0).metadata();
  EXPECT_EQ(m.string("general.architecture"), "llama");
  EXPECT_EQ(m.u32("llama.embedding_length"), 8u);
  EXPECT_EQ(m.u32("llama.feed_forward_length"), 12u);
  EXPECT_EQ(m.u32("llama.block_count"), 2u);
  EXPECT_EQ(m.u32("llama.attention.head_count"), 2u);
  EXPECT_EQ(m.u32("llama.attention.head_count_kv"), 1u);
  EXPECT_EQ(m.u32("llama.vocab_size"), 6u);
  EXPECT_EQ(m.u32("llama.context_length"), 4u);
}

TEST(Llama2c, FindsItsVocabulary) {
  EXPECT_EQ(version(0).tokenizer_path(), testing::data("files/llama2c/tok6.bin"));
  const testing::Scratch dir;
  const std::string path = dir.put("m.bin", slurp(testing::data("files/llama2c/v0.bin")));
  EXPECT_EQ(Llama2c::open(path).tokenizer_path(), "");
  dir.put("tokenizer.bin", "x");
  EXPECT_EQ(Llama2c::open(path).tokenizer_path(), dir / "tokenizer.bin");
}

TEST(Llama2c, HostileHeaders) {
  const std::string good = slurp(testing::data("files/llama2c/v0.bin"));
  const auto with = [&](int field, int32_t v) {
    std::string bytes = good;
    std::memcpy(bytes.data() + field * 4, &v, 4);
    return testing::file_fault([&] { Llama2c::parse(bytes_in_memory(bytes, "t")); });
  };
  for (int field = 0; field < 7; ++field)
    for (const int32_t v : {0, -1, 1 << 28, INT32_MAX, INT32_MIN}) with(field, v);
  EXPECT_NE(with(3, 3).find("not a llama2.c file"), std::string::npos);  // 8 dims, 3 heads
  std::string longer = good + "x";
  EXPECT_FAULT(Llama2c::parse(bytes_in_memory(longer, "t")), "not what its header asks for");
  EXPECT_FAULT(Llama2c::parse(bytes_in_memory("", "t")), "too few");
  std::string v = slurp(testing::data("files/llama2c/v2.bin"));
  v[4] = 3;
  EXPECT_FAULT(Llama2c::parse(bytes_in_memory(v, "t")), "llama2.c version 3");
  v[4] = 2;
  for (const int32_t group : {0, -4, 7, INT32_MAX}) {
    std::memcpy(v.data() + 37, &group, 4);
    testing::file_fault([&] { Llama2c::parse(bytes_in_memory(v, "t")); });
  }
  v[36] = 2;
  EXPECT_FAULT(Llama2c::parse(bytes_in_memory(v, "t")), "shared output matrix");
}

TEST(Llama2c, Stories260K) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string dir = shared + "/data/models/stories260K/";
  const Llama2c file = Llama2c::open(dir + "stories260K.bin");
  EXPECT_EQ(file.header().dim, 64);
  EXPECT_EQ(file.header().hidden_dim, 172);
  EXPECT_EQ(file.header().kv_heads, 4);
  EXPECT_TRUE(file.header().tied);
  EXPECT_EQ(file.tokenizer_path(), dir + "tok512.bin");
  EXPECT_EQ(file.tensors().size(), 2u + 5 * 9);
  double sum = 0;  // a trained network: finite numbers of a moderate size wherever one looks
  for (const Llama2c::Entry& e : file.tensors()) {
    const Tensor t = file.tensor(e);
    for (int64_t i = 0; i < t.count(); ++i) {
      ASSERT_LT(std::abs(t.ptr<float>()[i]), 20) << e.name;
      sum += std::abs(t.ptr<float>()[i]);
    }
  }
  EXPECT_GT(sum, 1000);
}

}  // namespace
}  // namespace ridge

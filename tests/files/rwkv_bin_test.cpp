// rwkv.cpp files: small ones made here byte by byte, cut, flipped and forged. (The published ones are in
// tests/engine/rwkv_test.cpp.)
#include "files/rwkv_bin.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "testing.h"

namespace ridge {
namespace {

std::string number(int32_t v) { return {reinterpret_cast<const char*>(&v), 4}; }

// Extents as the file has them: fastest first.
std::string tensor(const std::string& name, const std::vector<int32_t>& extents, float first = 0.5f) {
  std::string s =
      number(static_cast<int32_t>(extents.size())) + number(static_cast<int32_t>(name.size())) + number(0);
  int64_t count = 1;
  for (const int32_t e : extents) s += number(e), count *= e;
  s += name;
  for (int64_t i = 0; i < count; ++i) {
    const float v = first + 0.01f * static_cast<float>(i);
    s += std::string(reinterpret_cast<const char*>(&v), 4);
  }
  return s;
}

std::string header(int32_t version, int32_t vocab, int32_t dim, int32_t layers) {
  return number(0x67676d66) + number(version) + number(vocab) + number(dim) + number(layers) + number(0);
}

std::string model(int generation) {
  std::string s = header(101, 256, 4, 1) + tensor("emb.weight", {4, 256}) + tensor("ln_out.weight", {4});
  if (generation == 4) {
    s += tensor("blocks.0.att.time_decay", {4}, -2) + tensor("blocks.0.att.time_first", {4});
  } else if (generation == 5) {
    s += tensor("blocks.0.att.time_decay", {1, 2, 2}, 0.9f) + tensor("blocks.0.att.time_faaaa", {1, 2, 2}) +
         tensor("blocks.0.att.ln_x.weight", {4});
  } else if (generation == 6) {
    s += tensor("blocks.0.att.time_maa_x", {4}) + tensor("blocks.0.att.time_faaaa", {1, 2, 2}) +
         tensor("blocks.0.att.time_decay", {1, 2, 2});
    for (const char* part : {"w", "r", "k", "g", "v"})
      s += tensor(std::string("blocks.0.att.time_maa_") + part, {4}, static_cast<float>(part[0]));
  } else {
    s += tensor("blocks.0.att.r_k", {2, 2}) + tensor("blocks.0.att.x_rwkvag", {4, 1, 6});
  }
  return s + tensor("blocks.0.ffn.key.weight", {4, 12});
}

RwkvBin parse(const std::string& bytes) { return RwkvBin::parse(bytes_in_memory(bytes, "test.bin")); }

const RwkvBin::Entry* find(const RwkvBin& file, const std::string& name) {
  for (const auto& e : file.tensors())
    if (e.name == name) return &e;
  return nullptr;
}

TEST(RwkvBin, TellsGenerationsApart) {
  for (const int generation : {4, 5, 6, 7}) {
    const RwkvBin file = parse(model(generation));
    EXPECT_EQ(file.header().generation, generation);
    EXPECT_EQ(file.header().hidden, 12);
    const GgufMetadata m = file.metadata();
    EXPECT_EQ(m.string("general.architecture"), "rwkv" + std::to_string(generation));
    EXPECT_EQ(m.strings("tokenizer.ggml.tokens").size(), 256u);
    if (generation > 4) EXPECT_EQ(file.header().head_size, 2);
    // How the seeds of tests/fuzz/corpus/rwkv_bin were made.
    if (const char* dir = std::getenv("RIDGE_WRITE_SEEDS"))
      write_file(std::string(dir) + "/" + std::to_string(generation), model(generation));
  }
}

TEST(RwkvBin, DecaysAreGivenAsLearned) {
  const RwkvBin four = parse(model(4)), five = parse(model(5));
  const Tensor w4 = four.tensor(*find(four, "blk.0.time_mix_decay.weight"));
  const Tensor w5 = five.tensor(*find(five, "blk.0.time_mix_decay.weight"));
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(-std::exp(w4.ptr<float>()[i]), -2 + 0.01f * static_cast<float>(i), 1e-6);
    EXPECT_NEAR(std::exp(-std::exp(w5.ptr<float>()[i])), 0.9f + 0.01f * static_cast<float>(i), 1e-6);
  }
}

TEST(RwkvBin, StacksTheMixesOfSix) {
  const RwkvBin file = parse(model(6));
  const auto* e = find(file, "blk.0.time_mix_lerp_fused.weight");
  ASSERT_TRUE(e);
  const Tensor t = file.tensor(*e);
  ASSERT_TRUE(t.shape() == (Shape{5, 4}));
  const std::string order = "wkvrg";
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(t.ptr<float>()[4 * i], static_cast<float>(order[i]));
}

TEST(RwkvBin, DamageIsAnError) {
  for (const int generation : {4, 5, 6, 7}) {
    const std::string whole = model(generation);
    for (size_t n = 0; n < whole.size(); n += n < 60 ? 1 : 97)
      EXPECT_THROW(parse(whole.substr(0, n)), Error) << generation << " cut at " << n;
    Random random(3, static_cast<uint64_t>(generation));
    int errors = 0;
    for (int i = 0; i < 400; ++i) {
      std::string bytes = whole;
      // Headers of tensors are few bytes among many: half of the damage goes to the last tensors.
      for (int k = 0; k < 2; ++k) {
        const size_t at = i % 2 ? random.next() % 60 : whole.size() - 1 - random.next() % 400;
        bytes[at] = static_cast<char>(random.next());
      }
      try {
        const RwkvBin file = parse(bytes);
        file.metadata();
        for (const auto& e : file.tensors()) file.tensor(e);
      } catch (const Error&) {
        ++errors;
      }
    }
    EXPECT_GT(errors, 50) << generation;
  }
}

TEST(RwkvBin, AStackAndItsPartsDoNotMix) {
  const std::string whole = tensor("blocks.0.att.x_rwkvag", {4, 1, 6});
  for (const char* part : {"w", "g"}) {
    const std::string one = tensor(std::string("blocks.0.att.time_maa_") + part, {4});
    EXPECT_THROW(parse(header(101, 256, 4, 1) + whole + one), Error);
    EXPECT_THROW(parse(header(101, 256, 4, 1) + one + whole), Error);
  }
}

TEST(RwkvBin, ForgedSizes) {
  const std::string start = header(101, 256, 4, 1);
  const auto forged = [&](int32_t dims, int32_t length, int32_t type, const std::vector<int32_t>& extents) {
    std::string s = start + number(dims) + number(length) + number(type);
    for (const int32_t e : extents) s += number(e);
    return s + "emb.weight" + std::string(64, 'x');
  };
  for (const std::string& bytes : {forged(0, 10, 0, {}),
                                   forged(4, 10, 0, {1, 1, 1, 1}),
                                   forged(-1, 10, 0, {}),
                                   forged(1, -1, 0, {4}),
                                   forged(1, 1 << 30, 0, {4}),
                                   forged(3, 10, 0, {1 << 28, 1 << 28, 1 << 28}),
                                   forged(2, 10, 0, {1 << 28, 1 << 28}),
                                   forged(1, 10, 0, {0}),
                                   forged(1, 10, 0, {-4}),
                                   forged(1, 10, 5, {4}),
                                   forged(1, 10, 99, {4}),
                                   forged(2, 10, 8, {4, 4}),
                                   header(99, 256, 4, 1),
                                   header(101, -1, 4, 1),
                                   header(101, 256, 0, 1),
                                   header(101, 256, 4, 1 << 30),
                                   model(4) + tensor("ln_out.weight", {4}),
                                   model(4) + tensor("lm.weight", {4}),
                                   model(6) + tensor("blocks.0.att.time_maa_w", {4}),
                                   model(4) + tensor("blocks.9999.ln1.weight", {4}),
                                   model(6) + tensor("blocks.1.att.time_maa_w", {4})})
    EXPECT_THROW(parse(bytes), Error);
}

}  // namespace
}  // namespace ridge

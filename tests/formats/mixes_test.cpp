// The mixes against counts and layers worked out by hand from the published rules, and against digests of
// what the reference's own function chooses.
#include "formats/mixes.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "base/error.h"
#include "mix_sweep.h"

namespace ridge {
namespace {

using namespace testing;

struct Llama {
  std::vector<std::string> names;
  std::vector<MixTensor> tensors;
  MixModel model;
};

Llama llama(int layers, int64_t width, int64_t feed, int heads, int kv_heads) {
  Llama m;
  m.model = {"llama", layers, heads, kv_heads};
  std::vector<std::pair<int64_t, int64_t>> shapes;  // columns, rows
  const auto add = [&](const std::string& name, int64_t columns, int64_t rows) {
    m.names.push_back(name);
    shapes.emplace_back(columns, rows);
  };
  add("token_embd.weight", width, 32000);
  add("output.weight", width, 32000);
  add("output_norm.weight", width, 1);
  for (int i = 0; i < layers; ++i) {
    const std::string b = "blk." + std::to_string(i) + ".";
    add(b + "attn_norm.weight", width, 1);
    add(b + "ffn_norm.weight", width, 1);
    add(b + "attn_q.weight", width, width);
    add(b + "attn_k.weight", width, width * kv_heads / heads);
    add(b + "attn_v.weight", width, width * kv_heads / heads);
    add(b + "attn_output.weight", width, width);
    add(b + "ffn_gate.weight", width, feed);
    add(b + "ffn_up.weight", width, feed);
    add(b + "ffn_down.weight", feed, width);
  }
  for (size_t i = 0; i < m.names.size(); ++i)
    m.tensors.push_back({m.names[i], shapes[i].first, shapes[i].second});
  return m;
}

std::map<std::string, int> counts(const char* mix, const Llama& m) {
  std::map<std::string, int> n;
  for (const DType t : mix_types(*find_mix(mix), m.model, m.tensors)) ++n[t ? t->name : "kept"];
  return n;
}

using Counts = std::map<std::string, int>;

// The shape of Llama 2 7B: 226 matrices and 65 norms, which are kept.
TEST(Mixes, LlamaTwoSevenBillion) {
  const Llama m = llama(32, 4096, 11008, 32, 32);
  EXPECT_EQ(counts("Q4_K_M", m), (Counts{{"kept", 65}, {"q4_k", 193}, {"q6_k", 33}}));
  EXPECT_EQ(counts("Q4_K_S", m), (Counts{{"kept", 65}, {"q4_k", 217}, {"q5_k", 8}, {"q6_k", 1}}));
  EXPECT_EQ(counts("Q5_K_M", m), (Counts{{"kept", 65}, {"q5_k", 193}, {"q6_k", 33}}));
  EXPECT_EQ(counts("Q5_K_S", m), (Counts{{"kept", 65}, {"q5_k", 225}, {"q6_k", 1}}));
  EXPECT_EQ(counts("Q3_K_M", m),
            (Counts{{"kept", 65}, {"q3_k", 129}, {"q4_k", 92}, {"q5_k", 4}, {"q6_k", 1}}));
  EXPECT_EQ(counts("Q2_K", m), (Counts{{"kept", 65}, {"q2_k", 129}, {"q3_k", 96}, {"q6_k", 1}}));
  EXPECT_EQ(counts("Q6_K", m), (Counts{{"kept", 65}, {"q6_k", 226}}));
  EXPECT_EQ(counts("Q8_0", m), (Counts{{"kept", 65}, {"q8_0", 226}}));
  EXPECT_EQ(counts("Q4_0", m), (Counts{{"kept", 65}, {"q4_0", 225}, {"q6_k", 1}}));
  EXPECT_EQ(counts("F16", m), (Counts{{"kept", 65}, {"f16", 226}}));
}

TEST(Mixes, LayersWithMoreBits) {
  const Mix& mix = *find_mix("q4_k_m");
  const MixModel model{"llama", 32, 32, 8};
  const std::set<int> more{0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31};
  for (int i = 0; i < 32; ++i) {
    const std::string name = "blk." + std::to_string(i) + ".ffn_down.weight";
    EXPECT_STREQ(mix_type(mix, model, {name, 14336, 4096}).name(), more.contains(i) ? "q6_k" : "q4_k") << i;
  }
}

TEST(Mixes, RowsThatBlocksDoNotFit) {
  const MixModel model{"llama", 30, 9, 3};
  const auto type = [&](const char* mix, int64_t columns) {
    return std::string(mix_type(*find_mix(mix), model, {"blk.9.ffn_up.weight", columns, 1536}).name());
  };
  EXPECT_EQ(type("Q4_K_M", 576), "q5_0");
  EXPECT_EQ(type("Q5_K_S", 576), "q5_1");
  EXPECT_EQ(type("Q6_K", 576), "q8_0");
  EXPECT_EQ(type("Q2_K", 576), "q4_0");
  EXPECT_EQ(type("Q3_K_M", 576), "q4_0");
  EXPECT_EQ(type("IQ4_XS", 576), "iq4_nl");
  EXPECT_EQ(type("Q4_K_M", 100), "f16");
  EXPECT_EQ(type("Q8_0", 100), "f16");
  EXPECT_EQ(type("BF16", 100), "bf16");
}

TEST(Mixes, NamesAndFaults) {
  EXPECT_EQ(find_mix("q4_k"), find_mix("Q4_K_M"));
  EXPECT_EQ(find_mix("Q3_K")->file_type, 12);
  EXPECT_EQ(find_mix("Q7_K"), nullptr);
  EXPECT_EQ(find_mix(""), nullptr);
  std::set<std::string> names;
  std::set<int> file_types;
  for (const Mix& m : mixes()) {
    EXPECT_TRUE(names.insert(m.name).second && file_types.insert(m.file_type).second) << m.name;
    EXPECT_EQ(find_mix(m.name), &m);
  }
  const MixModel experts{"llama", 4, 8, 2, 8};
  const Mix& mix = *find_mix("Q4_K_M");
  EXPECT_THROW(mix_type(mix, experts, {"blk.4.ffn_down_exps.weight", 256, 256, 8}), Error);
  EXPECT_THROW(mix_type(mix, experts, {"blk.99999999999999.ffn_up_exps.weight", 256, 256, 8}), Error);
  EXPECT_THROW(mix_type(mix, experts, {"ffn_gate_exps.weight", 256, 256, 8}), Error);
  EXPECT_NO_THROW(mix_type(mix, experts, {"blk.3.ffn_down_exps.weight", 256, 256, 8}));
}

// Digests of the types that llama.cpp's llama_tensor_get_type (commit 0c1e57098) gives in the models of
// mix_sweep.h.
TEST(Mixes, EqualTheReferenceOverASweepOfModels) {
  const std::map<std::string, uint64_t> reference{
      {"F32", 0x7e643c515de11879u},       {"F16", 0xa30e073bc8780469u},    {"BF16", 0xca77ce3ce641acb9u},
      {"Q8_0", 0xab56bbd59116dc56u},      {"Q6_K", 0x65776e20444fb848u},   {"Q5_1", 0x28ce3cf8450c260du},
      {"Q5_K_M", 0x8564c2c7abf54927u},    {"Q5_K_S", 0x4d5a99d7bab537c1u}, {"Q5_0", 0x00758643d9850da3u},
      {"Q4_1", 0x0d4e9f7dce12df91u},      {"Q4_K_M", 0x041caa8674ec25f6u}, {"Q4_K_S", 0x94d0133a3d0cacc4u},
      {"Q4_0", 0x20c2f8f88510c557u},      {"IQ4_NL", 0x79cc06bb6e6d7a15u}, {"IQ4_XS", 0xaa6782da6044fe44u},
      {"MXFP4_MOE", 0x84f265d49e4d34d3u}, {"Q3_K_L", 0x47013dc0e9ae3b09u}, {"Q3_K_M", 0x50748b22f03ac016u},
      {"Q3_K_S", 0x158e7dc4b3cde91du},    {"Q2_K", 0x81a7ddf29e9ff1ffu},   {"Q2_K_S", 0xa1eb506a7fc8d8e8u},
  };
  ASSERT_EQ(reference.size(), mixes().size());
  for (const Mix& mix : mixes()) {
    uint64_t hash = digest(nullptr, 0);
    for (int i = 0; i < kSweepModels; ++i) {
      const SweepModel m = sweep_model(i);
      std::vector<MixTensor> tensors;
      for (const SweepTensor& t : m.tensors) tensors.push_back({t.name, t.columns, t.rows, t.experts});
      for (const DType t :
           mix_types(mix, {m.architecture, m.layers, m.heads, m.kv_heads, m.experts, false, m.importance},
                     tensors)) {
        const auto code = static_cast<int8_t>(t ? t->gguf_type : -1);
        hash = digest(&code, 1, hash);
      }
    }
    EXPECT_EQ(hash, reference.at(mix.name)) << mix.name;
  }
}

}  // namespace
}  // namespace ridge

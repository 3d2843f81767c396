// Models of many shapes for the mixes: their tensors by GGUF name, in no particular order.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "odd_rows.h"

namespace ridge::testing {

struct SweepTensor {
  std::string name;
  int64_t columns, rows, experts;
};

struct SweepModel {
  const char* architecture;
  int layers, heads, kv_heads, experts;
  bool importance;
  std::vector<SweepTensor> tensors;
};

inline constexpr int kSweepModels = 200;

inline SweepModel sweep_model(int index) {
  Lcg rng{static_cast<uint64_t>(index) * 2654435761u + 3};
  for (int i = 0; i < 8; ++i) rng.bits();
  const auto pick = [&](const auto& values) { return values[rng.bits() % std::size(values)]; };
  constexpr const char* kArchitectures[] = {"llama", "llama", "qwen2", "qwen3moe", "falcon", "gemma3",
                                            "gpt2",  "bert",  "olmo",  "mamba",    "jais2",  "bailingmoe3"};
  constexpr int kLayers[] = {1, 2, 7, 8, 16, 22, 32, 36, 61, 68, 80, 80}, kHeads[] = {8, 12, 32, 64};
  constexpr int kKvHeads[] = {0, 1, 4, 8, 64}, kExperts[] = {0, 0, 0, 4, 8, 64};
  constexpr int64_t kWidths[] = {4096, 576, 320, 64, 33}, kFeeds[] = {5632, 14336, 1000, 27};
  SweepModel m{pick(kArchitectures),
               pick(kLayers),
               pick(kHeads),
               pick(kKvHeads),
               pick(kExperts),
               rng.bits() % 2 == 0,
               {}};
  const int64_t width = pick(kWidths), feed = pick(kFeeds), e = m.experts;
  const bool fused = rng.bits() % 4 == 0, latent = rng.bits() % 5 == 0, hybrid = rng.bits() % 4 == 0;
  const auto add = [&](const std::string& name, int64_t columns, int64_t rows, int64_t experts = 1) {
    m.tensors.push_back({name, columns, rows, experts});
  };
  add("token_embd.weight", width, 1000);
  add("position_embd.weight", width, 100);
  add("token_types.weight", width, 2);
  if (rng.bits() % 2) add("output.weight", width, 1000);
  for (int layer = 0; layer < m.layers; ++layer) {
    const std::string b = "blk." + std::to_string(layer) + ".";
    add(b + "attn_norm.weight", width, 1);
    if (hybrid && rng.bits() % 3 == 0) {
      for (const char* n : {"ssm_conv1d.weight", "ssm_in.weight", "time_mix_w1.weight"})
        add(b + n, width, 77);
    } else {
      if (fused) add(b + "attn_qkv.weight", width, 3 * width);
      if (!fused) add(b + "attn_q.weight", width, width);
      if (!fused) add(b + "attn_k.weight", width, width);
      if (!fused) add(b + (latent ? "attn_kv_b.weight" : "attn_v.weight"), width, 512);
      add(b + "attn_output.weight", width, width);
    }
    if (e > 1 && layer > 0) {
      add(b + "ffn_gate_inp.weight", width, e);
      add(b + "ffn_up_exps.weight", width, feed, e);
      add(b + "ffn_down_exps.weight", feed, width, e);
      add(b + "ffn_down_shexp.weight", feed, width);
      add(b + "attn_k_b.weight", 128, 512, 16);
    } else {
      add(b + "ffn_gate.weight", width, feed);
      add(b + "ffn_down.weight", feed, width);
      add(b + "ffn_down.bias", width, 1);
    }
  }
  for (size_t i = m.tensors.size() - 1; i > 0; --i) std::swap(m.tensors[i], m.tensors[rng.bits() % (i + 1)]);
  return m;
}

}  // namespace ridge::testing

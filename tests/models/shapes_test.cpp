// The known shapes against the parameter counts that are published for the models.
#include <gtest/gtest.h>

#include <map>

#include "base/json.h"
#include "formats/bf16/bf16.h"
#include "models/load.h"

namespace ridge {
namespace {

// Counted in the published safetensors files (tied heads once; of Longformer without the two rows of
// positions that no token reads, of DINOv2 without the mask token of its training, of LLaVA without the norm
// behind its tower's last layer, which it does not use).
const std::map<std::string, int64_t> kPublished = {
    {"llama-1.1b", 1100048384},       {"llama-2-7b", 6738415616},    {"llama-2-13b", 13015864320},
    {"llama-2-70b", 68976648192},     {"llama-3-8b", 8030261248},    {"llama-3-70b", 70553706496},
    {"llama-3.1-405b", 405853388800}, {"llama-3.2-1b", 1235814400},  {"llama-3.2-3b", 3212749824},
    {"mistral-7b", 7241732096},       {"mixtral-8x7b", 46702792704}, {"qwen2.5-0.5b", 494032768},
    {"qwen2.5-7b", 7615616512},       {"qwen3-0.6b", 596049920},     {"qwen3-8b", 8190735360},
    {"qwen3-30b-a3b", 30532122624},   {"gemma-2b", 2506172416},      {"gemma-2-2b", 2614341888},
    {"gemma-2-9b", 9241705984},       {"gemma-3-1b", 999885952},     {"phi-3-mini", 3821079552},
    {"smollm3-3b", 3075098624},       {"olmo2-7b", 7298617344},      {"granite-3.1-2b", 2533531648},
    {"deepseek-v3", 671026419200},    {"gpt2", 124439808},           {"gpt2-medium", 354823168},
    {"gpt2-large", 774030080},        {"gpt2-xl", 1557611200},       {"pythia-160m", 162322944},
    {"pythia-1b", 1011781632},        {"opt-125m", 125239296},       {"opt-1.3b", 1315758080},
    {"bloom-560m", 559214592},        {"bloom-7b1", 7069016064},     {"bert-base", 109482240},
    {"longformer-base", 148657920},   {"vit-base-16", 86567656},     {"clip-vit-base-32", 151277313},
    {"dinov2-base", 86579712},        {"llava-1.5-7b", 7063425024},  {"mamba-130m", 129135360}};

}  // namespace

TEST(KnownShapes, HaveThePublishedParameters) {
  for (const KnownShape& s : shape_table()) {
    const Json config = parse_json(s.config, s.name);
    ConfigKeys keys = ConfigKeys::reading_json(config, s.name);
    const auto model = shape_model(keys, one_format(bf16));
    const auto published = kPublished.find(s.name);
    if (published != kPublished.end())
      EXPECT_EQ(count_weights(*model).parameters, published->second) << s.name;
    else
      std::printf("%s: %lld parameters, no published count to compare with\n", s.name,
                  static_cast<long long>(count_weights(*model).parameters));
  }
}

}  // namespace ridge

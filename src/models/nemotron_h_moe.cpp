// What GGUF calls a Nemotron-H with mixtures of experts (Nemotron 3).
#include "models/nemotron_h.h"

namespace ridge {
namespace tables {
extern const ModelInfo model_nemotron_h_moe;
const ModelInfo model_nemotron_h_moe{
    "nemotron_h_moe", "nemotron_h", "NemotronHForCausalLM",
    "nemotron_h_moe", nullptr,      []() -> std::unique_ptr<Model> { return std::make_unique<NemotronH>(); },
    "NVIDIA 2025"};
}  // namespace tables
}  // namespace ridge

// Mamba (Gu and Dao 2023).
#include "files/gguf_metadata.h"
#include "models/mamba_model.h"

namespace ridge {
namespace {

class Mamba final : public MambaModel {
  void more_config(ConfigKeys& keys) override {
    bool norms = false;
    if (keys.is_gguf()) keys.flag(norms, nullptr, "ssm.dt_b_c_rms", false);
  }
};

}  // namespace
namespace tables {
extern const ModelInfo model_mamba;
const ModelInfo model_mamba{"mamba",
                            "mamba",
                            "MambaForCausalLM",
                            "mamba",
                            [](const GgufMetadata& m) { return !m.flag_or("mamba.ssm.dt_b_c_rms", false); },
                            []() -> std::unique_ptr<Model> { return std::make_unique<Mamba>(); },
                            "Gu and Dao 2023"};
}  // namespace tables
}  // namespace ridge

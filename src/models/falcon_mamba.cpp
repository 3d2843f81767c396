// Falcon Mamba (Zuo et al. 2024): Mamba with norms, which have no weights, on the inputs of the scan.
#include "files/gguf_metadata.h"
#include "models/mamba_model.h"

namespace ridge {
namespace {

class FalconMamba final : public MambaModel {
  void more_config(ConfigKeys& keys) override {
    bool norms = true;
    if (keys.is_gguf()) keys.flag(norms, nullptr, "ssm.dt_b_c_rms", true);
    keys.real(mixer.dt_norm.eps, "mixer_rms_eps", "/ridge.mixer_rms_eps", 1e-6);
    mixer.b_norm.eps = mixer.c_norm.eps = mixer.dt_norm.eps;
    mixer.norms = true;
  }
};

}  // namespace
namespace tables {
extern const ModelInfo model_falcon_mamba;
const ModelInfo model_falcon_mamba{
    "falcon_mamba",
    "falcon_mamba",
    "FalconMambaForCausalLM",
    "mamba",
    [](const GgufMetadata& m) { return m.flag_or("mamba.ssm.dt_b_c_rms", false); },
    []() -> std::unique_ptr<Model> { return std::make_unique<FalconMamba>(); },
    "Zuo et al. 2024"};
}  // namespace tables
}  // namespace ridge

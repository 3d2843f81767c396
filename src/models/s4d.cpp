// S4D (Gu et al. 2022b): diagonal state spaces, by zero-order hold.
#include "models/registry.h"
#include "models/s4_model.h"

namespace ridge {
namespace {

class S4D final : public S4Model {
  void visit_block(WeightVisitor& v, Layer& l, const std::string& hf) override {
    v.vector(l.log_a_real, "", hf + "kernel.log_A_real", {dim, states / 2});
    v.vector(l.a_imag, "", hf + "kernel.A_imag", {dim, states / 2});
    v.vector(l.c, "", hf + "kernel.C", {dim, states / 2, 2});
    v.vector(l.log_dt, "", hf + "kernel.log_dt", {dim});
    v.vector(l.d, "", hf + "D", {dim});
    // A convolution of width 1.
    v.matrix(l.output.weight, "", hf + "output_linear.0.weight", {2 * dim, dim},
             {.hf_shape = {2 * dim, dim, 1}});
    v.vector(l.output.bias, "", hf + "output_linear.0.bias", {2 * dim});
  }
};

}  // namespace
namespace tables {
extern const ModelInfo model_s4d;
const ModelInfo model_s4d{"s4d",
                          "s4d",
                          "S4Model",
                          nullptr,
                          nullptr,
                          []() -> std::unique_ptr<Model> { return std::make_unique<S4D>(); },
                          "Gu et al. 2022b"};
}  // namespace tables
}  // namespace ridge

// S4 (Gu et al. 2022): structured state spaces, diagonal plus low rank, by the bilinear rule.
#include "models/registry.h"
#include "models/s4_model.h"

namespace ridge {
namespace {

class S4 final : public S4Model {
  // Its eigenvalues are -e^A_real - i A_imag.
  bool conjugate_eigenvalues() const override { return true; }

  void visit_block(WeightVisitor& v, Layer& l, const std::string& hf) override {
    const std::string kernel = hf + "layer.kernel.";
    const Shape pairs{1, dim, states / 2, 2};
    v.vector(l.log_a_real, "", kernel + "A_real", {dim, states / 2});
    v.vector(l.a_imag, "", kernel + "A_imag", {dim, states / 2});
    v.vector(l.b, "", kernel + "B", pairs);
    v.vector(l.c, "", kernel + "C", pairs);
    v.vector(l.p, "", kernel + "P", pairs);
    v.vector(l.log_dt, "", kernel + "inv_dt", {dim, 1});
    v.vector(l.c_length, "", kernel + "l_kernel", {1}, {.optional = true});
    v.vector(l.d, "", hf + "layer.D", {1, dim});
    v.matrix(l.output.weight, "", hf + "output_linear.0.weight", {2 * dim, dim});
    v.vector(l.output.bias, "", hf + "output_linear.0.bias", {2 * dim});
  }
};

}  // namespace
namespace tables {
extern const ModelInfo model_s4;
const ModelInfo model_s4{"s4",
                         "s4",
                         "S4Model",
                         nullptr,
                         nullptr,
                         []() -> std::unique_ptr<Model> { return std::make_unique<S4>(); },
                         "Gu et al. 2022"};
}  // namespace tables
}  // namespace ridge

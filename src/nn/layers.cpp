#include "nn/layers.h"

namespace ridge {

void GatedMlp::visit(WeightVisitor& v, int64_t layer, const std::string& hf, int64_t dim, int64_t hidden) {
  v.matrix(gate.weight, blk(layer, "ffn_gate.weight"), hf + "gate_proj.weight", {hidden, dim});
  v.matrix(up.weight, blk(layer, "ffn_up.weight"), hf + "up_proj.weight", {hidden, dim});
  v.matrix(down.weight, blk(layer, "ffn_down.weight"), hf + "down_proj.weight", {dim, hidden});
}

}  // namespace ridge

#include "nn/layers.h"

namespace ridge {

void Linear::visit(WeightVisitor& v, const std::string& gguf, const std::string& hf, const Shape& shape,
                   bool with_bias, const WeightSpec& more) {
  v.matrix(weight, gguf + ".weight", hf + ".weight", shape, more);
  if (with_bias) v.vector(bias, gguf + ".bias", hf + ".bias", {shape[0]}, more);
}

void LayerNorm::visit(WeightVisitor& v, const std::string& gguf, const std::string& hf, int64_t n) {
  v.vector(weight, gguf + ".weight", hf + ".weight", {n});
  v.vector(bias, gguf + ".bias", hf + ".bias", {n});
}

void GatedMlp::visit(WeightVisitor& v, int64_t layer, const std::string& hf, int64_t dim, int64_t hidden,
                     bool bias, const std::string& suffix) {
  gate.visit(v, blk(layer, "ffn_gate" + suffix), hf + "gate_proj", {hidden, dim}, bias);
  up.visit(v, blk(layer, "ffn_up" + suffix), hf + "up_proj", {hidden, dim}, bias);
  down.visit(v, blk(layer, "ffn_down" + suffix), hf + "down_proj", {dim, hidden}, bias);
}

}  // namespace ridge

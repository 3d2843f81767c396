// Layers that hold weights.
#pragma once
#include "nn/weights.h"
#include "ops/activation/activation.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/linear/linear.h"
#include "ops/rms_norm/rms_norm.h"

namespace ridge {

struct Linear {
  Tensor weight, bias;  // [out, in]; f32 [out] or empty
  Tensor operator()(Context& cx, const Tensor& x) const { return linear(cx, x, weight, bias); }
  // Visits NAME.weight and, where asked, NAME.bias; `more` holds what both have in common.
  void visit(WeightVisitor& v, const std::string& gguf, const std::string& hf, const Shape& shape,
             bool with_bias = false, const WeightSpec& more = {});
};

struct RmsNorm {
  Tensor weight;  // f32 [n]
  float eps = 1e-6f;
  Tensor operator()(Context& cx, const Tensor& x) const { return rms_norm(cx, x, weight, eps); }
};

struct LayerNorm {
  Tensor weight, bias;  // f32 [n]
  float eps = 1e-5f;
  Tensor operator()(Context& cx, const Tensor& x) const { return layer_norm(cx, x, weight, bias, eps); }
  // Visits NAME.weight and NAME.bias.
  void visit(WeightVisitor& v, const std::string& gguf, const std::string& hf, int64_t n);
};

// down(act(gate x) * up x): SwiGLU and its kin (Shazeer 2020).
struct GatedMlp {
  Linear gate, up, down;
  Tensor operator()(Context& cx, const Tensor& x, Activation act) const {
    return down(cx, gated(cx, gate(cx, x), up(cx, x), act));
  }
  // Visits the three under the names most checkpoints use: ffn_gate, gate_proj ...; `gguf_suffix`: "_shexp".
  void visit(WeightVisitor& v, int64_t layer, const std::string& hf_prefix, int64_t dim, int64_t hidden,
             bool bias = false, const std::string& gguf_suffix = "");
};

// down(act(up x))
struct Mlp {
  Linear up, down;
  Tensor operator()(Context& cx, const Tensor& x, Activation act) const {
    return down(cx, activation(cx, up(cx, x), act));
  }
};

}  // namespace ridge

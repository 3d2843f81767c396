// What S4 and S4D share: an encoder, blocks of state space models with a gated linear layer, residuals and
// norms, the mean over time, a decoder (the arrangement of state-spaces/s4's example.py).
#pragma once
#include <cmath>

#include "base/error.h"
#include "nn/config_keys.h"
#include "nn/layers.h"
#include "nn/model.h"
#include "ops/activation/activation.h"
#include "ops/add/add.h"
#include "ops/average_pool/average_pool.h"
#include "ops/dplr_kernel/dplr_kernel.h"
#include "ops/dplr_scan/dplr_scan.h"
#include "ops/fft_conv/fft_conv.h"
#include "ops/view/view.h"

namespace ridge {

// encode() takes features [sequences, length, d_input] and gives, each where wanted:
//   logits [sequences, d_output], last_hidden [sequences, length, d_model],
//   kernel.I [d_model, length]: the convolution kernel of block I,
//   block.I.convolution, block.I.recurrent [sequences, length, d_model]: block I on its input, before the
//   residual, by FFT and step by step.
class S4Model : public Model {
 public:
  ModelKind kind() const override { return ModelKind::encoder; }
  ModelSize size() const override { return {0, dim, layers_count, int64_t{1} << 20}; }

  Inputs sample_input(Device& device, int64_t length, int count) const override {
    Inputs in;
    in.features = device.make(f32, {count, length, d_input});
    if (in.features.has_data()) std::fill_n(in.features.ptr<float>(), in.features.count(), 0.1f);
    return in;
  }

  Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>& wanted) override {
    const Tensor& u = inputs.features;
    if (!u || u.rank() != 3 || u.dim(2) != d_input || u.dim(1) < 1)
      fail(Fault::usage, "encode: expected features [sequences, length, {}]{}", d_input,
           u ? ", not " + u.text() : std::string());
    const auto wants = [&](const std::string& name) { return wanted.empty() || wanted.contains(name); };
    const int64_t n = u.dim(0), length = u.dim(1), rows = n * length;
    Outputs out;
    Tensor x = encoder(cx, contiguous(cx, u).reshape({rows, d_input}));
    for (int64_t i = 0; i < layers_count; ++i) {
      const Context::Scope scope(cx, "layers", static_cast<int>(i));
      Layer& l = layers[static_cast<size_t>(i)];
      const std::string number = std::to_string(i);
      const Tensor in = (prenorm ? l.norm(cx, x) : x).reshape({n, length, dim});
      const Tensor kernel = dplr_kernel(cx, l.system, length), skip = l.d.reshape({dim});
      const Tensor y = mix(cx, l, fft_conv(cx, in, kernel, skip));
      if (wants("kernel." + number)) out["kernel." + number] = kernel;
      if (wants("block." + number + ".convolution"))
        out["block." + number + ".convolution"] = y.reshape({n, length, dim});
      if (wants("block." + number + ".recurrent"))
        out["block." + number + ".recurrent"] =
            mix(cx, l, dplr_scan(cx, in, l.system, skip)).reshape({n, length, dim});
      x = add(cx, y, x);
      if (!prenorm) x = l.norm(cx, x);
    }
    if (wants("last_hidden")) out["last_hidden"] = x.reshape({n, length, dim});
    if (wants("logits")) {
      const Tensor mean = average_pool(cx, x.reshape({n, length, 1, dim}), 1, 1);
      out["logits"] = decoder(cx, mean.reshape({n, dim}));
    }
    return out;
  }

 protected:
  struct Layer {
    LayerNorm norm;
    Tensor log_a_real, a_imag, b, c, p, log_dt, c_length, d;
    Linear output;  // [2 dim, dim]: values, then gates
    DplrSystem system;
  };

  // Names and shapes of one layer's weights below "s4_layers.I.".
  virtual void visit_block(WeightVisitor& v, Layer& layer, const std::string& hf) = 0;

  void config(ConfigKeys& keys) override {
    keys.integer(d_input, "d_input", nullptr);
    keys.integer(d_output, "d_output", nullptr, 10);
    keys.integer(dim, "d_model", nullptr, 256);
    keys.integer(states, "d_state", nullptr, 64, 65536);
    keys.integer(layers_count, "n_layers", nullptr, 4, 4096);
    keys.flag(prenorm, "prenorm", nullptr, false);
    keys.real(eps, "layer_norm_eps", nullptr, 1e-5);
    if (d_input < 1 || d_output < 1 || dim < 1 || states < 2 || states % 2 != 0)
      fail(Fault::file, "{}: {} inputs, {} outputs, width {} and {} states (in pairs) do not make a model",
           keys.what(), d_input, d_output, dim, states);
    if (!keys.is_reading()) return;
    layers.assign(static_cast<size_t>(layers_count), {});
    for (Layer& l : layers) l.norm.eps = eps;
  }

  void visit(WeightVisitor& v) override {
    encoder.visit(v, "encoder", "encoder", {dim, d_input}, true);
    decoder.visit(v, "decoder", "decoder", {d_output, dim}, true);
    for (int64_t i = 0; i < layers_count; ++i) {
      Layer& l = layers[static_cast<size_t>(i)];
      l.norm.visit(v, blk(i, "norm"), "norms." + std::to_string(i), dim);
      visit_block(v, l, "s4_layers." + std::to_string(i) + ".");
    }
  }

  // Whether files hold the imaginary parts of the eigenvalues with the other sign.
  virtual bool conjugate_eigenvalues() const { return false; }

  void ready(Device& device) override {
    for (Layer& l : layers) {
      Tensor a_imag = l.a_imag;
      if (conjugate_eigenvalues()) {
        a_imag = device.make(f32, l.a_imag.shape());
        for (int64_t i = 0; a_imag.has_data() && i < a_imag.count(); ++i)
          a_imag.ptr<float>()[i] = -l.a_imag.ptr<float>()[i];
      }
      const bool known = l.c_length && l.c_length.has_data();
      const float length = known ? *l.c_length.ptr<float>() : 0;
      l.system = {l.log_a_real,
                  a_imag,
                  l.b,
                  l.c,
                  l.p,
                  l.log_dt,
                  length >= 1 && length < 1e9f ? static_cast<int64_t>(length) : 0};
    }
  }

  // GELU, then a linear layer whose second half gates the first.
  Tensor mix(Context& cx, const Layer& l, const Tensor& y) const {
    const Tensor both = l.output(cx, activation(cx, y.reshape({y.dim(0) * y.dim(1), dim}), Activation::gelu));
    return gated(cx, slice(cx, both, 1, dim, 2 * dim), slice(cx, both, 1, 0, dim), Activation::sigmoid);
  }

  int64_t d_input = 0, d_output = 0, dim = 0, states = 0, layers_count = 0;
  bool prenorm = false;
  float eps = 1e-5f;
  Linear encoder, decoder;
  std::vector<Layer> layers;
};

}  // namespace ridge

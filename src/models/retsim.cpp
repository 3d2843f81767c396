// RETSim (Zhang et al. 2023): embeddings of texts that stay near when they are misspelt. It reads characters:
// the bits of their code points, 512 at a time, through gated attention units (Hua et al. 2022) and a
// generalized mean. Its checkpoints have no config.json.
#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/layers.h"
#include "ops/activation/activation.h"
#include "ops/add/add.h"
#include "ops/generalized_mean/generalized_mean.h"
#include "ops/l2_norm/l2_norm.h"
#include "ops/linear/linear.h"
#include "ops/multiply/multiply.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/scatter_rows/scatter_rows.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

constexpr int64_t kBits = 24, kPositions = 512, kWidth = 256, kBase = 128, kLayers = 2;

class Retsim final : public Model {
  // A gated attention unit: x + out(u * (relu(scores)^2 v)).
  struct Unit {
    Tensor norm_scale;   // f32, a scalar
    Tensor gamma, beta;  // f32 [2 * base]: of queries, then of keys
    Tensor a, b;         // f32 [positions]: what the scores get by distance, rotated against each other
    Linear in, out;
    // Made by ready().
    Tensor norm;                                          // f32 [width]
    Tensor query_gamma, query_beta, key_gamma, key_beta;  // f32 [base]
    Tensor by_distance;                                   // f32 [positions, positions]
  };

  ModelKind kind() const override { return ModelKind::encoder; }
  bool reads_characters() const override { return true; }
  ModelSize size() const override { return {int64_t{1} << kBits, kWidth, kLayers, kPositions}; }
  void config(ConfigKeys&) override {}

  void visit(WeightVisitor& v) override {
    v.vector(position_scale, "", "positional_embedding.scale", Shape{});
    start.visit(v, "", "encoder_start", {kWidth, kBits}, true);
    for (int64_t i = 0; i < kLayers; ++i) {
      Unit& u = units[i];
      const std::string hf = "gau_layers." + std::to_string(i) + ".";
      v.vector(u.norm_scale, "", hf + "norm.scale", Shape{});
      u.in.visit(v, "", hf + "proj1", {2 * kWidth + kBase, kWidth}, true);
      v.vector(u.gamma, "", hf + "gamma", {2, kBase});
      v.vector(u.beta, "", hf + "beta", {2, kBase});
      v.vector(u.a, "", hf + "positional_encoding.a", {kPositions});
      v.vector(u.b, "", hf + "positional_encoding.b", {kPositions});
      u.out.visit(v, "", hf + "proj2", {kWidth, kWidth}, true);
    }
    embedding_head.visit(v, "", "metric_embedding.linear", {kWidth, kWidth}, true);
  }

  void ready(Device& device) override {
    positions = device.make(f32, {kPositions, kBits});
    for (Unit& u : units) {
      u.norm = device.make(f32, {kWidth});
      u.by_distance = device.make(f32, {kPositions, kPositions});
      u.query_gamma = part(u.gamma, 0), u.key_gamma = part(u.gamma, 1);
      u.query_beta = part(u.beta, 0), u.key_beta = part(u.beta, 1);
    }
    if (!device.computes()) return;
    fill_positions();
    for (const Unit& u : units) {
      fill(u.norm, u.norm_scale.ptr<float>()[0]);
      fill_distances(u);
    }
  }

  static Tensor part(const Tensor& t, int64_t i) { return t.slice(0, i, i + 1).reshape({kBase}); }
  static void fill(const Tensor& t, float value) {
    for (int64_t i = 0; i < t.count(); ++i) t.ptr<float>()[i] = value;
  }

  // Sines, then cosines, of timescales from 1 to 10000.
  void fill_positions() const {
    constexpr int64_t half = kBits / 2;
    for (int64_t p = 0; p < kPositions; ++p)
      for (int64_t i = 0; i < half; ++i) {
        const double rate = std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half - 1));
        const double angle = static_cast<double>(p) * rate, scale = position_scale.ptr<float>()[0];
        positions.ptr<float>()[p * kBits + i] = static_cast<float>(scale * std::sin(angle));
        positions.ptr<float>()[p * kBits + half + i] = static_cast<float>(scale * std::cos(angle));
      }
  }

  // Row i of a, rotated by position i, times row j of b, rotated by j: it depends on i - j alone.
  static void fill_distances(const Unit& u) {
    constexpr int64_t half = kPositions / 2;
    const float *a = u.a.ptr<float>(), *b = u.b.ptr<float>();
    std::vector<double> of(2 * kPositions - 1);
    for (int64_t distance = 1 - kPositions; distance < kPositions; ++distance) {
      double sum = 0;
      for (int64_t c = 0; c < half; ++c) {
        const double angle = static_cast<double>(distance) *
                             std::pow(10000.0, -static_cast<double>(c) / static_cast<double>(half));
        const double along =
            static_cast<double>(a[c]) * b[c] + static_cast<double>(a[c + half]) * b[c + half];
        const double across =
            static_cast<double>(a[c]) * b[c + half] - static_cast<double>(a[c + half]) * b[c];
        sum += along * std::cos(angle) + across * std::sin(angle);
      }
      of[static_cast<size_t>(distance + kPositions - 1)] = sum;
    }
    for (int64_t i = 0; i < kPositions; ++i)
      for (int64_t j = 0; j < kPositions; ++j)
        u.by_distance.ptr<float>()[i * kPositions + j] =
            static_cast<float>(of[static_cast<size_t>(i - j + kPositions - 1)]);
  }

  // The bits of each character, most significant first; rows of zeros behind the text.
  static Tensor bits_of(Context& cx, const Batch& text) {
    const auto texts = static_cast<int64_t>(text.spans.size());
    std::vector<float> bits(static_cast<size_t>(texts * kPositions * kBits), 0.0f);
    float* row = bits.data();
    for (const auto& s : text.spans) {
      if (s.length > kPositions)
        fail(Fault::usage, "a text of {} characters: this model reads {} at a time", s.length, kPositions);
      for (int64_t i = 0; i < s.length; ++i)
        for (int64_t b = 0; b < kBits; ++b)
          row[i * kBits + b] = static_cast<float>(
              static_cast<uint32_t>(text.tokens[static_cast<size_t>(s.begin + i)]) >> (kBits - 1 - b) & 1u);
      row += kPositions * kBits;
    }
    return cx.from_host(bits.data(), Shape{texts * kPositions, kBits});
  }

  // One unit on the positions of one text, x [positions, width].
  static Tensor unit(Context& cx, const Unit& u, const Tensor& x) {
    const Tensor all = activation(cx, u.in(cx, rms_norm(cx, x, u.norm, 1e-6f)), Activation::silu);
    const Tensor gate = slice(cx, all, 1, 0, kWidth), v = slice(cx, all, 1, kWidth, 2 * kWidth),
                 base = contiguous(cx, slice(cx, all, 1, 2 * kWidth, 2 * kWidth + kBase));
    const Tensor q = add(cx, multiply(cx, base, u.query_gamma), u.query_beta);
    const Tensor k = add(cx, multiply(cx, base, u.key_gamma), u.key_beta);
    const Tensor scores = add(cx, u.by_distance, linear(cx, q, k), 1.0f / kPositions);
    const Tensor weights = activation(cx, scores, Activation::relu2);
    const Tensor mixed = matmul(cx, weights, contiguous(cx, v));
    return add(cx, x, u.out(cx, multiply(cx, contiguous(cx, gate), mixed)));
  }

  // "pooler_output" [texts, 256]: embeddings of length 1.
  Outputs encode(Context& cx, const Inputs& inputs, const std::set<std::string>& wanted) override {
    for (const std::string& name : wanted)
      if (name != "pooler_output")
        fail(Fault::usage, "retsim has no output {} (it has pooler_output)", printable(name));
    if (inputs.text.spans.empty()) fail(Fault::usage, "encode: no text");
    const auto texts = static_cast<int64_t>(inputs.text.spans.size());
    const Tensor bits = bits_of(cx, inputs.text);
    const Tensor last = cx.make(f32, {texts * kPositions, 1, kWidth});
    std::vector<int32_t> rows(kPositions);
    for (int64_t t = 0; t < texts; ++t) {
      const int64_t begin = t * kPositions;
      Tensor x = add(cx, bits.slice(0, begin, begin + kPositions), positions);
      x = activation(cx, start(cx, x), Activation::silu);
      for (const Unit& u : units) x = unit(cx, u, x);
      for (int64_t i = 0; i < kPositions; ++i) rows[static_cast<size_t>(i)] = static_cast<int32_t>(begin + i);
      scatter_rows(cx, x.reshape({kPositions, 1, kWidth}), last, cx.from_host(rows.data(), kPositions));
    }
    const Tensor mean = generalized_mean(cx, last.reshape({texts, kPositions, kWidth}), 3);
    return {{"pooler_output", l2_norm(cx, embedding_head(cx, mean))}};
  }

  Tensor position_scale;  // f32, a scalar
  Linear start, embedding_head;
  Unit units[kLayers];
  Tensor positions;  // f32 [positions, bits]
};

}  // namespace
namespace tables {
extern const ModelInfo model_retsim;
const ModelInfo model_retsim{"retsim",
                             "retsim",
                             "RETSim",
                             nullptr,
                             nullptr,
                             []() -> std::unique_ptr<Model> { return std::make_unique<Retsim>(); },
                             "Zhang et al. 2023",
                             "gau_layers.0.positional_encoding.a"};
}  // namespace tables
}  // namespace ridge

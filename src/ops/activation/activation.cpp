#include "ops/activation/activation.h"

#include "ops/common.h"

namespace ridge {
namespace tables {
extern const Op op_activation;
extern const Op op_gated;
extern const Op op_activation_grad;
extern const Op op_gated_grad;
const Op op_activation{"activation", "y = act(x)"};
const Op op_gated{"gated", "y = act(gate) * up"};
const Op op_activation_grad{"activation_grad", "dx of activation"};
const Op op_gated_grad{"gated_grad", "dgate, dup of gated"};
}  // namespace tables

namespace {

struct Named {
  const char* name;
  Activation activation;
};
// Our own names first.
constexpr Named kNames[] = {
    {"silu", Activation::silu},
    {"gelu", Activation::gelu},
    {"gelu_tanh", Activation::gelu_tanh},
    {"quick_gelu", Activation::quick_gelu},
    {"relu", Activation::relu},
    {"relu2", Activation::relu2},
    {"sigmoid", Activation::sigmoid},
    {"tanh", Activation::tanh},
    {"hard_sigmoid", Activation::hard_sigmoid},
    {"hard_swish", Activation::hard_swish},
    {"swish", Activation::silu},
    {"gelu_python", Activation::gelu},
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_python_tanh", Activation::gelu_tanh},
    {"gelu_accurate", Activation::gelu_tanh},
    {"relu_squared", Activation::relu2},
    {"hardsigmoid", Activation::hard_sigmoid},
    {"hardswish", Activation::hard_swish},
};

// Operations an element: each arithmetic one, comparison and transcendental function counts one.
int64_t operations(Activation a) {
  switch (a) {
    case Activation::silu:  // negate, exp, add, divide
    case Activation::sigmoid:
      return 4;
    case Activation::gelu:  // x/sqrt(2), erf, add, two products
    case Activation::quick_gelu:
      return 5;
    case Activation::gelu_tanh:  // x*x*x*c + x, scale, tanh, add, two products
      return 9;
    case Activation::relu:
    case Activation::tanh:
      return 1;
    case Activation::relu2:
      return 2;
    case Activation::hard_sigmoid:
      return 4;
    case Activation::hard_swish:
      return 5;
  }
  return 0;
}

}  // namespace

Activation parse_activation(const std::string& name) {
  std::string known;
  for (const Named& n : kNames) {
    if (name == n.name) return n.activation;
    known += std::string(known.empty() ? "" : ", ") + n.name;
  }
  fail(Fault::usage, "activation function {} is not known (known: {})", printable(name), known);
}

const char* activation_name(Activation activation) {
  for (const Named& n : kNames)
    if (n.activation == activation) return n.name;
  return "none";
}

Tensor activation(Context& cx, const Tensor& x, Activation kind) {
  expect_dtype("activation", "x", x, f32);
  const Tensor y = cx.make(f32, x.shape());
  ActivationArgs args{rows_view("activation", "x", x), rows_view("activation", "y", y), kind};
  const int64_t n = x.count();
  cx.launch(tables::op_activation, &args, {operations(kind) * n, 4 * n, 4 * n}, {&y, &x});
  return cx.taped(tables::op_activation, {&x}, y, [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
    const Tensor dx = c.make(f32, x.shape());
    ActivationGradArgs g{rows_view("activation_grad", "x", x), rows_view("activation_grad", "dy", dy),
                         rows_view("activation_grad", "dx", dx), kind};
    c.launch(tables::op_activation_grad, &g, {2 * operations(kind) * n, 8 * n, 4 * n}, {&dx, &x, &dy});
    return {dx};
  });
}

Tensor gated(Context& cx, const Tensor& gate, const Tensor& up, Activation kind) {
  expect_dtype("gated", "gate", gate, f32);
  expect_dtype("gated", "up", up, f32);
  expect_shape("gated", "up", up, gate.shape());
  const Tensor y = cx.make(f32, gate.shape());
  GatedArgs args{rows_view("gated", "gate", gate), rows_view("gated", "up", up), rows_view("gated", "y", y),
                 kind};
  const int64_t n = gate.count();
  cx.launch(tables::op_gated, &args, {(operations(kind) + 1) * n, 8 * n, 4 * n}, {&y, &gate, &up});
  return cx.taped(
      tables::op_gated, {&gate, &up}, y, [=](Context& c, const Tensor& dy) -> std::vector<Tensor> {
        const Tensor dgate = c.make(f32, gate.shape()), dup = c.make(f32, gate.shape());
        GatedGradArgs g{rows_view("gated_grad", "gate", gate), rows_view("gated_grad", "up", up),
                        rows_view("gated_grad", "dy", dy),     rows_view("gated_grad", "dgate", dgate),
                        rows_view("gated_grad", "dup", dup),   kind};
        c.launch(tables::op_gated_grad, &g, {(3 * operations(kind) + 3) * n, 12 * n, 8 * n},
                 {&dgate, &gate, &up, &dy});
        return {dgate, dup};
      });
}

}  // namespace ridge

// Prices against numbers worked out by hand from the formulas: with sizes that are different primes where
// possible, so that no two factors can be mistaken for each other.
#include <gtest/gtest.h>

#include "formats/bf16/bf16.h"
#include "formats/f16/f16.h"
#include "formats/q4_0/q4_0.h"
#include "ops/activation/activation.h"
#include "ops/add/add.h"
#include "ops/attention/attention.h"
#include "ops/concat/concat.h"
#include "ops/copy/copy.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/decode/decode.h"
#include "ops/embedding/embedding.h"
#include "ops/expert_linear/expert_linear.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/linear/linear.h"
#include "ops/mix_experts/mix_experts.h"
#include "ops/multiply/multiply.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"
#include "ops/route/route.h"
#include "ops/scale/scale.h"
#include "ops/scatter_rows/scatter_rows.h"
#include "ops/softcap/softcap.h"
#include "ops/softmax/softmax.h"
#include "ops/sum_rows/sum_rows.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

class Costs : public ::testing::Test {
 protected:
  Context cx{null_device()};
  Trace trace;
  void SetUp() override { cx.trace = &trace; }

  Tensor t(const Shape& shape, DType dtype = f32) { return cx.device().make(dtype, shape); }
  // The one launch since the last call.
  void expect(const char* op, int64_t flops, int64_t read, int64_t written, int64_t weights = 0,
              int64_t state = 0) {
    ASSERT_EQ(trace.events.size(), 1u) << op;
    const TraceEvent& e = trace.events[0];
    EXPECT_STREQ(e.op->name, op);
    EXPECT_EQ(e.cost.flops, flops) << op;
    EXPECT_EQ(e.cost.read, read) << op;
    EXPECT_EQ(e.cost.written, written) << op;
    EXPECT_EQ(e.cost.weights, weights) << op;
    EXPECT_EQ(e.cost.state, state) << op;
    trace.events.clear();
  }
};

TEST_F(Costs, Linear) {
  // y[3, 5] = x[3, 7] W[5, 7]^T: 105 products and sums; x 84 bytes, W 140, y 60.
  linear(cx, t({3, 7}), t({5, 7}));
  expect("linear", 210, 224, 60, 140);
  // The bias: 15 sums more, 20 bytes more.
  linear(cx, t({3, 7}), t({5, 7}), t({5}));
  expect("linear", 225, 244, 60, 160);
  // Q4_0: 18 bytes for 32 elements; [2, 64] is 4 blocks, 72 bytes. x 256 bytes.
  linear(cx, t({1, 64}), t({2, 64}, q4_0));
  expect("linear", 256, 328, 8, 72);
  // BF16: 2 bytes an element.
  linear(cx, t({2, 3, 8}), t({5, 8}, bf16));
  expect("linear", 480, 192 + 80, 120, 80);
  matmul(cx, t({3, 7}), t({7, 5}));
  expect("matmul", 210, 84 + 140, 60);
}

TEST_F(Costs, Attention) {
  // 3 queries on 5 keys, causal: 3 + 4 + 5 = 12 pairs. 2 heads, d = 4, dv = 6: a pair costs 2 (4 + 6) = 20.
  // K: 5 keys, 1 head, 4 numbers of 2 bytes: 40; V: 60. q: 3 x 2 x 4 x 4 = 96. y: 3 x 2 x 6 x 4 = 144.
  const AttentionSegment s{0, 3, 0, 5};
  attention(cx, t({3, 2, 4}), t({5, 1, 4}, f16), t({5, 1, 6}, f16), std::span(&s, 1), {});
  expect("attention", 12 * 2 * 20, 100 + 96, 144, 0, 100);
  // All see all: 15 pairs.
  attention(cx, t({3, 2, 4}), t({5, 1, 4}, f16), t({5, 1, 6}, f16), std::span(&s, 1), {.causal = false});
  expect("attention", 15 * 2 * 20, 100 + 96, 144, 0, 100);
  // A window of 2: each query sees 2 keys; together keys 1 to 4, 4 of them: 80 bytes.
  attention(cx, t({3, 2, 4}), t({5, 1, 4}, f16), t({5, 1, 6}, f16), std::span(&s, 1), {.window = 2});
  expect("attention", 6 * 2 * 20, 80 + 96, 144, 0, 80);
}

TEST_F(Costs, Normalizations) {
  // 3 rows of 7: 21 numbers of 84 bytes; weight 28 bytes.
  rms_norm(cx, t({3, 7}), t({7}), 1e-5f);
  expect("rms_norm", 84, 112, 84, 28);  // square, sum, two products
  layer_norm(cx, t({3, 7}), t({7}), {}, 1e-5f);
  expect("layer_norm", 147, 112, 84, 28);  // sum; difference, square, sum; difference, two products
  layer_norm(cx, t({3, 7}), t({7}), t({7}), 1e-5f);
  expect("layer_norm", 168, 140, 84, 56);
  softmax(cx, t({3, 7}));
  expect("softmax", 105, 84, 84);  // compare, subtract, exp, sum, quotient
}

TEST_F(Costs, Elementwise) {
  add(cx, t({3, 7}), t({3, 7}));
  expect("add", 21, 168, 84);
  add(cx, t({3, 7}), t({7}), 2);
  expect("add", 42, 84 + 28, 84);
  multiply(cx, t({3, 7}), t({3, 7}));
  expect("multiply", 21, 168, 84);
  multiply(cx, t({3, 7}), t({3, 1}));
  expect("multiply", 21, 84 + 12, 84);
  multiply(cx, t({3, 7}), t({7}));
  expect("multiply", 21, 84 + 28, 84);
  scale(cx, t({3, 7}), 2);
  expect("scale", 21, 84, 84);
  softcap(cx, t({3, 7}), 2);
  expect("softcap", 63, 84, 84);
  activation(cx, t({3, 7}), Activation::silu);
  expect("activation", 84, 84, 84);  // negate, exp, add, divide
  activation(cx, t({3, 7}), Activation::relu2);
  expect("activation", 42, 84, 84);
  gated(cx, t({3, 7}), t({3, 7}), Activation::silu);
  expect("gated", 105, 168, 84);
  sum_rows(cx, t({3, 7}));
  expect("sum_rows", 21, 84, 28);
}

TEST_F(Costs, Movement) {
  copy(cx, t({7, 3}).transpose(0, 1));
  expect("copy", 0, 84, 84);
  concat(cx, t({3, 2, 5}), t({3, 1, 7}));  // 120 and 84 bytes; 3 x 2 x 12 numbers out
  expect("concat", 0, 204, 288);
  decode(cx, t({3, 64}, q4_0));
  expect("decode", 192, 108, 768, 108);
  // Two of 1000 rows: 2 x 36 bytes of the table, 8 of ids; the size of the table does not matter.
  embedding(cx, t({1000, 64}, q4_0), t({2}, i32));
  expect("embedding", 0, 80, 512, 72);
  // 3 tokens of 2 x 5 numbers: 120 bytes read, 12 of rows, 60 written in BF16.
  scatter_rows(cx, t({3, 2, 5}), t({100, 2, 5}, bf16), t({3}, i32));
  expect("scatter_rows", 0, 132, 60);
  // 3 tokens, 2 heads of 10, 3 pairs of each turned: 18 pairs of 6 operations. x 240, positions 12,
  // frequencies 12 bytes.
  rope(cx, t({3, 2, 10}), t({3}, i32), t({3}));
  expect("rope", 108, 264, 240);
}

TEST_F(Costs, ViewsAreFree) {
  reshape(cx, t({6, 4}), {3, 8});
  slice(cx, t({6, 4}), 1, 1, 3);
  contiguous(cx, t({6, 4}));
  EXPECT_TRUE(trace.events.empty());
}

TEST_F(Costs, Experts) {
  // Scores of 4 operations; logits 3 x 8 x 4 bytes; ids and weights 3 x 2 x 4 bytes each.
  route(cx, t({3, 8}), {.top_k = 2});
  expect("route", 96, 96, 48);
  // One token takes 2 of 8: exactly 2 matrices of [5, 7], 280 bytes; x 28, ids 8; 2 x 5 x 7 products, twice.
  expert_linear(cx, t({1, 7}), t({8, 5, 7}), t({1, 2}, i32));
  expect("expert_linear", 140, 28 + 8 + 280, 40, 280);
  // 3 tokens: 8 (1 - (3/4)^3) = 4.625 experts expected, 5 counted: 700 bytes, with biases 800. Slots of their
  // own: x 3 x 2 x 7 x 4 = 168; ids 24; 6 x 5 x 7 = 210 products, twice, and 30 sums.
  expert_linear(cx, t({3, 2, 7}), t({8, 5, 7}), t({3, 2}, i32), t({8, 5}));
  expect("expert_linear", 450, 168 + 24 + 800, 120, 800);
  // Many tokens: all 8 experts, no more.
  expert_linear(cx, t({1000, 7}), t({8, 5, 7}), t({1000, 2}, i32));
  expect("expert_linear", 140000, 28000 + 8000 + 1120, 40000, 1120);
  mix_experts(cx, t({3, 2, 7}), t({3, 2}));
  expect("mix_experts", 84, 168 + 24, 84);
}

TEST_F(Costs, CrossEntropy) {
  // Compare, subtract, exp, sum: 4 x 3 x 11; logits 132, targets 12 bytes.
  cross_entropy(cx, t({3, 11}), t({3}, i32));
  expect("cross_entropy", 132, 144, 4);
}

// Gradients, by the same rules: those whose sums are simple enough to work out.
TEST_F(Costs, Gradients) {
  Tape tape(add);
  cx.tape = &tape;
  const Tensor x = tape.watch(t({3, 7})), w = tape.watch(t({5, 7}));
  const Tensor y = linear(cx, x, w);
  trace.events.clear();
  tape.seed(y, t({3, 5}));
  tape.walk(cx);
  ASSERT_EQ(trace.events.size(), 2u);  // dx = dy W and dW = dy^T x: 105 products each
  EXPECT_EQ(trace.events[0].cost, (Cost{210, 60 + 140, 84}));
  EXPECT_EQ(trace.events[1].cost, (Cost{210, 60 + 84, 140}));
}

}  // namespace
}  // namespace ridge

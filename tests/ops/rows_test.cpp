// Each output row depends on its own row alone: rows computed together and one at a time are equal bit for
// bit, by every kernel.
#include <gtest/gtest.h>

#include "formats/q4_0/q4_0.h"
#include "ops/activation/activation.h"
#include "ops/add/add.h"
#include "ops/attention/attention.h"
#include "ops/concat/concat.h"
#include "ops/copy/copy.h"
#include "ops/embedding/embedding.h"
#include "ops/expert_linear/expert_linear.h"
#include "ops/harness.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/linear/linear.h"
#include "ops/mix_experts/mix_experts.h"
#include "ops/multiply/multiply.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rope/rope.h"
#include "ops/route/route.h"
#include "ops/scale/scale.h"
#include "ops/softcap/softcap.h"
#include "ops/softmax/softmax.h"

namespace ridge {
namespace {

using namespace testing;  // NOLINT: the harness

constexpr int64_t kRows = 37;

// Makes the inputs of all rows (the same whatever is asked for) and computes rows [begin, end).
struct RowOp {
  const char* op;
  const char* name;
  std::function<std::vector<Tensor>(Context&, CaseInputs&, int64_t begin, int64_t end)> run;
};

std::vector<int32_t> some_ids(int64_t n, int32_t below) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(i * 7 % below));
  return ids;
}

std::vector<RowOp> elementwise_ops() {
  std::vector<RowOp> ops;
  const auto rows = [](CaseInputs& in, const char* name, int64_t n, int64_t b, int64_t e) {
    return in.normal(name, {kRows, n}, f32, 2).slice(0, b, e);
  };
  for (const int64_t n : {1, 19, 64, 531}) {
    ops.push_back({"rms_norm", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     return std::vector{rms_norm(cx, rows(in, "x", n, b, e), in.normal("w", {n}), 1e-5f)};
                   }});
    ops.push_back({"layer_norm", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     return std::vector{layer_norm(cx, rows(in, "x", n, b, e), in.normal("w", {n}),
                                                   in.normal("bias", {n}), 1e-5f)};
                   }});
    ops.push_back({"add", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     return std::vector{add(cx, rows(in, "x", n, b, e), rows(in, "y", n, b, e), 0.3f),
                                        add(cx, rows(in, "x", n, b, e), in.normal("row", {n}))};
                   }});
    ops.push_back({"multiply", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     const Tensor x = rows(in, "x", n, b, e);
                     return std::vector{multiply(cx, x, rows(in, "y", n, b, e)),
                                        multiply(cx, x, in.normal("row", {n})),
                                        multiply(cx, x, rows(in, "column", 1, b, e))};
                   }});
    ops.push_back({"scale", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     return std::vector{scale(cx, rows(in, "x", n, b, e), 1.7f)};
                   }});
    ops.push_back({"softmax", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     return std::vector{softmax(cx, rows(in, "x", n, b, e))};
                   }});
    ops.push_back({"softcap", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     return std::vector{softcap(cx, rows(in, "x", n, b, e), 3)};
                   }});
    for (const Activation kind :
         {Activation::silu, Activation::gelu, Activation::gelu_tanh, Activation::tanh}) {
      ops.push_back(
          {"activation", activation_name(kind), [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
             return std::vector{activation(cx, rows(in, "x", n, b, e), kind)};
           }});
      ops.push_back({"gated", activation_name(kind), [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                       return std::vector{gated(cx, rows(in, "x", n, b, e), rows(in, "y", n, b, e), kind)};
                     }});
    }
  }
  return ops;
}

std::vector<RowOp> other_ops() {
  std::vector<RowOp> ops;
  const auto heads = [](CaseInputs& in, const char* name, int64_t h, int64_t d, int64_t b, int64_t e) {
    return in.normal(name, {kRows, h, d}).slice(0, b, e);
  };
  ops.push_back({"copy", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                   return std::vector{copy(cx, heads(in, "x", 3, 20, b, e).transpose(1, 2))};
                 }});
  ops.push_back({"concat", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                   return std::vector{concat(cx, heads(in, "x", 3, 20, b, e), heads(in, "y", 1, 7, b, e))};
                 }});
  ops.push_back({"embedding", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                   const Tensor ids = in.integers("ids", {kRows}, some_ids(kRows, 11)).slice(0, b, e);
                   return std::vector{embedding(cx, in.normal("table", {11, 64}, q4_0), ids)};
                 }});
  for (const bool interleaved : {false, true})
    ops.push_back({"rope", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     const Tensor p = in.integers("p", {kRows}, some_ids(kRows, 500)).slice(0, b, e);
                     return std::vector{rope(cx, heads(in, "x", 3, 50, b, e), p, in.normal("f", {21}),
                                             {.interleaved = interleaved})};
                   }});
  for (const DType dtype : {DType(f32), DType(q4_0)}) {
    ops.push_back({"linear", dtype.name(), [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     const Tensor x = in.normal("x", {kRows, 96}).slice(0, b, e);
                     return std::vector{linear(cx, x, in.normal("w", {70, 96}, dtype), in.normal("b", {70}))};
                   }});
    ops.push_back({"expert_linear", dtype.name(), [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     const Tensor x = in.normal("x", {kRows, 96}).slice(0, b, e);
                     const Tensor ids = in.integers("ids", {kRows, 2}, some_ids(2 * kRows, 5)).slice(0, b, e);
                     return std::vector{expert_linear(cx, x, in.normal("w", {5, 70, 96}, dtype), ids,
                                                      in.normal("b", {5, 70}))};
                   }});
  }
  ops.push_back({"mix_experts", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                   return std::vector{mix_experts(cx, heads(in, "x", 4, 37, b, e),
                                                  in.normal("w", {kRows, 4}).slice(0, b, e))};
                 }});
  for (const auto score : {RouteScore::softmax, RouteScore::sigmoid})
    ops.push_back({"route", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                     const Routing r = route(cx, in.normal("x", {kRows, 24}).slice(0, b, e),
                                             {.top_k = 3, .score = score, .groups = 4, .top_groups = 2});
                     return std::vector{r.ids, r.weights};
                   }});
  // One query at a time against the same keys: causal, so that each sees another number of them.
  ops.push_back({"attention", "", [=](Context& cx, CaseInputs& in, int64_t b, int64_t e) {
                   const Tensor q = heads(in, "q", 4, 40, b, e), k = in.normal("k", {kRows + 30, 2, 40}),
                                v = in.normal("v", {kRows + 30, 2, 40});
                   const AttentionSegment s{0, e - b, 0, 30 + e};
                   return std::vector{attention(cx, q, k, v, std::span(&s, 1), {.scale = 0.2f})};
                 }});
  return ops;
}

// The rows of a tensor, one after the other.
std::vector<float> rows_of(const std::vector<float>& v, int64_t rows, int64_t begin, int64_t end) {
  const int64_t each = rows > 0 ? static_cast<int64_t>(v.size()) / rows : 0;
  return {v.begin() + begin * each, v.begin() + end * each};
}

void check(const RowOp& op) {
  for_each_kernel(op.op, [&](const Kernel& k, const Level& level) {
    const auto run = [&](int threads, int64_t begin, int64_t end) {
      ContextOptions o = watched_options(threads, false, level.features);
      o.kernels[op.op] = k.name;
      Context cx(cpu_device(), o);
      CaseInputs in(cx, 5);
      const auto out = host(op.run(cx, in, begin, end));
      EXPECT_EQ(cx.guard_damage(), "") << op.op << " by " << k.name;
      return out;
    };
    std::vector<std::vector<float>> whole;
    const std::string reason = declined([&] { whole = run(1, 0, kRows); });
    if (!reason.empty()) return reason;
    const auto by3 = run(3, 0, kRows);
    for (size_t i = 0; i < whole.size(); ++i)
      EXPECT_TRUE(same_bits(whole[i], by3[i])) << op.op << " " << op.name << " by " << k.name << ": threads";
    // Alone, in twos, and in a part that begins and ends anywhere.
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {5, 6}, {36, 37}, {8, 10}, {3, 30}}) {
      const auto part = run(1, begin, end);
      for (size_t i = 0; i < whole.size(); ++i)
        EXPECT_TRUE(same_bits(rows_of(whole[i], kRows, begin, end), part[i]))
            << op.op << " " << op.name << " by " << k.name << " at " << level.name << ": rows " << begin
            << ".." << end << " alone differ";
    }
    return std::string();
  });
}

TEST(Rows, ElementwiseOpsDoNotDependOnTheirCompany) {
  for (const RowOp& op : elementwise_ops()) check(op);
}

TEST(Rows, OtherOpsDoNotDependOnTheirCompany) {
  for (const RowOp& op : other_ops()) check(op);
}

// expert_linear is linear with the matrix of the expert, bit for bit, by the kernel of the same name.
TEST(Rows, ExpertLinearEqualsLinear) {
  for (const Format* f : format_table()) {
    if (f->kind == FormatKind::integer || !f->encode) continue;
    const int64_t k = f->block == 1 ? 40 : 2 * f->block, experts = 4, n = 70, tokens = 9;
    for (const Level& level : levels()) {
      if (!level.here) continue;
      for (const char* kernel : {"dot", "quantized", "decode", "reference"}) {
        ContextOptions o = watched_options(2, false, level.features);
        o.kernels["linear"] = o.kernels["expert_linear"] = kernel;
        Context cx(cpu_device(), o);
        CaseInputs in(cx, 5);
        const Tensor x = in.normal("x", {tokens, k}), w = in.normal("w", {experts, n, k}, *f, 0.5f),
                     bias = in.normal("bias", {experts, n});
        const std::vector<int32_t> list = some_ids(tokens * 2, 3);  // the last expert gets no token
        const Tensor ids = in.integers("ids", {tokens, 2}, list);
        Tensor y;
        if (!declined([&] { y = expert_linear(cx, x, w, ids, bias); }).empty()) continue;
        for (int64_t s = 0; s < 2 * tokens; ++s) {
          const int64_t e = list[static_cast<size_t>(s)];
          const Tensor alone = linear(cx, x.slice(0, s / 2, s / 2 + 1), w.select(0, e), bias.select(0, e));
          EXPECT_TRUE(same_bits(host(y.select(0, s / 2).select(0, s % 2)), host(alone.select(0, 0))))
              << f->name << " by " << kernel << " at " << level.name << ", slot " << s;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ridge

// What the ops promise beside their numbers: errors that name what is wrong, values worked out by hand, views
// that share memory, codes equal bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "formats/bf16/bf16.h"
#include "formats/f16/f16.h"
#include "formats/half.h"
#include "formats/q4_0/q4_0.h"
#include "ops/activation/activation.h"
#include "ops/add/add.h"
#include "ops/concat/concat.h"
#include "ops/copy/copy.h"
#include "ops/cross_entropy/cross_entropy.h"
#include "ops/embedding/embedding.h"
#include "ops/expert_linear/expert_linear.h"
#include "ops/harness.h"
#include "ops/layer_norm/layer_norm.h"
#include "ops/mix_experts/mix_experts.h"
#include "ops/multiply/multiply.h"
#include "ops/rope/rope.h"
#include "ops/route/route.h"
#include "ops/scatter_rows/scatter_rows.h"
#include "ops/softcap/softcap.h"
#include "ops/softmax/softmax.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

using namespace testing;  // NOLINT: the harness

class OpContracts : public ::testing::Test {
 protected:
  Context cx{cpu_device(), watched_options(2, true)};
  Tensor f(const Shape& shape, const std::vector<float>& values) {
    EXPECT_EQ(shape.count(), static_cast<int64_t>(values.size()));
    return cx.from_host(values.data(), shape);
  }
  Tensor zeros(const Shape& shape) {
    return f(shape, std::vector<float>(static_cast<size_t>(shape.count()), 0.0f));
  }
  Tensor ids(const std::vector<int32_t>& v) { return cx.from_host(v.data(), static_cast<int64_t>(v.size())); }
  // The error's text, which must be one line and contain each part.
  void refused(const std::function<void()>& call, std::initializer_list<const char*> parts) {
    try {
      call();
      ADD_FAILURE() << "no error; expected one with " << *parts.begin();
    } catch (const Error& e) {
      const std::string text = e.what();
      EXPECT_EQ(text.find('\n'), std::string::npos) << text;
      for (const char* part : parts)
        EXPECT_NE(text.find(part), std::string::npos) << text << " lacks " << part;
    }
  }
};

TEST_F(OpContracts, IndicesOutOfRangeAreNamed) {
  refused([&] { embedding(cx, zeros({10, 4}), ids({3, 10})); }, {"embedding", "ids[1]", "10", "[0, 10)"});
  refused([&] { embedding(cx, zeros({10, 4}), ids({-1})); }, {"-1", "[0, 10)"});
  refused([&] { cross_entropy(cx, zeros({1, 5}), ids({5})); }, {"targets[0]", "[-1, 5)"});
  refused([&] { cross_entropy(cx, zeros({1, 5}), ids({-2})); }, {"-2", "[-1, 5)"});
  refused([&] { scatter_rows(cx, zeros({1, 2, 3}), zeros({4, 2, 3}), ids({4})); }, {"rows[0]", "[0, 4)"});
  refused(
      [&] {
        expert_linear(cx, zeros({1, 4}), zeros({3, 2, 4}), ids({3}).reshape({1, 1}));
      },
      {"expert_linear", "[0, 3)"});
}

TEST_F(OpContracts, ShapesThatDoNotFitAreNamed) {
  refused([&] { embedding(cx, zeros({10}), ids({3})); }, {"embedding", "[10]"});
  refused([&] { embedding(cx, zeros({10, 4}), zeros({2})); }, {"ids", "i32"});
  refused([&] { rope(cx, zeros({2, 3, 4}), ids({0, 1}), zeros({3})); }, {"rope", "[2, 3, 4]", "<= 4"});
  refused([&] { rope(cx, zeros({2, 3, 4}), ids({0}), zeros({2})); }, {"positions", "[2]"});
  refused([&] { rope(cx, zeros({2, 4}), ids({0, 1}), zeros({2})); }, {"[tokens, heads, d]"});
  refused([&] { gated(cx, zeros({2, 4}), zeros({2, 5}), Activation::silu); }, {"gated", "[2, 5]", "[2, 4]"});
  refused([&] { activation(cx, zeros({4, 2}).transpose(0, 1), Activation::silu); }, {"strided"});
  refused([&] { layer_norm(cx, zeros({2, 4}), zeros({3}), {}, 0); }, {"layer_norm", "expected [4]"});
  refused([&] { layer_norm(cx, zeros({2, 4}), zeros({4}), zeros({5}), 0); }, {"bias"});
  refused([&] { multiply(cx, zeros({2, 4}), zeros({2, 3})); }, {"multiply", "[2, 3]", "[2, 4]"});
  refused([&] { multiply(cx, zeros({2, 4}), {}); }, {"b is missing"});
  refused([&] { softcap(cx, zeros({2}), 0); }, {"softcap", "positive"});
  refused([&] { softcap(cx, zeros({2}), std::nanf("")); }, {"softcap"});
  refused([&] { concat(cx, zeros({2, 3, 4}), zeros({2, 2, 4})); }, {"concat", "[2, 2, 4]"});
  refused([&] { scatter_rows(cx, zeros({1, 2, 32}), cx.make(q4_0, {4, 2, 32}), ids({0})); }, {"q4_0"});
  refused([&] { scatter_rows(cx, zeros({1, 2, 3}), zeros({4, 3, 2}), ids({0})); }, {"[4, 3, 2]"});
  refused([&] { mix_experts(cx, zeros({2, 3, 4}), zeros({2, 4})); }, {"mix_experts", "[2, 4]"});
  refused(
      [&] {
        expert_linear(cx, zeros({2, 4}), zeros({3, 5, 6}), ids({0, 0}).reshape({2, 1}));
      },
      {"[3, 5, 6]"});
  refused([&] { route(cx, zeros({2, 6}), {.top_k = 7}); }, {"route", "7", "6"});
  refused([&] { route(cx, zeros({2, 6}), {.top_k = 3, .groups = 3, .top_groups = 1}); }, {"3", "2"});
  refused([&] { route(cx, zeros({2, 6}), {.groups = 4}); }, {"4 groups"});
  refused([&] { cross_entropy(cx, zeros({2, 3, 4}), ids({0, 0})); }, {"[tokens, vocab]"});
  refused([&] { copy(cx, cx.make(f32, {1, 1, 1, 1, 1})); }, {"more than 4"});
  refused([&] { softmax(cx, cx.make(i32, {3})); }, {"softmax", "i32"});
}

TEST_F(OpContracts, OpsWithoutAGradientSaySo) {
  Tape tape(add);
  cx.tape = &tape;
  const auto watched = [&](const Shape& s) { return tape.watch(zeros(s)); };
  refused([&] { route(cx, watched({2, 4}), {}); }, {"route", "no gradient"});
  refused([&] { mix_experts(cx, watched({2, 1, 4}), zeros({2, 1})); }, {"mix_experts", "no gradient"});
  refused(
      [&] {
        expert_linear(cx, watched({1, 4}), zeros({3, 2, 4}), ids({0}).reshape({1, 1}));
      },
      {"expert_linear", "no gradient"});
  refused([&] { scatter_rows(cx, watched({1, 2, 3}), zeros({4, 2, 3}), ids({0})); }, {"no gradient"});
}

TEST_F(OpContracts, ActivationNames) {
  EXPECT_EQ(parse_activation("silu"), Activation::silu);
  EXPECT_EQ(parse_activation("swish"), Activation::silu);
  EXPECT_EQ(parse_activation("gelu"), Activation::gelu);
  for (const char* name : {"gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_tanh"})
    EXPECT_EQ(parse_activation(name), Activation::gelu_tanh);
  EXPECT_EQ(parse_activation("quick_gelu"), Activation::quick_gelu);
  EXPECT_EQ(parse_activation("relu2"), Activation::relu2);
  for (const char* name : {"silu", "gelu", "gelu_tanh", "quick_gelu", "relu", "relu2", "sigmoid", "tanh"})
    EXPECT_STREQ(activation_name(parse_activation(name)), name);
  refused([&] { parse_activation("mish\n"); }, {"mish", "known:", "gelu_pytorch_tanh"});
}

// Published values: GELU(1) = Phi(1) = 0.8413447, GELU(-1) = -0.1586553; SiLU(1) = 0.7310586.
TEST_F(OpContracts, ActivationValues) {
  const Tensor x = f({2}, {1, -1});
  const auto at = [&](Activation a) { return host(activation(cx, x, a)); };
  EXPECT_NEAR(at(Activation::gelu)[0], 0.84134475, 2e-7);
  EXPECT_NEAR(at(Activation::gelu)[1], -0.15865525, 2e-7);
  EXPECT_NEAR(at(Activation::gelu_tanh)[0], 0.84119199, 2e-7);
  EXPECT_NEAR(at(Activation::silu)[0], 0.73105858, 2e-7);
  EXPECT_NEAR(at(Activation::tanh)[1], -0.76159416, 2e-7);
  EXPECT_EQ(at(Activation::relu), (std::vector<float>{1, 0}));
  const auto nan = host(activation(cx, f({1}, {std::nanf("")}), Activation::relu));
  EXPECT_TRUE(std::isnan(nan[0]));
}

TEST_F(OpContracts, ViewsShareMemory) {
  const Tensor x = f({2, 6}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Tensor q = slice(cx, x, 1, 2, 6), h = reshape(cx, q, {2, 2, 2});
  EXPECT_EQ(h.data(), x.ptr<float>() + 2);
  EXPECT_EQ(h.stride(0), 6);
  EXPECT_EQ(h.stride(1), 2);
  EXPECT_EQ(host(contiguous(cx, h)), (std::vector<float>{2, 3, 4, 5, 8, 9, 10, 11}));
  const Tensor joined = reshape(cx, slice(cx, x.reshape({2, 3, 2}), 1, 0, 2), {2, 1, 4});
  EXPECT_EQ(host(contiguous(cx, joined)), (std::vector<float>{0, 1, 2, 3, 6, 7, 8, 9}));
  EXPECT_EQ(contiguous(cx, x).data(), x.data());
  refused([&] { reshape(cx, q, {8}); }, {"reshape", "[2, 4]", "[8]", "contiguous"});
  refused([&] { reshape(cx, x.transpose(0, 1), {12}); }, {"without a copy"});
  refused([&] { reshape(cx, x, {5}); }, {"12", "5"});
  refused([&] { slice(cx, x, 1, 2, 7); }, {"slice", "[2, 7)"});
  refused([&] { slice(cx, x, 2, 0, 1); }, {"dimension 2"});
  refused([&] { slice(cx, cx.make(q4_0, {2, 64}), 1, 16, 48); }, {"blocks"});
}

// R(pi/2) turns (1, 0) to (0, 1): with frequency 1 at position 1 by one radian.
TEST_F(OpContracts, RopeByHand) {
  const float c = std::cos(1.0f), s = std::sin(1.0f);
  const Tensor x = f({2, 1, 5}, {1, 2, 3, 4, 5, 1, 2, 3, 4, 5}), p = ids({0, 1}), w = f({2}, {1, 0});
  const auto split = host(rope(cx, x, p, w));
  EXPECT_EQ(std::vector<float>(split.begin(), split.begin() + 5), (std::vector<float>{1, 2, 3, 4, 5}));
  EXPECT_NEAR(split[5], c - 3 * s, 1e-6);  // the pair (0, 2) turns, (1, 3) has frequency 0
  EXPECT_NEAR(split[7], s + 3 * c, 1e-6);
  EXPECT_EQ(split[6], 2);
  EXPECT_EQ(split[8], 4);
  EXPECT_EQ(split[9], 5);
  const auto pairs = host(rope(cx, x, p, w, {.interleaved = true, .factor = 2}));
  EXPECT_NEAR(pairs[5], 2 * (c - 2 * s), 1e-6);  // the pair (0, 1)
  EXPECT_NEAR(pairs[6], 2 * (s + 2 * c), 1e-6);
  EXPECT_EQ(pairs[7], 6);
  EXPECT_EQ(pairs[9], 5);  // beyond the turned dimensions: copied, not scaled
}

TEST_F(OpContracts, RoutingByHand) {
  // Logits with e^x of 1, 2, 3, 4: softmax 0.1 .. 0.4.
  const float l[] = {0, std::log(2.0f), std::log(3.0f), std::log(4.0f)};
  const Tensor x = f({1, 4}, {l[2], l[0], l[3], l[1]});
  const auto check = [&](const RouteOptions& o, std::vector<float> id, std::vector<float> weight) {
    for (const char* kernel : {"reference", "rows"}) {
      cx.name_kernel("route", kernel);
      const Routing r = route(cx, x, o);
      EXPECT_EQ(host(r.ids), id) << kernel;
      const auto w = host(r.weights);
      for (size_t i = 0; i < weight.size(); ++i) EXPECT_NEAR(w[i], weight[i], 1e-6) << kernel << " " << i;
    }
  };
  check({.top_k = 2}, {2, 0}, {0.4f, 0.3f});
  check({.top_k = 2, .normalize = true, .scale = 7}, {2, 0}, {4, 3});
  check({.top_k = 2, .softmax_after_top_k = true}, {2, 0}, {4 / 7.0f, 3 / 7.0f});
  // The bias decides who is chosen, not with what weight.
  check({.top_k = 2, .selection_bias = f({4}, {0, 1, 0, 0.25f})}, {1, 3}, {0.1f, 0.2f});
  // Sigmoid of log(n) is n / (n + 1).
  check({.top_k = 3, .score = RouteScore::sigmoid}, {2, 0, 3}, {0.8f, 0.75f, 2 / 3.0f});
  // Groups {0, 1} and {2, 3}: 0.3 + 0.1 < 0.4 + 0.2, so expert 0 is not to be had.
  check({.top_k = 2, .groups = 2, .top_groups = 1}, {2, 3}, {0.4f, 0.2f});
}

TEST_F(OpContracts, EqualScoresTakeTheLowerExpert) {
  const Tensor x = zeros({1, 8});
  for (const char* kernel : {"reference", "rows"}) {
    cx.name_kernel("route", kernel);
    EXPECT_EQ(host(route(cx, x, {.top_k = 3}).ids), (std::vector<float>{0, 1, 2})) << kernel;
    EXPECT_EQ(host(route(cx, x, {.top_k = 3, .groups = 4, .top_groups = 2}).ids),
              (std::vector<float>{0, 1, 2}))
        << kernel;
  }
}

TEST_F(OpContracts, SoftmaxOfNothingButMinusInfinity) {
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(host(softmax(cx, f({2, 3}, {-inf, -inf, -inf, -inf, 5, -inf}))),
            (std::vector<float>{0, 0, 0, 0, 1, 0}));
}

// log(4) for uniform logits; uncounted tokens do not weigh.
TEST_F(OpContracts, CrossEntropyByHand) {
  EXPECT_NEAR(host(cross_entropy(cx, zeros({3, 4}), ids({0, -1, 3})))[0], std::log(4.0), 1e-6);
  EXPECT_EQ(host(cross_entropy(cx, zeros({2, 4}), ids({-1, -1})))[0], 0);
  EXPECT_NEAR(host(cross_entropy(cx, f({1, 2}, {0, std::log(3.0f)}), ids({0})))[0], std::log(4.0), 1e-6);
}

// Every f16 and bf16 code, its neighbours half way, and the floats just beside these: the caches hold what
// formats/half.h says, by every kernel.
TEST_F(OpContracts, CacheCodesAreThoseOfTheFormats) {
  std::vector<float> values;
  const auto with_neighbours = [&](float x) {
    uint32_t u;
    std::memcpy(&u, &x, 4);
    for (const uint32_t v : {u - 1, u, u + 1}) {
      float y;
      std::memcpy(&y, &v, 4);
      values.push_back(y);
    }
  };
  for (uint32_t h = 0; h < 65536; ++h) {
    const float x = f32_of_f16(static_cast<uint16_t>(h)), next = f32_of_f16(static_cast<uint16_t>(h ^ 1u));
    with_neighbours(x);
    with_neighbours((x + next) / 2);
    with_neighbours(f32_of_bf16(static_cast<uint16_t>(h)));
    const uint32_t half = h << 16 | 0x8000u;  // half way between two bf16 codes
    float y;
    std::memcpy(&y, &half, 4);
    with_neighbours(y);
  }
  const auto n = static_cast<int64_t>(values.size());
  const Tensor x = f({1, 1, n}, values), rows = ids({0});
  for (const DType dtype : {DType(f16), DType(bf16)})
    for_each_kernel("scatter_rows", [&](const Kernel& k, const Level&) {
      cx.name_kernel("scatter_rows", k.name);
      const Tensor cache = cx.make(dtype, {1, 1, n});
      scatter_rows(cx, x, cache, rows);
      int64_t wrong = 0;
      for (int64_t i = 0; i < n; ++i) {
        const float v = values[static_cast<size_t>(i)];
        wrong += cache.ptr<uint16_t>()[i] != (dtype == DType(f16) ? f16_of_f32(v) : bf16_of_f32(v));
      }
      EXPECT_EQ(wrong, 0) << dtype.name() << " by " << k.name << ", of " << n;
      return std::string();
    });
}

// An error in the accuracy of sines would show at positions of a million: against long double.
TEST_F(OpContracts, RopeIsAccurateFarOut) {
  std::vector<float> frequencies;
  for (int i = 0; i < 32; ++i) frequencies.push_back(static_cast<float>(std::pow(500000.0, -i / 32.0)));
  std::vector<float> ones(64, 1.0f);
  for (const int32_t position : {1, 4095, 131071, 1000003}) {
    const auto y = host(rope(cx, f({1, 1, 64}, ones), ids({position}), f({32}, frequencies)));
    for (int i = 0; i < 32; ++i) {
      const long double angle = static_cast<float>(position) * frequencies[static_cast<size_t>(i)];
      EXPECT_NEAR(y[static_cast<size_t>(i)], static_cast<double>(std::cos(angle) - std::sin(angle)), 2e-7);
    }
  }
}

}  // namespace
}  // namespace ridge

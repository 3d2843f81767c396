// The price of a pass equals what the run counts, exactly, on every golden model; and both equal figures
// derived by hand.
#include "plan/price.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "formats/f16/f16.h"
#include "models/load.h"
#include "testing.h"

namespace ridge {
namespace {

std::vector<std::string> folders() {
  std::vector<std::string> names;
  for (const auto& e : std::filesystem::directory_iterator(testing::data("golden")))
    if (std::filesystem::exists(e.path() / "expected.safetensors"))
      names.push_back(e.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

class Price : public ::testing::TestWithParam<std::string> {};

TEST_P(Price, EqualsWhatTheRunCounts) {
  const Checkpoint checkpoint = Checkpoint::open(testing::data("golden/" + GetParam()));
  const auto real = load_model(checkpoint);
  ConfigKeys keys = ConfigKeys::reading(checkpoint);
  const auto shape = shape_model(keys, [&](const WeightSpec& spec) {
    const auto* info = spec.hf.empty() ? nullptr : checkpoint.info(spec.hf[0]);
    if (spec.optional && !info) return DType();
    return info ? info->dtype : DType(f16);
  });
  const WeightCount a = count_weights(*real), b = count_weights(*shape);
  EXPECT_EQ(a.parameters, b.parameters);
  EXPECT_EQ(a.bytes, b.bytes);
  std::vector<Pass> passes = passes_of(*real, 19, 24, 1);
  for (const Pass& pass : passes_of(*real, 7, 4, 2)) passes.push_back(pass);
  if (real->kind() == ModelKind::decoder) passes.push_back({"two sequences", 5, 3, 2});
  for (const Pass& pass : passes) {
    Context cx(cpu_device());
    const Reading counted = run_timed(*real, cx, pass, f16, 1);
    const Reading priced = price(*shape, pass, f16, cpu_info().features);
    ASSERT_EQ(counted.events.size(), priced.events.size());
    for (size_t i = 0; i < counted.events.size(); ++i) {
      EXPECT_EQ(counted.events[i].cost, priced.events[i].cost)
          << counted.events[i].op->name << " " << counted.events[i].shapes;
      EXPECT_EQ(counted.events[i].kernel, priced.events[i].kernel);
      EXPECT_EQ(counted.events[i].key, priced.events[i].key);
    }
    EXPECT_EQ(counted.total, priced.total);
    EXPECT_EQ(counted.state_bytes, priced.state_bytes);
    EXPECT_EQ(counted.activation_peak, priced.activation_peak);
    EXPECT_GT(counted.total.flops, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Price, ::testing::ValuesIn(folders()), [](const auto& i) { return i.param; });

// LLaMA by hand: golden/llama has width 64, 2 layers, 4 heads and 2 KV heads of 16, hidden 96, 160 tokens,
// f32, untied.
TEST(PriceByHand, Llama) {
  const Checkpoint checkpoint = Checkpoint::open(testing::data("golden/llama"));
  ConfigKeys keys = ConfigKeys::reading(checkpoint);
  const auto model = shape_model(keys, one_format(f32));
  const int64_t attention_weights = 64 * 64 + 2 * 32 * 64 + 64 * 64, mlp_weights = 3 * 64 * 96;
  EXPECT_EQ(count_weights(*model).parameters,
            2 * 160 * 64 + 64 + 2 * (attention_weights + mlp_weights + 2 * 64));
  const Reading r = price(*model, {"decode", 1, 9, 1}, f16, cpu_info().features);
  int64_t products = 0, weights = 0, attention = 0, keys_read = 0;
  for (const auto& e : r.events) {
    if (std::string(e.op->name) == "linear") products += e.cost.flops, weights += e.cost.weights;
    if (std::string(e.op->name) == "attention") attention += e.cost.flops, keys_read += e.cost.state;
  }
  EXPECT_EQ(products, 2 * (2 * (attention_weights + mlp_weights) + 160 * 64));
  EXPECT_EQ(weights, 4 * (2 * (attention_weights + mlp_weights) + 160 * 64));
  EXPECT_EQ(attention, 2 * 4 * 10 * (2 * 16 + 2 * 16));  // layers x heads x keys x (two products of 16)
  EXPECT_EQ(keys_read, 2 * 10 * 2 * (16 + 16) * 2);      // layers x keys x KV heads x (k and v) x 2 bytes
  EXPECT_EQ(r.state_bytes, 2 * 10 * 2 * (16 + 16) * 2);
  // Causal prefill of n: n (n + 1) / 2 pairs.
  const Reading p = price(*model, {"prefill", 12, 0, 1}, f16, cpu_info().features);
  attention = 0;
  for (const auto& e : p.events)
    if (std::string(e.op->name) == "attention") attention += e.cost.flops;
  EXPECT_EQ(attention, 2 * 4 * 78 * 64);
}

TEST(Machines, ProfileRoundTripsAndBadOnesAreRefused) {
  Machine m = shipped_machines().at(0);
  m.product["q4_0"] = {{1, 1e-10}, {512, 2e-9}};
  m.attention["f16.f16"] = {1e12, 1e11};
  m.simple["add"] = {1e-6, 1e10};
  const std::string path = ::testing::TempDir() + "/machine.json";
  save_machine(m, path);
  const Machine n = load_machine(path);
  EXPECT_EQ(n.name, m.name);
  EXPECT_EQ(n.features, m.features);
  EXPECT_EQ(n.peak, m.peak);
  EXPECT_EQ(n.product, m.product);
  EXPECT_EQ(n.attention.at("f16.f16").flops, 1e12);
  EXPECT_EQ(n.simple.at("add").call, 1e-6);
  for (const char* bad :
       {"[]", "{}", R"({"bandwidth": 1, "peak": {"f32": 1}, "threads": 1e300})",
        R"({"bandwidth": 1, "peak": {"f32": 1}, "feature_bits": -1})",
        R"({"bandwidth": 1, "peak": {"f32": 1}, "memory": 1e19})", R"({"bandwidth": -1, "peak": {"f32": 1}})",
        R"({"bandwidth": 1, "peak": {"f32": "x"}})",
        R"({"bandwidth": 1, "peak": {"f32": 1}, "product": {"q4_0": {"0": 1}}})"}) {
    write_file(path, bad);
    EXPECT_THROW(load_machine(path), Error) << bad;
  }
  EXPECT_THROW(find_machine("no such machine"), Error);
}

TEST(Machines, PredictionsFollowTheRoofline) {
  Machine m = shipped_machines().at(0);
  m.overhead = 0;
  const Checkpoint checkpoint = Checkpoint::open(testing::data("golden/llama"));
  ConfigKeys keys = ConfigKeys::reading(checkpoint);
  const auto model = shape_model(keys, one_format(f16));
  for (const auto& e : price(*model, {"decode", 1, 9, 1}, f16, 0).events) {
    const Prediction p = predict(m, e);
    const double memory = static_cast<double>(e.cost.bytes()) / m.bandwidth;
    EXPECT_GE(p.seconds, memory * (1 - 1e-12));
    EXPECT_DOUBLE_EQ(p.seconds, p.roofline);
  }
}

}  // namespace ridge

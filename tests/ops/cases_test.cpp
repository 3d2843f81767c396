// Every kernel of every op, forced in turn by its name, against the reference over the op's cases; gradients,
// by every kernel too, against finite differences; prices against counts.
#include "context/cases.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/add/add.h"
#include "ops/harness.h"

namespace ridge {
namespace {

using namespace testing;  // NOLINT: the harness

// Sum of the case's outputs weighted by fixed random numbers: one differentiable number.
double loss_of(Context& cx, const Case& c,
               const std::function<void(const std::string&, Tensor&)>& intercept) {
  CaseInputs in(cx, 7);
  in.intercept = intercept;
  double loss = 0;
  int k = 0;
  for (const Tensor& y : c.run(cx, in)) {
    CaseInputs weights(cx, 11);
    const auto w = host(weights.normal(("loss" + std::to_string(k++)).c_str(), y.shape(), f32, 1, false)),
               v = host(y);
    for (size_t i = 0; i < v.size(); ++i) loss += static_cast<double>(v[i]) * w[i];
  }
  return loss;
}

// The gradients of loss_of by the tape, one array an input, in the order the case made them.
struct Gradients {
  std::vector<std::string> names;
  std::vector<std::vector<float>> inputs, values;
  std::set<std::string> ops;
  std::string damage;
};
Gradients analytic(const Case& c, ContextOptions o) {
  Context cx(cpu_device(), o);
  Tape tape(add);
  Trace trace;
  cx.tape = &tape;
  cx.trace = &trace;
  CaseInputs in(cx, 7);
  const std::vector<Tensor> outs = c.run(cx, in);
  Context plain(cpu_device());
  for (size_t k = 0; k < outs.size(); ++k) {
    CaseInputs weights(plain, 11);
    tape.seed(outs[k], weights.normal(("loss" + std::to_string(k)).c_str(), outs[k].shape(), f32, 1, false));
  }
  tape.walk(cx);
  Gradients g;
  for (const auto& made : in.made) {
    g.names.push_back(made.name);
    g.inputs.push_back(host(made.tensor));
    const Tensor d = tape.gradient(made.tensor);
    g.values.push_back(d ? host(d) : std::vector<float>(g.inputs.back().size(), 0.0f));
  }
  g.ops = ops_of(trace);
  g.damage = cx.guard_damage();
  return g;
}

// d loss / d input by differences over four points (error of fourth order).
std::vector<float> numeric(const Case& c, const std::string& name, const std::vector<float>& values) {
  Context plain(cpu_device(), watched_options(1, true));
  std::vector<float> d(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const float h = 1e-2f * std::max(1.0f, std::fabs(values[i]));
    double side[4];
    const float steps[4] = {h, -h, 2 * h, -2 * h};
    for (int s = 0; s < 4; ++s)
      side[s] = loss_of(plain, c, [&](const std::string& made, Tensor& t) {
        if (made == name) t.ptr<float>()[i] = values[i] + steps[s];
      });
    d[i] =
        static_cast<float>((8 * (side[0] - side[1]) - (side[2] - side[3])) / (12 * static_cast<double>(h)));
  }
  return d;
}

// At the end: which kernels were run, and why others were not.
class Report : public ::testing::Environment {
 public:
  void TearDown() override {
    for (const auto& [op, kernels] : kernel_use())
      for (const auto& [name, use] : kernels) {
        std::string why;
        for (const auto& reason : use.declined) why += (why.empty() ? "" : "; ") + reason;
        if (use.ran > 0)
          std::printf("[   ran    ] %s %s: %d runs\n", op.c_str(), name.c_str(), use.ran);
        else
          std::printf("[ not run  ] %s %s: %s\n", op.c_str(), name.c_str(), why.c_str());
      }
    for (const Level& l : levels())
      if (!l.here) std::printf("[ not run  ] level %s: this processor lacks it\n", l.name.c_str());
    if (::testing::GTEST_FLAG(filter) != "*") return;
    for (const Kernel* k : kernel_table())
      EXPECT_TRUE(kernel_use().count(k->op) && kernel_use()[k->op].count(k->name))
          << k->op << " " << k->name << " is reached by no case";
  }
};
const auto* const kReport = ::testing::AddGlobalTestEnvironment(new Report);

}  // namespace

class OpCases : public ::testing::TestWithParam<const CaseList*> {};

TEST_P(OpCases, EveryKernelAgreesWithTheReference) {
  const CaseList& list = *GetParam();
  for (const Case& c : list.make()) {
    if (c.benchmark) continue;  // large: its small siblings cover it
    std::vector<std::vector<float>> expected;
    std::set<std::string> ops;
    {
      Context ref(cpu_device(), reference_of(list.op));
      Trace trace;
      ref.trace = &trace;
      CaseInputs in(ref, 42);
      expected = host(c.run(ref, in));
      EXPECT_EQ(ref.guard_damage(), "") << list.op << " / " << c.name << " by the reference";
      ops = ops_of(trace);
    }
    for (const std::string& op : ops)
      for_each_kernel(op, [&](const Kernel& k, const Level& level) {
        std::vector<std::vector<float>> first;  // by one thread
        for (const int threads : {1, 3}) {
          ContextOptions o = watched_options(threads, false, level.features);
          o.kernels[op] = k.name;
          Context cx(cpu_device(), o);
          Trace trace;
          cx.trace = &trace;
          CaseInputs in(cx, 42);
          std::vector<Tensor> out;
          const std::string reason = declined([&] { out = c.run(cx, in); });
          if (!reason.empty()) return reason;
          Rounding rounding = Rounding::f32;
          for (const auto& e : trace.events) rounding = std::max(rounding, e.kernel->rounding);
          EXPECT_EQ(verdict(cx, out, expected, rounding, c.reduction), "")
              << list.op << " / " << c.name << " by " << op << "=" << k.name << " at " << level.name << ", "
              << threads << " threads";
          if (threads == 1) {
            first = host(out);
          } else {
            for (size_t i = 0; i < out.size(); ++i)
              EXPECT_TRUE(same_bits(first[i], host(out[i])))
                  << list.op << " / " << c.name << " by " << k.name << ": 1 and 3 threads differ";
          }
        }
        return std::string();
      });
  }
}

TEST_P(OpCases, GradientsAgreeWithFiniteDifferences) {
  const CaseList& list = *GetParam();
  for (const Case& c : list.make()) {
    if (!c.differentiable) continue;
    const Gradients base = analytic(c, watched_options(1, true));
    std::vector<std::vector<float>> expected;
    for (size_t i = 0; i < base.names.size(); ++i)
      expected.push_back(numeric(c, base.names[i], base.inputs[i]));
    for (const std::string& op : base.ops)
      for_each_kernel(op, [&](const Kernel& k, const Level& level) {
        ContextOptions o = watched_options(1, true, level.features);
        o.kernels[op] = k.name;
        Gradients g, by3;
        const std::string reason = declined([&] { g = analytic(c, o); });
        if (!reason.empty()) return reason;
        if (k.rounding != Rounding::f32) return std::string("rounds activations: not for gradients");
        o.threads = 3;
        by3 = analytic(c, o);
        EXPECT_EQ(g.damage + by3.damage, "") << list.op << " / " << c.name << " by " << k.name;
        for (size_t i = 0; i < expected.size(); ++i) {
          double norm = 0;
          for (const float x : expected[i]) norm += static_cast<double>(x) * x;
          norm = std::sqrt(norm);
          const auto n = static_cast<int64_t>(expected[i].size());
          const Difference d = difference(g.values[i].data(), expected[i].data(), n);
          // f32 outputs of norm ~1 differenced over 1e-2: about 1e-4 of noise. Where all differences are no
          // more than noise, the gradient must be too.
          if (norm > 1e-3)
            EXPECT_LE(d.relative, 2e-3) << list.op << " / " << c.name << " d" << base.names[i] << " by " << op
                                        << "=" << k.name << ": " << d.note;
          else
            for (const float x : g.values[i])
              EXPECT_LE(std::fabs(x), 2e-3) << list.op << " / " << c.name << " d" << base.names[i];
          EXPECT_TRUE(same_bits(g.values[i], by3.values[i]))
              << list.op << " / " << c.name << " d" << base.names[i] << " by " << k.name
              << ": 1 and 3 threads differ";
        }
        return std::string();
      });
  }
}

// Pricing on the null device and running count the same.
TEST_P(OpCases, PriceEqualsCount) {
  const CaseList& list = *GetParam();
  for (const Case& c : list.make()) {
    if (c.benchmark) continue;
    std::vector<TraceEvent> counted, priced;
    for (Device* device : {&cpu_device(), &null_device()}) {
      Context cx(*device);
      Trace trace;
      cx.trace = &trace;
      CaseInputs in(cx, 42);
      c.run(cx, in);
      (device == &cpu_device() ? counted : priced) = trace.events;
    }
    ASSERT_EQ(counted.size(), priced.size());
    for (size_t i = 0; i < counted.size(); ++i) {
      EXPECT_EQ(counted[i].op, priced[i].op);
      EXPECT_EQ(counted[i].kernel, priced[i].kernel);
      EXPECT_EQ(counted[i].cost, priced[i].cost) << list.op << " / " << c.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OpCases, ::testing::ValuesIn(case_table().begin(), case_table().end()),
                         [](const auto& info) { return std::string(info.param->op); });

}  // namespace ridge

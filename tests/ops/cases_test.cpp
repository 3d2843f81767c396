// Every kernel of every op against its reference, over the op's cases, at every level that this machine has;
// gradients against finite differences; no read of unwritten memory, no write outside.
#include "context/cases.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "base/cpu.h"
#include "formats/dots.h"
#include "ops/add/add.h"

namespace ridge {
namespace {

std::vector<float> host(const Tensor& t) {
  std::vector<float> v(static_cast<size_t>(t.count()));
  if (t.count() > 0) t.dtype()->decode(t.data(), v.data(), t.count());
  return v;
}

struct Level {
  const char* name;
  uint64_t features;
};
// The levels this machine has; those it lacks are named, not passed.
std::vector<Level> levels() {
  std::vector<Level> have;
  uint64_t seen = ~uint64_t{0};
  for (const char* name : {"generic", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"}) {
    const uint64_t f = cpu_info().features & cpu_level(name);
    if (f == seen) {
      std::printf("[ not run  ] level %s: this processor lacks it\n", name);
      continue;
    }
    seen = f;
    have.push_back({name, f});
  }
  return have;
}

ContextOptions reference_only(const char* op) {
  ContextOptions o;
  o.threads = 1;
  o.exact = true;
  o.poison = true;
  if (op) o.kernels[op] = "reference";
  return o;
}

// sum of the case's outputs weighted by fixed random numbers: one differentiable number.
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

}  // namespace

class OpCases : public ::testing::TestWithParam<const CaseList*> {};

TEST_P(OpCases, KernelsAgreeWithTheReference) {
  const CaseList& list = *GetParam();
  for (const Case& c : list.make()) {
    Context ref(cpu_device(), reference_only(list.op));
    CaseInputs ref_in(ref, 42);
    std::vector<std::vector<float>> expected;
    if (!c.benchmark)
      for (const Tensor& t : c.run(ref, ref_in)) expected.push_back(host(t));
    else
      continue;  // large: its small siblings cover it
    for (const Level& level : levels())
      for (const int threads : {1, 3}) {
        ContextOptions o;
        o.threads = threads;
        o.features = level.features;
        o.poison = true;
        Context cx(cpu_device(), o);
        Trace trace;
        cx.trace = &trace;
        CaseInputs in(cx, 42);
        const auto out = c.run(cx, in);
        ASSERT_EQ(out.size(), expected.size());
        Rounding rounding = Rounding::f32;
        std::string kernels;
        for (const auto& e : trace.events) {
          rounding = std::max(rounding, e.kernel->rounding);
          kernels += std::string(" ") + e.op->name + "=" + e.kernel->name;
        }
        for (size_t i = 0; i < out.size(); ++i) {
          const auto v = host(out[i]);
          ASSERT_EQ(v.size(), expected[i].size());
          const Difference d = difference(v.data(), expected[i].data(), static_cast<int64_t>(v.size()));
          const double allowed = tolerance(rounding, c.reduction);
          EXPECT_LE(d.relative, allowed) << list.op << " / " << c.name << " at " << level.name << ", "
                                         << threads << " threads (" << kernels << " ): " << d.note;
          // The largest of n errors: 8 deviations and more are no accident.
          EXPECT_LE(d.worst, 8 * allowed)
              << list.op << " / " << c.name << " at " << level.name << " (" << kernels << " ): " << d.note;
        }
      }
  }
}

TEST_P(OpCases, GradientsAgreeWithFiniteDifferences) {
  const CaseList& list = *GetParam();
  for (const Case& c : list.make()) {
    if (!c.differentiable) continue;
    ContextOptions o;
    o.threads = 1;
    o.poison = true;
    o.exact = true;
    Context cx(cpu_device(), o);
    Tape tape(add);
    cx.tape = &tape;
    CaseInputs in(cx, 7);
    // backward of the weighted sum, by a product with the weights as a linear row
    std::vector<Tensor> outs = c.run(cx, in);
    Context plain(cpu_device(), reference_only(nullptr));
    for (size_t k = 0; k < outs.size(); ++k) {
      CaseInputs weights(plain, 11);
      const Tensor w = weights.normal(("loss" + std::to_string(k)).c_str(), outs[k].shape(), f32, 1, false);
      tape.seed(outs[k], w);
    }
    tape.walk(cx);
    std::set<std::string> seen;
    for (const auto& made : in.made) {
      if (!seen.insert(made.name).second) continue;
      const auto values = host(made.tensor);
      Tensor g = tape.gradient(made.tensor);
      std::vector<float> analytic(values.size(), 0.0f);
      if (g) analytic = host(g);
      std::vector<float> numeric(values.size());
      for (size_t i = 0; i < values.size(); ++i) {
        const float h = 1e-2f * std::max(1.0f, std::fabs(values[i]));
        double side[4];
        const float steps[4] = {h, -h, 2 * h, -2 * h};
        for (int s = 0; s < 4; ++s)
          side[s] = loss_of(plain, c, [&](const std::string& name, Tensor& t) {
            if (name == made.name) t.ptr<float>()[i] = values[i] + steps[s];
          });
        numeric[i] = static_cast<float>((8 * (side[0] - side[1]) - (side[2] - side[3])) /
                                        (12 * static_cast<double>(h)));
      }
      const Difference d = difference(analytic.data(), numeric.data(), static_cast<int64_t>(values.size()));
      double norm = 0;
      for (const float x : numeric) norm += static_cast<double>(x) * x;
      // f32 outputs of norm ~1 differenced over 1e-2: about 1e-4 of noise.
      if (std::sqrt(norm) > 1e-3) {
        EXPECT_LE(d.relative, 2e-3) << list.op << " / " << c.name << " d" << made.name << ": " << d.note;
      }
    }
  }
}

// Pricing on the null device and running count the same.
TEST_P(OpCases, PriceEqualsCount) {
  const CaseList& list = *GetParam();
  for (const Case& c : list.make()) {
    std::vector<TraceEvent> counted, priced;
    for (Device* device : {&cpu_device(), &null_device()}) {
      if (c.benchmark) continue;
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

// The comparator itself, with planted faults.
TEST(Comparator, CatchesPlantedFaults) {
  std::vector<float> reference(1000);
  for (size_t i = 0; i < reference.size(); ++i) reference[i] = std::sin(static_cast<float>(i));
  const auto caught = [&](const std::function<void(std::vector<float>&)>& fault) {
    auto v = reference;
    fault(v);
    const Difference d = difference(v.data(), reference.data(), 1000);
    const double allowed = tolerance(Rounding::f32, 1000);
    return d.relative > allowed || d.worst > 8 * allowed;
  };
  EXPECT_FALSE(caught([](auto&) {}));
  EXPECT_FALSE(caught([](auto& v) {
    for (float& x : v) x *= 1 + 1e-7f;
  }));
  EXPECT_TRUE(caught([](auto& v) { v[500] = NAN; }));
  EXPECT_TRUE(caught([](auto& v) { v[500] = INFINITY; }));
  EXPECT_TRUE(caught([](auto& v) { v[7] = -v[7]; }));
  EXPECT_TRUE(caught([](auto& v) { v[999] = 0; }));
  EXPECT_TRUE(caught([](auto& v) { v[3] += 1e-3f; }));
  EXPECT_TRUE(caught([](auto& v) {
    for (float& x : v) x *= 1 + 1e-4f;
  }));
  EXPECT_TRUE(caught([](auto& v) { std::swap(v[1], v[2]); }));
  std::vector<float> nan(3, NAN);
  EXPECT_GT(difference(reference.data(), nan.data(), 3).relative, 1e30);
}

}  // namespace ridge

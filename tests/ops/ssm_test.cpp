// The ops of state space models beside their cases: prices worked out by hand, errors that name what is
// wrong, chunks that pass their state on, and long sequences within the published tolerance.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/add/add.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/harness.h"
#include "ops/selective_scan/selective_scan.h"
#include "ops/ssd/ssd.h"

namespace ridge {
namespace {

using namespace testing;  // NOLINT: the harness
using Spans = std::vector<SequenceSpan>;

class SsmPrices : public ::testing::Test {
 protected:
  Context cx{null_device()};
  Trace trace;
  void SetUp() override { cx.trace = &trace; }
  Tensor t(const Shape& shape) { return cx.device().make(f32, shape); }
  void expect(const char* op, int64_t flops, int64_t read, int64_t written, int64_t weights, int64_t state) {
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

TEST_F(SsmPrices, CausalConv1d) {
  // 7 tokens of 5 channels, width 3: 35 outputs of 3 products and sums. x 140 bytes, w 60, y 140.
  causal_conv1d(cx, t({7, 5}), t({5, 3}), {}, Spans{{0, 7, 0}}, {}, false);
  expect("causal_conv1d", 210, 200, 140, 60, 0);
  // A bias: 35 sums, 20 bytes. SiLU: 4 each. Two sequences remember 2 x 5 inputs each: 80 bytes, both ways.
  causal_conv1d(cx, t({7, 5}), t({5, 3}), t({5}), Spans{{0, 4, 1}, {4, 3, 2}}, t({3, 2, 5}), true);
  expect("causal_conv1d", 210 + 35 + 140, 200 + 20 + 80, 140 + 80, 80, 80);
}

TEST_F(SsmPrices, SelectiveScan) {
  // 7 tokens of 5 channels, 3 states: 105 elements of 7 operations, 35 of 4; exp(a_log): 15 of 2.
  // x, dt 140 bytes each, b, c 84 each, a_log 60.
  selective_scan(cx, t({7, 5}), t({7, 5}), {t({5, 3}), {}, {}}, t({7, 3}), t({7, 3}), {}, Spans{{0, 7, 0}},
                 {});
  expect("selective_scan", 735 + 140 + 30, 2 * 140 + 2 * 84 + 60, 140, 60, 0);
  // dt_bias 1, d 2, the gate 5 a channel and token; z 140 bytes, dt_bias and d 20 each, the state 60 both
  // ways.
  selective_scan(cx, t({7, 5}), t({7, 5}), {t({5, 3}), t({5}), t({5})}, t({7, 3}), t({7, 3}), t({7, 5}),
                 Spans{{0, 7, 1}}, t({2, 3, 5}));
  expect("selective_scan", 735 + 140 + 30 + 35 * 8, 3 * 140 + 2 * 84 + 100 + 60, 140 + 60, 100, 60);
}

TEST_F(SsmPrices, Ssd) {
  // 7 tokens, 4 heads of 3, 2 groups of 5: 84 elements of x by 5 states, 5 operations each; delta x 84;
  // time steps 28 of 7; exp(a_log) 4. x 336 bytes, dt 112, b and c 280 each, a_log 16.
  ssd(cx, t({7, 4, 3}), t({7, 4}), {t({4}), {}, {}}, t({7, 2, 5}), t({7, 2, 5}), Spans{{0, 7, 0}}, {});
  expect("ssd", 2100 + 84 + 196 + 4, 336 + 112 + 560 + 16, 336, 16, 0);
  // d: 2 an element; dt_bias: 1 a time step; the state 4 x 5 x 3 numbers both ways.
  ssd(cx, t({7, 4, 3}), t({7, 4}), {t({4}), t({4}), t({4})}, t({7, 2, 5}), t({7, 2, 5}), Spans{{0, 7, 1}},
      t({2, 4, 5, 3}));
  expect("ssd", 2100 + 3 * 84 + 224 + 4, 336 + 112 + 560 + 48 + 240, 336 + 240, 48, 240);
}

class SsmErrors : public ::testing::Test {
 protected:
  Context cx{cpu_device(), watched_options(1, true)};
  Tensor z(const Shape& shape) {
    const std::vector<float> zeros(static_cast<size_t>(shape.count()));
    return cx.from_host(zeros.data(), shape);
  }
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

TEST_F(SsmErrors, NameWhatDoesNotFit) {
  const auto conv = [&](const Tensor& x, const Tensor& w, const Spans& spans, const Tensor& state = {}) {
    return causal_conv1d(cx, x, w, {}, spans, state, true);
  };
  refused([&] { conv(z({4, 3}), z({3, 9}), {{0, 4, 0}}); }, {"causal_conv1d", "[3, 9]", "1..8"});
  refused([&] { conv(z({4, 3}), z({2, 4}), {{0, 4, 0}}); }, {"[4, 3]", "[2, 4]"});
  refused([&] { conv(z({4, 3}), z({3, 4}), {{0, 3, 0}}); }, {"3 rows", "4"});
  refused([&] { conv(z({4, 3}), z({3, 4}), {{1, 3, 0}}); }, {"1+3"});
  refused([&] { conv(z({4, 3}), z({3, 4}), {{0, 5, 0}}); }, {"0+5"});
  refused([&] { conv(z({4, 3}), z({3, 4}), {{0, 4, 2}}, z({2, 3, 3})); }, {"slot 2", "2"});
  refused([&] { conv(z({4, 3}), z({3, 4}), {{0, 2, 1}, {2, 2, 1}}, z({2, 3, 3})); }, {"slot 1"});
  refused([&] { conv(z({4, 3}), z({3, 4}), {{0, 4, 0}}, z({2, 2, 3})); }, {"state", "[2, 2, 3]", "[3, 3]"});
  const Spans all{{0, 4, 0}};
  refused(
      [&] {
        selective_scan(cx, z({4, 3}), z({4, 3}), {z({3}), {}, {}}, z({4, 2}), z({4, 2}), {}, all, {});
      },
      {"selective_scan", "a_log"});
  refused(
      [&] {
        selective_scan(cx, z({4, 3}), z({4, 3}), {z({3, 2}), {}, {}}, z({4, 3}), z({4, 2}), {}, all, {});
      },
      {"b is", "[4, 2]"});
  refused(
      [&] {
        ssd(cx, z({4, 3, 2}), z({4, 3}), {z({3}), {}, {}}, z({4, 2, 5}), z({4, 2, 5}), all, {});
      },
      {"ssd", "multiple"});
  SsdWeights w{z({4}), {}, {}};
  w.dt_min = 2, w.dt_max = 1;
  refused(
      [&] {
        ssd(cx, z({4, 4, 2}), z({4, 4}), w, z({4, 2, 5}), z({4, 2, 5}), all, {});
      },
      {"between 2 and 1"});
  Tape tape(add);
  cx.tape = &tape;
  refused(
      [&] {
        ssd(cx, tape.watch(z({4, 4, 2})), z({4, 4}), {z({4}), {}, {}}, z({4, 2, 5}), z({4, 2, 5}), all, {});
      },
      {"ssd", "no gradient"});
  refused(
      [&] {
        conv(tape.watch(z({4, 3})), z({3, 4}), all, z({1, 3, 3}));
      },
      {"with a state", "no gradient"});
}

// y and the last state of one sequence by chunks of `chunk` tokens, its state passed on.
using Part = std::function<Tensor(Context&, int64_t begin, int64_t end, const Tensor& state)>;
std::vector<float> by_chunks(Context& cx, const Part& run, const Shape& state_shape, int64_t tokens,
                             int64_t chunk) {
  const Tensor state = cx.make(f32, state_shape);
  std::fill_n(state.ptr<float>(), state.count(), 0.0f);
  std::vector<float> all;
  for (int64_t at = 0; at < tokens; at += chunk) {
    const auto y = host(run(cx, at, std::min(tokens, at + chunk), state));
    all.insert(all.end(), y.begin(), y.end());
  }
  const auto last = host(state);
  all.insert(all.end(), last.begin(), last.end());
  return all;
}

struct Scans {
  explicit Scans(int64_t tokens) : t(tokens) {}
  int64_t t;
  static Spans one(int64_t n) { return {{0, n, 0}}; }
  Part conv() const {
    return [this](Context& cx, int64_t b, int64_t e, const Tensor& state) {
      CaseInputs in(cx, 3);
      return causal_conv1d(cx, in.normal("x", {t, 70}).slice(0, b, e), in.normal("w", {70, 4}),
                           in.normal("bias", {70}), one(e - b), state, true);
    };
  }
  Part scan() const {
    return [this](Context& cx, int64_t b, int64_t e, const Tensor& state) {
      CaseInputs in(cx, 3);
      const auto rows = [&](const char* name, int64_t n) { return in.normal(name, {t, n}).slice(0, b, e); };
      return selective_scan(
          cx, rows("x", 70), rows("dt", 70),
          {in.normal("a_log", {70, 16}, f32, 0.7f), in.normal("bias", {70}), in.normal("d", {70})},
          rows("b", 16), rows("c", 16), rows("z", 70), one(e - b), state);
    };
  }
  Part duality() const {
    return [this](Context& cx, int64_t b, int64_t e, const Tensor& state) {
      CaseInputs in(cx, 3);
      const auto rows = [&](const char* name, int64_t h, int64_t n) {
        return in.normal(name, {t, h, n}).slice(0, b, e);
      };
      return ssd(cx, rows("x", 2, 64), in.normal("dt", {t, 2}).slice(0, b, e),
                 {in.normal("a_log", {2}, f32, 0.7f), in.normal("bias", {2}), in.normal("d", {2})},
                 rows("b", 1, 128), rows("c", 1, 128), one(e - b), state);
    };
  }
};

TEST(Scans, ChunksPassTheirStateOn) {
  const Scans s(300);
  Context cx(cpu_device(), watched_options(2, true));
  for (const int64_t chunk : {1, 7, 64, 100}) {
    EXPECT_TRUE(same_bits(by_chunks(cx, s.conv(), {1, 3, 70}, 300, chunk),
                          by_chunks(cx, s.conv(), {1, 3, 70}, 300, 300)));
    EXPECT_TRUE(same_bits(by_chunks(cx, s.scan(), {1, 16, 70}, 300, chunk),
                          by_chunks(cx, s.scan(), {1, 16, 70}, 300, 300)));
    // One path for short sequences, another for long ones: equal within rounding.
    const auto a = by_chunks(cx, s.duality(), {1, 2, 128, 64}, 300, chunk),
               b = by_chunks(cx, s.duality(), {1, 2, 128, 64}, 300, 300);
    EXPECT_LT(difference(a.data(), b.data(), static_cast<int64_t>(a.size())).relative, 2e-6) << chunk;
  }
}

// 4,096 tokens by every kernel against the recurrence in double: a normalised mean squared error of 2e-7 is
// what the field asks of a scan.
TEST(Scans, LongSequencesWithinThePublishedTolerance) {
  const Scans s(4096);
  const auto check = [&](const char* op, const Part& run, const Shape& state) {
    Context exact(cpu_device(), reference_of(op));
    const auto expected = by_chunks(exact, run, state, 4096, 4096);
    for_each_kernel(op, [&](const Kernel& k, const Level& level) {
      ContextOptions o = watched_options(2, true, level.features);
      o.kernels[op] = k.name;
      Context cx(cpu_device(), o);
      const auto out = by_chunks(cx, run, state, 4096, 4096);
      const double relative =
          difference(out.data(), expected.data(), static_cast<int64_t>(out.size())).relative;
      EXPECT_LT(relative * relative, 2e-7) << op << " by " << k.name;
      ::testing::Test::RecordProperty(std::string(op) + " " + k.name, fmt::format("{:.2e}", relative));
      return std::string();
    });
  };
  check("selective_scan", s.scan(), {1, 16, 70});
  check("ssd", s.duality(), {1, 2, 128, 64});
}

}  // namespace
}  // namespace ridge

// The sampler against distributions worked out by hand.
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/error.h"

namespace ridge {
namespace {

// Logits of the probabilities 0.15, 0.5, 0.1, 0.25 for ids 0 to 3, shifted: softmax does not see the shift.
const std::vector<float> kLogits{std::log(0.15f) + 3, std::log(0.5f) + 3, std::log(0.1f) + 3,
                                 std::log(0.25f) + 3};

SamplerOptions all_open() {
  SamplerOptions o;
  o.temperature = 1, o.top_k = 0, o.top_p = 1, o.min_p = 0, o.repeat_penalty = 1;
  return o;
}

void expect(const SamplerOptions& o, const std::vector<std::pair<int32_t, double>>& wanted,
            const std::vector<float>& logits = kLogits, const std::vector<int32_t>& history = {}) {
  const auto d = Sampler(o).distribution(logits, history);
  ASSERT_EQ(d.size(), wanted.size());
  for (size_t i = 0; i < d.size(); ++i) {
    EXPECT_EQ(d[i].id, wanted[i].first) << "place " << i;
    EXPECT_NEAR(d[i].probability, wanted[i].second, 1e-6) << "place " << i;
  }
}

TEST(Sampler, NoFilter) { expect(all_open(), {{1, 0.5}, {3, 0.25}, {0, 0.15}, {2, 0.1}}); }

TEST(Sampler, TopK) {
  auto o = all_open();
  o.top_k = 2;
  expect(o, {{1, 2.0 / 3}, {3, 1.0 / 3}});
  o.top_k = 1;
  expect(o, {{1, 1}});
  o.top_k = 99;
  expect(o, {{1, 0.5}, {3, 0.25}, {0, 0.15}, {2, 0.1}});
}

TEST(Sampler, TopPKeepsTheSmallestSetThatHoldsP) {
  auto o = all_open();
  o.top_p = 0.4;
  expect(o, {{1, 1}});
  o.top_p = 0.6;  // 0.5 alone is too little
  expect(o, {{1, 2.0 / 3}, {3, 1.0 / 3}});
  o.top_p = 0.8;
  expect(o, {{1, 0.5 / 0.9}, {3, 0.25 / 0.9}, {0, 0.15 / 0.9}});
  o.top_p = 0;  // the likeliest always stays
  expect(o, {{1, 1}});
}

TEST(Sampler, MinPIsAShareOfTheLikeliest) {
  auto o = all_open();
  o.min_p = 0.25;  // 0.125 and more
  expect(o, {{1, 0.5 / 0.9}, {3, 0.25 / 0.9}, {0, 0.15 / 0.9}});
  o.min_p = 0.45;
  expect(o, {{1, 2.0 / 3}, {3, 1.0 / 3}});
  o.min_p = 1;
  expect(o, {{1, 1}});
}

TEST(Sampler, TemperatureIsAPower) {
  auto o = all_open();
  o.temperature = 0.5;  // squares: 0.25, 0.0625, 0.0225, 0.01 of 0.345
  expect(o, {{1, 0.25 / 0.345}, {3, 0.0625 / 0.345}, {0, 0.0225 / 0.345}, {2, 0.01 / 0.345}});
}

TEST(Sampler, FiltersLookAtTheUntemperedProbabilities) {
  auto o = all_open();
  o.temperature = 0.5, o.top_p = 0.8;  // after the temperature 0.5 / 0.345 = 0.72 and 0.91: two would do
  const double sum = 0.25 + 0.0625 + 0.0225;
  expect(o, {{1, 0.25 / sum}, {3, 0.0625 / sum}, {0, 0.0225 / sum}});
  o.top_k = 3, o.top_p = 0.9;  // of the three left 0.5 / 0.9 = 0.56, 0.83, 1: top-p needs all
  expect(o, {{1, 0.25 / sum}, {3, 0.0625 / sum}, {0, 0.0225 / sum}});
  o.top_p = 0.82;  // without top-k 0.82 would need three: 0.5, 0.75, 0.9
  expect(o, {{1, 0.8}, {3, 0.2}});
}

TEST(Sampler, RepeatPenalty) {
  auto o = all_open();
  o.repeat_penalty = 2;
  const std::vector<float> logits{2, -1, 0.5f};
  const double sum = std::exp(1.0) + std::exp(-2.0) + std::exp(0.5);
  expect(o, {{0, std::exp(1.0) / sum}, {2, std::exp(0.5) / sum}, {1, std::exp(-2.0) / sum}}, logits,
         {1, 0, 0, 0});
  o.repeat_last = 1;  // only the last token: id 0
  const double less = std::exp(1.0) + std::exp(-1.0) + std::exp(0.5);
  expect(o, {{0, std::exp(1.0) / less}, {2, std::exp(0.5) / less}, {1, std::exp(-1.0) / less}}, logits,
         {1, 0});
  o.repeat_last = 0;
  const double none = std::exp(2.0) + std::exp(-1.0) + std::exp(0.5);
  expect(o, {{0, std::exp(2.0) / none}, {2, std::exp(0.5) / none}, {1, std::exp(-1.0) / none}}, logits,
         {1, 0});
  o.temperature = 0, o.repeat_last = -1, o.repeat_penalty = 5;
  EXPECT_EQ(Sampler(o).sample(logits, std::vector<int32_t>{0}), 2);  // 2 / 5 < 0.5
}

TEST(Sampler, GreedyTakesTheFirstOfTheLargest) {
  auto o = all_open();
  o.temperature = 0;
  EXPECT_EQ(Sampler(o).sample(kLogits, {}), 1);
  EXPECT_EQ(Sampler(o).sample(std::vector<float>{1, 3, 3, 2}, {}), 1);
}

TEST(Sampler, TiesGoByTheId) {
  auto o = all_open();
  o.top_k = 2;
  expect(o, {{0, 0.5}, {1, 0.5}}, std::vector<float>(5, 1.0f));
}

TEST(Sampler, BrokenLogits) {
  auto o = all_open();
  const float nan = std::nanf("");
  expect(o, {{2, 1}}, {nan, -INFINITY, -5, nan});
  expect(o, {{1, 1}}, {0, INFINITY, 3});
  o.temperature = 0;
  expect(o, {{3, 1}}, {nan, -INFINITY, -5, -4});
  EXPECT_THROW(Sampler(o).sample(std::vector<float>{nan, -INFINITY}, {}), Error);
  EXPECT_THROW(Sampler(o).sample(std::vector<float>{}, {}), Error);
}

TEST(Sampler, OptionsOutOfRange) {
  const auto bad = [](auto change) {
    SamplerOptions o;
    change(o);
    EXPECT_THROW(Sampler{o}, Error);
  };
  bad([](auto& o) { o.temperature = -1; });
  bad([](auto& o) { o.temperature = std::nan(""); });
  bad([](auto& o) { o.top_k = -1; });
  bad([](auto& o) { o.top_p = 1.5; });
  bad([](auto& o) { o.min_p = -0.1; });
  bad([](auto& o) { o.repeat_penalty = 0; });
  bad([](auto& o) { o.repeat_last = -2; });
}

// Draws follow the distribution: Pearson's chi-square, 3 degrees of freedom, beyond 16.27 once in a thousand.
TEST(Sampler, DrawsFollowTheDistribution) {
  auto o = all_open();
  o.seed = 7;
  Sampler sampler(o);
  std::map<int32_t, double> counts;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) ++counts[sampler.sample(kLogits, {})];
  double chi = 0;
  const double wanted[] = {0.15, 0.5, 0.1, 0.25};
  for (int id = 0; id < 4; ++id) {
    const double e = wanted[id] * kDraws;
    chi += (counts[id] - e) * (counts[id] - e) / e;
  }
  EXPECT_LT(chi, 16.27);
}

TEST(Sampler, TheSeedDecides) {
  auto o = all_open();
  const auto draw = [&](uint64_t seed) {
    o.seed = seed;
    Sampler s(o);
    std::vector<int32_t> ids;
    for (int i = 0; i < 64; ++i) ids.push_back(s.sample(kLogits, {}));
    return ids;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

}  // namespace
}  // namespace ridge

// Perplexity against the logits and the figures of the reference.
#include "engine/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "files/safetensors.h"
#include "support.h"

namespace ridge {
namespace {

EvalOptions exact(int64_t window) {
  EvalOptions o;
  o.window = window;
  o.context.exact = true;
  return o;
}

// Rows of input_ids as one text of windows without BOS; what they should score out of the reference's logits.
struct Rows {
  std::vector<int32_t> ids;
  int64_t length = 0;
  std::vector<double> nll;  // of token 1 .. length - 1 of each row
};

Rows rows() {
  const Safetensors s = Safetensors::open(testing::data("models/fable-1m/expected.safetensors"));
  const Tensor ids = s.tensor(*s.find("input_ids")), logits = s.tensor(*s.find("logits"));
  Rows r;
  r.length = ids.dim(1);
  const int64_t vocab = logits.dim(2);
  for (int64_t i = 0; i < ids.count(); ++i) r.ids.push_back(static_cast<int32_t>(ids.ptr<int64_t>()[i]));
  for (int64_t row = 0; row < ids.dim(0); ++row)
    for (int64_t t = 1; t < r.length; ++t) {
      const float* x = logits.ptr<float>() + (row * r.length + t - 1) * vocab;
      double sum = 0;
      for (int64_t v = 0; v < vocab; ++v) sum += std::exp(static_cast<double>(x[v]));
      r.nll.push_back(std::log(sum) - x[r.ids[static_cast<size_t>(row * r.length + t)]]);
    }
  return r;
}

TEST(Evaluate, MatchesTheReferencesLogits) {
  const Rows r = rows();
  auto& model = *testing::fable().model;
  double sum = 0, squares = 0;
  for (const double x : r.nll) sum += x;
  const double n = static_cast<double>(r.nll.size()), mean = sum / n;
  for (const double x : r.nll) squares += (x - mean) * (x - mean);
  const EvalResult e = evaluate(model, r.ids, 1000, exact(r.length));
  EXPECT_EQ(e.tokens_scored, static_cast<int64_t>(r.nll.size()));
  EXPECT_NEAR(e.nll, mean, 1e-5);
  EXPECT_NEAR(e.ppl, std::exp(mean), 1e-4 * std::exp(mean));
  EXPECT_NEAR(e.nll_error, std::sqrt(squares / (n - 1) / n), 1e-5);
  EXPECT_NEAR(e.ppl_error, e.ppl * e.nll_error, 1e-9);
  EXPECT_NEAR(e.bits_per_byte, mean / std::log(2.0) * static_cast<double>(r.ids.size()) / 1000, 1e-5);

  auto half = exact(r.length);
  half.second_half = true;
  double sum_half = 0;
  int64_t count = 0;
  for (size_t i = 0; i < r.nll.size(); ++i)
    if (static_cast<int64_t>(i) % (r.length - 1) + 1 >= r.length / 2) sum_half += r.nll[i], ++count;
  const EvalResult h = evaluate(model, r.ids, 1000, half);
  EXPECT_EQ(h.tokens_scored, count);
  EXPECT_NEAR(h.nll, sum_half / static_cast<double>(count), 1e-5);
}

TEST(Evaluate, BosGoesBeforeEachWindow) {
  auto& model = *testing::fable().model;
  const auto ids =
      testing::fable().text().encode(read_file(testing::data("texts/fable.txt")), {false, false});
  auto o = exact(64);
  o.bos = 1;
  const EvalResult a = evaluate(model, ids, 1, o);
  EXPECT_EQ(a.windows, static_cast<int64_t>(ids.size()) / 63);
  EXPECT_EQ(a.tokens_scored, a.windows * 63);
  // The same windows written out with their BOS score the same.
  std::vector<int32_t> written;
  for (int64_t w = 0; w < a.windows; ++w) {
    written.push_back(1);
    written.insert(written.end(), ids.begin() + w * 63, ids.begin() + (w + 1) * 63);
  }
  const EvalResult b = evaluate(model, written, 1, exact(64));
  EXPECT_EQ(b.tokens_scored, a.tokens_scored);
  EXPECT_DOUBLE_EQ(a.nll, b.nll);
  EXPECT_LT(a.ppl, 200);  // a trained model, on text of its kind
}

TEST(Evaluate, Limits) {
  auto& model = *testing::fable().model;
  const std::vector<int32_t> ids(100, 7);
  EXPECT_THROW(evaluate(model, ids, 1, exact(101)), Error);
  EXPECT_THROW(evaluate(model, ids, 1, exact(1)), Error);
  EXPECT_THROW(evaluate(model, ids, 1, exact(1 << 20)), Error);
  EXPECT_THROW(evaluate(model, std::vector<int32_t>(100, 1 << 20), 1, exact(50)), Error);
  auto o = exact(10);
  o.most_windows = 3;
  int64_t calls = 0;
  o.progress = [&](int64_t done, int64_t all, double nll) {
    EXPECT_EQ(done, ++calls);
    EXPECT_EQ(all, 3);
    EXPECT_GT(nll, 0);
  };
  EXPECT_EQ(evaluate(model, ids, 1, o).windows, 3);
  std::atomic<bool> cancel{true};
  o.cancel = &cancel;
  const EvalResult none = evaluate(model, ids, 1, o);
  EXPECT_TRUE(none.cancelled);
  EXPECT_EQ(none.tokens_scored, 0);
}

TEST(Evaluate, NegativeLogLikelihood) {
  const float x[] = {1, 2, 3};
  const double sum = std::exp(1.0) + std::exp(2.0) + std::exp(3.0);
  EXPECT_NEAR(negative_log_likelihood(x, 3, 0), std::log(sum) - 1, 1e-6);
  const float large[] = {1000, 0};
  EXPECT_NEAR(negative_log_likelihood(large, 2, 0), 0, 1e-6);
  EXPECT_NEAR(negative_log_likelihood(large, 2, 1), 1000, 1e-3);
}

// expected.json of the trained models: the whole validation text by both protocols, within 0.05 %.
class Perplexity : public ::testing::TestWithParam<std::string> {};

TEST_P(Perplexity, OfTheValidationText) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string folder = shared + "/models/" + GetParam();
  const OpenedModel opened = open_model(folder);
  const Json expected = read_json(folder + "/expected.json")["perplexity"];
  const std::string text = read_file(shared + "/data/fables/valid.txt");
  const auto ids = opened.text().encode(text, {false, false});
  EXPECT_EQ(static_cast<int64_t>(text.size()), expected["valid text"]["bytes"].get<int64_t>());
  ASSERT_EQ(static_cast<int64_t>(ids.size()), expected["valid text"]["tokens"].get<int64_t>());
  for (const bool half : {false, true}) {
    auto o = exact(512);
    o.bos = opened.text().special().bos.value();
    o.second_half = half;
    const EvalResult r = evaluate(*opened.model, ids, static_cast<int64_t>(text.size()), o);
    const Json& want = expected[half ? "valid second-half" : "valid all"];
    EXPECT_EQ(r.tokens_scored, want["tokens_scored"].get<int64_t>());
    EXPECT_NEAR(r.ppl / want["ppl"].get<double>(), 1, 5e-4);
    EXPECT_NEAR(r.nll, want["nll"].get<double>(), 5e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Trained, Perplexity, ::testing::Values("fable-1m", "fable-7m"),
                         [](const auto& i) { return i.param == "fable-1m" ? "fable_1m" : "fable_7m"; });

}  // namespace
}  // namespace ridge

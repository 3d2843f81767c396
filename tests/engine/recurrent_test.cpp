// What a state remembers is all that matters: fed whole, in chunks or token by token, forked, cleared, or
// beside other sequences, every golden model that writes says the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "context/cases.h"
#include "files/checkpoint.h"
#include "models/load.h"
#include "models/registry.h"
#include "testing.h"

namespace ridge {
namespace {

// Whether the model of a folder writes by itself: encoders and encoder-decoders have tests of their own.
bool writes(const std::string& folder) {
  try {
    return find_model(ConfigKeys::reading(Checkpoint::open(folder))).make()->kind() == ModelKind::decoder;
  } catch (const Error&) {
    return true;  // the tests say what is wrong with it
  }
}

std::vector<std::string> folders() {
  std::vector<std::string> found;
  for (const char* root : {"golden", "options"})
    for (const auto& e : std::filesystem::directory_iterator(testing::data(root)))
      if (std::filesystem::exists(e.path() / "expected.safetensors") && writes(e.path().string()))
        found.push_back(e.path().string());
  std::sort(found.begin(), found.end());
  return found;
}

using Ids = std::vector<int32_t>;

}  // namespace

class Remembered : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { model = load_model(Checkpoint::open(GetParam())); }

  std::unique_ptr<State> fresh(int slots, int64_t capacity = 80) {
    return model->make_state(cx.device(), slots, capacity, f32);
  }

  // Ids of every kind, the same for the same seed.
  Ids ids(int64_t n, int64_t seed) const {
    Ids v;
    const int64_t from = std::min<int64_t>(3, model->size().vocab - 1);
    for (int64_t i = 0; i < n; ++i)
      v.push_back(
          static_cast<int32_t>(from + (i * 7 + seed * 13 + i * i % 11) % (model->size().vocab - from)));
    return v;
  }

  // Logits [n, vocab] of the next tokens of one slot, fed `chunk` at a time.
  std::vector<float> feed(State& state, int slot, const Ids& tokens, size_t chunk = 1000) {
    std::vector<float> all;
    for (size_t at = 0; at < tokens.size(); at += chunk) {
      Batch batch;
      batch.add(slot,
                Ids(tokens.begin() + static_cast<std::ptrdiff_t>(at),
                    tokens.begin() + static_cast<std::ptrdiff_t>(std::min(at + chunk, tokens.size()))),
                false);
      const Tensor y = model->forward(cx, batch, &state);
      all.insert(all.end(), y.ptr<float>(), y.ptr<float>() + y.count());
    }
    return all;
  }

  // Within what rounding does to a recurrence, and the same tokens wherever that is more than a rounding
  // error apart.
  void expect_same(const std::vector<float>& out, const std::vector<float>& expected, const char* what) {
    ASSERT_EQ(out.size(), expected.size()) << what;
    const auto n = static_cast<int64_t>(out.size());
    EXPECT_LT(difference(out.data(), expected.data(), n).relative, 2e-5) << what;
    const auto vocab = static_cast<size_t>(model->size().vocab);
    for (size_t r = 0; r + vocab <= out.size(); r += vocab) {
      const auto best = [&](const std::vector<float>& v) {
        return std::max_element(v.begin() + static_cast<std::ptrdiff_t>(r),
                                v.begin() + static_cast<std::ptrdiff_t>(r + vocab)) -
               v.begin() - static_cast<std::ptrdiff_t>(r);
      };
      const auto a = static_cast<size_t>(best(out)), b = static_cast<size_t>(best(expected));
      if (a != b) {
        EXPECT_LT(expected[r + b] - expected[r + a], 1e-4) << what << ", row " << r / vocab;
      }
    }
  }

  Context cx{cpu_device(), ContextOptions{.threads = 2, .exact = true, .poison = true}};
  std::unique_ptr<Model> model;
};

TEST_P(Remembered, WholeInChunksAndTokenByToken) {
  // As much as there is room for: some RoPEs choose their frequencies by that.
  const Ids prompt = ids(40, 1);
  const auto whole = feed(*fresh(1, 40), 0, prompt);
  for (const size_t chunk : {1, 3, 17}) {
    auto state = fresh(1, 40);
    expect_same(feed(*state, 0, prompt, chunk), whole, "in chunks");
    EXPECT_EQ(state->length(0), 40);
  }
  const Tensor without = model->forward(cx, Batch::one(prompt), nullptr);
  expect_same({without.ptr<float>(), without.ptr<float>() + without.count()}, whole, "without a state");
}

TEST_P(Remembered, ForkAndContinueEqualsRecompute) {
  auto state = fresh(3);
  const Ids prompt = ids(23, 2), one = ids(9, 3), other = ids(11, 4);
  feed(*state, 0, prompt);
  feed(*state, 2, ids(5, 9));  // what was there is forgotten
  state->fork(0, 2);
  EXPECT_EQ(state->length(2), 23);
  const auto a = feed(*state, 0, one), b = feed(*state, 2, other);
  const auto recomputed = [&](const Ids& end) {
    auto again = fresh(1);
    feed(*again, 0, prompt);
    return feed(*again, 0, end);
  };
  expect_same(a, recomputed(one), "the original");
  expect_same(b, recomputed(other), "the fork");
}

TEST_P(Remembered, AClearedSlotIsFresh) {
  auto state = fresh(2);
  const Ids prompt = ids(12, 5);
  const auto first = feed(*state, 1, prompt);
  feed(*state, 1, ids(7, 6));
  state->truncate(1, 0);
  expect_same(feed(*state, 1, prompt), first, "after truncate to nothing");
  if (!state->can_truncate()) {
    EXPECT_THROW(state->truncate(1, 5), Error);
    return;
  }
  state->truncate(1, 5);
  const auto rest = feed(*state, 1, Ids(prompt.begin() + 5, prompt.end()));
  expect_same(rest, {first.end() - static_cast<std::ptrdiff_t>(rest.size()), first.end()},
              "after truncate to 5");
}

// Bit for bit: rows of several sequences and lengths in one call, against each alone.
TEST_P(Remembered, ABatchOfDifferentLengthsGivesEachRowItsOwn) {
  const std::vector<Ids> prompts{ids(1, 7), ids(33, 8), ids(2, 9), ids(18, 10)};
  const int64_t vocab = model->size().vocab;
  auto together = fresh(5);
  for (int round = 0; round < 2; ++round) {
    Batch batch;
    for (int s = 0; s < 4; ++s) batch.add(4 - s, prompts[static_cast<size_t>(s)], false);
    const Tensor y = model->forward(cx, batch, together.get());
    int64_t row = 0;
    for (int s = 0; s < 4; ++s) {
      const Ids& own = prompts[static_cast<size_t>(s)];
      auto alone = fresh(1);
      if (round == 1) feed(*alone, 0, own);
      const auto expected = feed(*alone, 0, own);
      EXPECT_EQ(std::memcmp(y.ptr<float>() + row * vocab, expected.data(), expected.size() * 4), 0)
          << "sequence " << s << " of " << own.size() << " tokens, round " << round;
      row += static_cast<int64_t>(own.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Remembered, ::testing::ValuesIn(folders()),
                         [](const auto& i) { return std::filesystem::path(i.param).filename().string(); });

}  // namespace ridge

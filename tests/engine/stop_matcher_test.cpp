// Stop strings, in whatever pieces the text comes.
#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ridge {
namespace {

std::string feed(const std::vector<std::string>& stops, const std::vector<std::string>& pieces,
                 bool* matched = nullptr) {
  StopMatcher m(stops);
  std::string out;
  for (const auto& p : pieces) out += m.push(p);
  out += m.finish();
  if (matched) *matched = m.matched();
  return out;
}

TEST(StopMatcher, HoldsBackWhatMayBeABeginning) {
  StopMatcher m({"END", ""});
  EXPECT_EQ(m.push("the E"), "the ");
  EXPECT_EQ(m.push("N"), "");
  EXPECT_EQ(m.push("x"), "ENx");
  EXPECT_EQ(m.push("EEND more"), "E");
  EXPECT_TRUE(m.matched());
  EXPECT_EQ(m.push("END"), "");
  EXPECT_EQ(m.finish(), "");
}

TEST(StopMatcher, WithoutAMatchNothingIsLost) {
  bool matched = true;
  EXPECT_EQ(feed({"aab"}, {"a", "a", "a"}, &matched), "aaa");
  EXPECT_FALSE(matched);
}

// Texts and stops of two letters, cut anywhere: the match that ends first, found by looking at every
// position.
TEST(StopMatcher, PiecesDoNotMatter) {
  Random random(5);
  const auto word = [&](uint32_t most) {
    std::string s;
    for (uint32_t i = 0, n = 1 + random.below(most); i < n; ++i) s += random.below(2) ? 'a' : 'b';
    return s;
  };
  int matches = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string text = word(20);
    std::vector<std::string> stops{word(6), word(6), word(6)}, pieces;
    std::string wanted = text;
    bool should = false;
    for (size_t end = 1; end <= text.size() && !should; ++end)
      for (size_t begin = 0; begin < end && !should; ++begin)
        for (const auto& s : stops)
          if (text.compare(begin, end - begin, s) == 0) should = true, wanted = text.substr(0, begin);
    for (size_t at = 0; at < text.size();) {
      const size_t n = 1 + random.below(4);
      pieces.push_back(text.substr(at, n));
      at += n;
    }
    bool matched = false;
    EXPECT_EQ(feed(stops, pieces, &matched), wanted)
        << text << " | " << stops[0] << " " << stops[1] << " " << stops[2];
    EXPECT_EQ(matched, should);
    matches += matched;
  }
  EXPECT_GT(matches, 300);
}

}  // namespace
}  // namespace ridge

// The hand-written scanners against PCRE2 on the patterns they stand for.
#include <gtest/gtest.h>

#include <random>

#include "text/pretokenize.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

const char* const kPatterns[] = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};

std::vector<std::string> by_pattern(const Pattern& pattern, std::string_view text) {
  std::vector<Span> matches;
  pattern.find_all(text, matches);
  std::vector<std::string_view> pieces;
  split_by(text, matches, Behaviour::isolated, false, pieces);
  return {pieces.begin(), pieces.end()};
}

std::vector<std::string> by_scanner(Scanner scanner, std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const size_t n = scanner(text.data(), text.data() + text.size());
    if (n == 0 || n > text.size()) {
      ADD_FAILURE() << "a word of " << n << " bytes";
      return out;
    }
    out.emplace_back(text.substr(0, n));
    text.remove_prefix(n);
  }
  return out;
}

class Scanners : public ::testing::TestWithParam<const char*> {};

TEST_P(Scanners, AllCharacters) {
  const Scanner scanner = scanner_for(GetParam());
  ASSERT_NE(scanner, nullptr);
  const Pattern pattern = Pattern::regex(GetParam(), "test");
  for (const char* context : {"", "a", " ", "1", "'", "\n", "!", "  "}) {
    std::string text;
    for (uint32_t c = 1; c < 0x110000; ++c) {
      if (c == 0xD800) c = 0xE000;
      utf8_append(text, c);
      text += context;
      if (text.size() > 30000 || c == 0x10FFFF) {
        ASSERT_EQ(by_scanner(scanner, text), by_pattern(pattern, text)) << "near U+" << std::hex << c;
        text.clear();
      }
    }
  }
}

TEST_P(Scanners, RandomTexts) {
  const Scanner scanner = scanner_for(GetParam());
  const Pattern pattern = Pattern::regex(GetParam(), "test");
  const std::u32string kAlphabets[] = {
      U"ab \n\r\t'sStTrReEvVlLmMdD", U"a1 2\u00B2\u0664.,!?'\n \u00A0\u2003\u180E\u0085\u200B",
      U"\u017Fx's'\u017F\u212A e\u0301\u0323\u4E2D\u304B\uAC00\U0001F680\U0001F1E9\u200D\uFE0F1",
      U" \n\r\t\v\f  a"};
  std::mt19937 random(7);
  for (int round = 0; round < 4000; ++round) {
    const std::u32string& alphabet = kAlphabets[random() % std::size(kAlphabets)];
    std::string text;
    for (size_t n = random() % 40 + 1; n > 0; --n) utf8_append(text, alphabet[random() % alphabet.size()]);
    ASSERT_EQ(by_scanner(scanner, text), by_pattern(pattern, text)) << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Published, Scanners, ::testing::ValuesIn(kPatterns), [](const auto& info) {
  return std::string(1, static_cast<char>('A' + info.index));
});

}  // namespace
}  // namespace ridge::text

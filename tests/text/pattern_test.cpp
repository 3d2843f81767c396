// Oniguruma's reading of patterns; the expected pieces were taken from the `tokenizers` library.
#include "text/pattern.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

std::vector<std::string> find(const char* pattern, std::string_view text) {
  std::vector<Span> matches;
  Pattern::regex(pattern, "test").find_all(text, matches);
  std::vector<std::string> out;
  for (const auto& [begin, end] : matches) out.emplace_back(text.substr(begin, end - begin));
  return out;
}
using Words = std::vector<std::string>;

TEST(Pattern, ReadsWhatOnigurumaReads) {
  EXPECT_EQ(find(R"([\p{L}&&[^aeiou]]+)", "banana xyz"), (Words{"b", "n", "n", "xyz"}));
  EXPECT_EQ(find(R"([a-c[x-z]]+)", "abcmxyz"), (Words{"abc", "xyz"}));
  EXPECT_EQ(find(R"([^a-c[x-z]]+)", "abcmnxyz"), (Words{"mn"}));
  EXPECT_EQ(find(R"(\h+)", "12gh1F"), (Words{"12", "1F"}));
  EXPECT_EQ(find(R"(\p{N}{1,3}+)", "1234567 89"), (Words{"1234567", "89"}));
  EXPECT_EQ(find(R"(a{,2})", "aaa"), (Words{"aa", "a"}));
  EXPECT_EQ(find(R"(^\w+$)", "ab\ncd"), (Words{"ab", "cd"}));
  EXPECT_EQ(find(R"((?m:a.b))", "a\nb"), (Words{"a\nb"}));
  EXPECT_EQ(find(R"(\p{^L}+)", "ab12cd"), (Words{"12"}));
  EXPECT_EQ(find(R"([^\W\d_]+)", "ab_12cd"), (Words{"ab", "cd"}));
  EXPECT_EQ(find(R"([\S\n]+)", "a\n b"), (Words{"a\n", "b"}));
  EXPECT_EQ(find(R"([^\S\n]+)", "a \n\t b"), (Words{" ", "\t "}));
  EXPECT_EQ(find(R"([\D3]+)", "12a345"), (Words{"a3"}));
  EXPECT_EQ(find(R"([^\P{L}e]+)", "1here"), (Words{"h", "r"}));
  EXPECT_EQ(find(R"([[:punct:]]+)", "a+b$!"), (Words{"+", "$!"}));
  EXPECT_EQ(find("\\s+",
                 "a\xE1\xA0\x8E"
                 "b\xC2\x85"
                 "c"),
            (Words{"\xC2\x85"}));  // U+180E is no blank
  EXPECT_EQ(find(R"(\d{1,3}(?=(?:\d{3})*\b))", "1234567"), (Words{"1", "234", "567"}));
}

TEST(Pattern, CharactersAssignedAfterTheLibrary) {
  std::string text = "a";
  utf8_append(text, 0x2EBF0);  // CJK extension I, Unicode 15.1
  EXPECT_EQ(find(R"(\p{L}+)", text), (Words{text}));
  EXPECT_EQ(find(R"([^\s\p{L}\p{N}]+)", text), Words{});
}

TEST(Pattern, EmptyMatches) {
  EXPECT_EQ(find("a*", "baac").size(), 3u);  // "", "aa", ""
  EXPECT_EQ(find("(?=b)", "abab").size(), 2u);
}

TEST(Pattern, BadOnesFail) {
  for (const char* bad :
       {"(", "[a", "\\p{Nonsense}", "a\\", "(*ACCEPT)a", "\\p{L", "[[:nonsense:]]", "x{9999999}", "\\u12"})
    EXPECT_THROW(Pattern::regex(bad, "test"), Error) << bad;
  EXPECT_THROW(Pattern::regex(std::string(100000, 'a'), "test"), Error);
  EXPECT_THROW(Pattern::regex(std::string(2000, '['), "test"), Error);
}

TEST(Pattern, BacktrackingIsBounded) {
  std::vector<Span> matches;
  EXPECT_THROW(Pattern::regex("(a+)+$", "test").find_all(std::string(64, 'a') + "b", matches), Error);
}

}  // namespace
}  // namespace ridge::text

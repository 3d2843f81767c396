#include "text/unicode.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <random>

namespace ridge::text {
namespace {

TEST(Utf8, ReplacesMaximalSubparts) {
  const std::string r(kReplacement);
  EXPECT_EQ(utf8_replace_invalid("a\xE4\xBD"
                                 "b"),
            "a" + r + "b");
  EXPECT_EQ(utf8_replace_invalid("\xF0\x9F\x98"), r);
  EXPECT_EQ(utf8_replace_invalid("\xC0\x80"), r + r);          // overlong
  EXPECT_EQ(utf8_replace_invalid("\xED\xA0\x80"), r + r + r);  // a surrogate
  EXPECT_EQ(utf8_replace_invalid("\xF4\x90\x80\x80"), r + r + r + r);
  EXPECT_EQ(utf8_replace_invalid("\xFF\xFE"), r + r);
  EXPECT_EQ(utf8_replace_invalid("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(utf8_cut_tail("a\xF0\x9F\x98"), 3u);
  EXPECT_EQ(utf8_cut_tail("a\xE4\xBD\xA0"), 0u);
  EXPECT_EQ(utf8_cut_tail("a\x80"), 0u);
}

TEST(Utf8, EveryCharacterGoesBothWays) {
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c == 0xD800) c = 0xE000;
    std::string s;
    utf8_append(s, c);
    ASSERT_EQ(utf8_decode(s.c_str()), c);
    ASSERT_TRUE(utf8_step(s).valid);
    ASSERT_EQ(utf8_length(static_cast<unsigned char>(s[0])), s.size());
  }
}

// utf8proc's own normalization of strings is another path through its data: it sorts, we sort runs.
TEST(Normalize, EqualsTheLibraryWhereBothKnowTheCharacters) {
  const std::pair<Form, int> kForms[] = {{Form::nfc, UTF8PROC_COMPOSE},
                                         {Form::nfd, UTF8PROC_DECOMPOSE},
                                         {Form::nfkc, UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
                                         {Form::nfkd, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT}};
  const std::u32string alphabet =
      U"aeo\u0301\u0323\u0327\u0308\u1EA5\uFB01\uFF21\u2460\uAC01\u1100\u1161\u11A8\u0915\u093C\u05D0\u05B0"
      U"\u05BC\u3099\u304B";
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (size_t n = random() % 24; n > 0; --n) utf8_append(text, alphabet[random() % alphabet.size()]);
    for (const auto& [form, options] : kForms) {
      utf8proc_uint8_t* expected = nullptr;
      const auto n = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                  static_cast<utf8proc_ssize_t>(text.size()), &expected,
                                  static_cast<utf8proc_option_t>(UTF8PROC_STABLE | options));
      ASSERT_GE(n, 0);
      const std::string want(reinterpret_cast<char*>(expected), static_cast<size_t>(n));
      std::free(expected);
      ASSERT_EQ(normalize(text, form), want) << round;
    }
  }
}

TEST(Normalize, ManyMarksInReverseOrderStayFast) {
  std::string text = "a";
  for (int i = 0; i < 200000; ++i) text += i % 2 ? "\xCC\xA3" : "\xCC\x81";  // below, above
  EXPECT_EQ(normalize(text, Form::nfd).size(), text.size());
}

TEST(ByteAlphabet, IsThatOfGpt2) {
  EXPECT_EQ(byte_character(' '), "\xC4\xA0");   // Ġ
  EXPECT_EQ(byte_character('\n'), "\xC4\x8A");  // Ċ
  EXPECT_EQ(byte_character('!'), "!");
  EXPECT_EQ(byte_character(0xAD), "\xC5\x83");  // the last one
  std::string all, back;
  for (int b = 0; b < 256; ++b) all += static_cast<char>(b);
  ASSERT_TRUE(from_byte_alphabet(to_byte_alphabet(all), back));
  EXPECT_EQ(back, all);
  EXPECT_FALSE(from_byte_alphabet("a b", back));
}

TEST(Classes, KnowBlanksAndNewCharacters) {
  EXPECT_TRUE(class_of(0x2EBF0) & kLetter);
  EXPECT_TRUE(class_of(0x3000) & kSpace);
  EXPECT_FALSE(class_of(0x180E) & kSpace);
  EXPECT_TRUE(class_of('$') & kPunctuation);
  EXPECT_TRUE(class_of('_') & kWord);
  EXPECT_TRUE(has_character_after_14("\xF0\xAE\xAF\xB0"));
  EXPECT_FALSE(has_character_after_14("\xE4\xB8\xAD"));
}

}  // namespace
}  // namespace ridge::text

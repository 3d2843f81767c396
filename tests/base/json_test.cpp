#include "base/json.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ridge {

TEST(Json, DepthIsBounded) {
  EXPECT_NO_THROW(parse_json(std::string(100, '[') + std::string(100, ']'), "t"));
  EXPECT_THROW(parse_json(std::string(1000000, '[') + std::string(1000000, ']'), "t"), Error);
  EXPECT_THROW(parse_json(std::string(1000000, '['), "t"), Error);
  // Brackets in strings are text, escaped quotes do not end strings, siblings do not add up.
  EXPECT_NO_THROW(parse_json("\"" + std::string(1000, '[') + "\"", "t"));
  EXPECT_NO_THROW(parse_json("\"\\\"" + std::string(1000, '{') + "\"", "t"));
  std::string siblings = "[[]";
  for (int i = 0; i < 1000; ++i) siblings += ",[]";
  EXPECT_NO_THROW(parse_json(siblings + "]", "t"));
  EXPECT_THROW(parse_json("\"\\\\\"" + std::string(1000, '['), "t"), Error);
}

TEST(Json, MalformedIsAFileFault) {
  for (const char* bad : {"", "{", "{\"a\":}", "[1,]", "nul", "\"\xff\"", "1 2"}) {
    try {
      parse_json(bad, "name");
      FAIL() << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.fault(), Fault::file);
      EXPECT_EQ(std::string(e.what()).rfind("name: ", 0), 0u) << e.what();
    }
  }
}

TEST(Json, OrderedKeepsOrderAndBoundsMembers) {
  EXPECT_EQ(parse_ordered_json(R"({"b":1,"a":2})", "t").dump(), R"({"b":1,"a":2})");
  std::string wide = "{";
  for (int i = 0; i < 5000; ++i) wide += "\"k" + std::to_string(i) + "\":0,";
  wide += "\"z\":0}";
  EXPECT_THROW(parse_ordered_json(wide, "t"), Error);
  EXPECT_NO_THROW(parse_json(wide, "t"));
}

}  // namespace ridge

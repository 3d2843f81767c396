// Where tests find their data.
#pragma once
#include <string>

namespace ridge::testing {

// The folder shared/ (RIDGE_SHARED, else ../shared beside the checkout), or "" where there is none.
std::string shared_dir();

// A path below tests/data: copies of what was made for this project, so that a clone alone tests itself.
std::string data(const std::string& relative);

}  // namespace ridge::testing

// A test that needs shared/: without it the test says what was not run.
#define RIDGE_NEEDS_SHARED(var)                           \
  const std::string var = ::ridge::testing::shared_dir(); \
  if (var.empty()) GTEST_SKIP() << "not run: shared/ is not here (set RIDGE_SHARED)"

#include "testing.h"

#include <cstdlib>
#include <filesystem>

#ifndef RIDGE_TESTS_DIR
#define RIDGE_TESTS_DIR ""
#endif

namespace ridge::testing {

std::string shared_dir() {
  namespace fs = std::filesystem;
  if (const char* env = std::getenv("RIDGE_SHARED")) return fs::is_directory(env) ? env : "";
  const fs::path beside = fs::path(RIDGE_TESTS_DIR) / "../../shared";
  return fs::is_directory(beside) ? fs::canonical(beside).string() : "";
}

std::string data(const std::string& relative) { return std::string(RIDGE_TESTS_DIR) + "/data/" + relative; }

}  // namespace ridge::testing

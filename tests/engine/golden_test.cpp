// Every golden model of tests/data/golden: logits, greedy continuation and gradients as the reference
// computed them; whole and in chunks, one thread and two.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "engine/verify.h"
#include "files/checkpoint.h"
#include "files/safetensors.h"
#include "models/load.h"
#include "testing.h"

namespace ridge {
namespace {

// RIDGE_GOLDEN names another folder of such models.
std::string root() {
  const char* other = std::getenv("RIDGE_GOLDEN");
  return other ? other : testing::data("golden");
}

std::vector<std::string> folders() {
  std::vector<std::string> names;
  for (const auto& e : std::filesystem::directory_iterator(root()))
    if (std::filesystem::exists(e.path() / "expected.safetensors"))
      names.push_back(e.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, Verifies) {
  const std::string folder = root() + "/" + GetParam();
  const auto model = load_model(Checkpoint::open(folder));
  const Safetensors expected = Safetensors::open(folder + "/expected.safetensors");
  for (const int64_t chunk : {0, 1, 7}) {
    VerifyOptions options;
    options.chunk = chunk;
    options.context.exact = true;
    options.context.poison = true;
    options.context.threads = chunk == 0 ? 2 : 1;
    std::vector<std::string> skipped;
    const auto results = verify(*model, expected, options, skipped);
    EXPECT_FALSE(results.empty());
    for (const auto& r : results)
      EXPECT_TRUE(r.passed) << r.name << ": " << r.error << " (" << r.note << "), chunk " << chunk;
    EXPECT_TRUE(skipped.empty()) << skipped[0];
  }
}

INSTANTIATE_TEST_SUITE_P(All, Golden, ::testing::ValuesIn(folders()), [](const auto& i) { return i.param; });

}  // namespace ridge

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

// tests/data/golden, tests/data/options (options that differ from what is usual), and the folder that
// RIDGE_GOLDEN names.
std::vector<std::string> folders() {
  std::vector<std::string> roots{testing::data("golden"), testing::data("options")}, found;
  if (const char* other = std::getenv("RIDGE_GOLDEN")) roots = {other};
  for (const std::string& root : roots)
    for (const auto& e : std::filesystem::directory_iterator(root))
      if (std::filesystem::exists(e.path() / "expected.safetensors")) found.push_back(e.path().string());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, Verifies) {
  const std::string& folder = GetParam();
  const Checkpoint checkpoint = Checkpoint::open(folder);
  const auto model = load_model(checkpoint);
  const Safetensors expected = Safetensors::open(folder + "/expected.safetensors");
  for (const int64_t chunk : {0, 1, 7}) {
    VerifyOptions options;
    options.chunk = chunk;
    options.context.exact = true;
    options.checkpoint = &checkpoint;
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

INSTANTIATE_TEST_SUITE_P(All, Golden, ::testing::ValuesIn(folders()),
                         [](const auto& i) { return std::filesystem::path(i.param).filename().string(); });

}  // namespace ridge

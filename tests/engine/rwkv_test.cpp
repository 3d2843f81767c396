// RWKV-4 to 7 against the logits that rwkv.cpp publishes for its tiny models, and their states against
// themselves: at once, in chunks, token by token, forked, beside others.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "context/cases.h"
#include "engine/open.h"
#include "files/rwkv_bin.h"
#include "models/export/export.h"
#include "models/load.h"
#include "testing.h"

namespace ridge {
namespace {

constexpr const char* kFolder = "/data/models/tiny-rwkv/";

std::vector<int32_t> bytes_of(const std::string& text) {
  std::vector<int32_t> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

std::vector<float> host(const Tensor& t) { return {t.ptr<float>(), t.ptr<float>() + t.count()}; }

std::vector<float> logits_after(Model& model, const std::vector<int32_t>& ids, int64_t chunk,
                                bool exact = true) {
  Context cx(cpu_device(), {.threads = 1, .exact = exact});
  auto state = model.make_state(cpu_device(), 1, 4096, f32);
  std::vector<float> last;
  for (size_t at = 0; at < ids.size(); at += static_cast<size_t>(chunk)) {
    const auto end = std::min(ids.size(), at + static_cast<size_t>(chunk));
    const std::vector<int32_t> part(ids.begin() + static_cast<std::ptrdiff_t>(at),
                                    ids.begin() + static_cast<std::ptrdiff_t>(end));
    last = host(model.forward(cx, Batch::one(part, true), state.get()));
  }
  return last;
}

std::vector<float> expected_logits(const std::string& shared, const std::string& name) {
  const std::string bytes = read_file(shared + kFolder + "expected-logits-" + name + ".bin");
  std::vector<float> v(bytes.size() / 4);
  std::memcpy(v.data(), bytes.data(), v.size() * 4);
  return v;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(static_cast<double>(a[i]) - b[i]);
    if (!(d <= worst)) worst = d;
  }
  return worst;
}

struct Published {
  const char *file, *expected;
  double bound;  // of each logit
};
// The bounds of Q5_1 files are what an independent forward pass in double over the same file gives, and a
// little.
constexpr Published kPublished[] = {{"tiny-rwkv-4v0-660K-FP32.bin", "4v0-660K", 1e-5},
                                    {"tiny-rwkv-5v2-730K-FP32.bin", "5v2-730K", 1e-5},
                                    {"tiny-rwkv-7v0-834K-FP32.bin", "7v0-834K", 1e-5},
                                    {"tiny-rwkv-5v2-730K-Q5_1.bin", "5v2-730K", 0.40},
                                    {"tiny-rwkv-6v0-3m-Q5_1.bin", "6v0-3m", 0.085}};

TEST(Rwkv, LogitsAsPublished) {
  RIDGE_NEEDS_SHARED(shared);
  for (const Published& p : kPublished) {
    const auto model = load_model(Checkpoint::open(shared + kFolder + p.file));
    const auto expected = expected_logits(shared, p.expected);
    for (const int64_t chunk : {1, 2, 3}) {
      const double worst = largest_difference(logits_after(*model, bytes_of("\"in"), chunk), expected);
      EXPECT_LE(worst, p.bound) << p.file << " in chunks of " << chunk;
      std::printf("%s in chunks of %d: largest difference %.2e\n", p.file, static_cast<int>(chunk), worst);
    }
  }
}

TEST(Rwkv, TextGoesInAndOutByBytes) {
  RIDGE_NEEDS_SHARED(shared);
  const OpenedModel opened = open_model(shared + kFolder + "tiny-rwkv-5v2-730K-FP32.bin");
  std::string all;
  for (int i = 1; i < 128; ++i) all += static_cast<char>(i);
  all += "\xc3\xa4\xe2\x82\xac";
  EXPECT_EQ(opened.text().encode(all), bytes_of(all));
  EXPECT_EQ(opened.text().decode(bytes_of(all)), all);
  EXPECT_EQ(opened.text().vocab_size(), 256);
}

// Prefill in chunks, at once and token by token; a fork; sequences of different lengths in one batch.
TEST(Rwkv, StatesAgree) {
  RIDGE_NEEDS_SHARED(shared);
  std::vector<int32_t> ids;
  Random random(5, 1);
  for (int i = 0; i < 90; ++i) ids.push_back(static_cast<int32_t>(32 + random.next() % 90));
  for (const Published& p : kPublished) {
    const auto model = load_model(Checkpoint::open(shared + kFolder + p.file));
    const auto whole = logits_after(*model, ids, 90);
    const auto near = [&](const std::vector<float>& v, const char* what) {
      const Difference d = difference(v.data(), whole.data(), static_cast<int64_t>(whole.size()));
      EXPECT_LE(d.relative, 3e-5) << p.file << " " << what << ": " << d.note;
    };
    near(logits_after(*model, ids, 1), "token by token");
    near(logits_after(*model, ids, 40), "in chunks of 40");

    Context cx(cpu_device(), {.threads = 2, .exact = true});
    auto state = model->make_state(cpu_device(), 3, 4096, f32);
    const auto split = ids.begin() + 53;
    model->forward(cx, Batch::one({ids.begin(), split}, true), state.get());
    state->fork(0, 2);
    EXPECT_FALSE(state->can_truncate());
    Batch both;
    both.add(1, {ids.begin(), ids.begin() + 37}, true);
    both.add(2, {split, ids.end()}, true);
    const Tensor y = model->forward(cx, both, state.get());
    near(host(y.slice(0, 1, 2)), "forked, beside another");
    const auto other = logits_after(*model, {ids.begin(), ids.begin() + 37}, 37);
    EXPECT_EQ(host(y.slice(0, 0, 1)), other) << p.file << ": another sequence in the batch changed a row";
    state->truncate(2, 0);
    near(host(model->forward(cx, Batch::one(ids, true, 2), state.get())), "after a reset");
  }
}

// To GGUF, to a folder, and quantized.
TEST(Rwkv, Converts) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string dir = ::testing::TempDir() + "ridge-rwkv-" + std::to_string(::getpid());
  std::filesystem::create_directory(dir);
  const auto ids = bytes_of("\"in");
  for (const Published& p : kPublished) {
    const Checkpoint source = Checkpoint::open(shared + kFolder + p.file);
    const auto original = logits_after(*load_model(source), ids, 3);
    const std::string gguf = dir + "/m.gguf", folder = dir + "/" + p.file, small = dir + "/q8.gguf";
    export_gguf(source, gguf);
    EXPECT_LE(largest_difference(logits_after(*load_model(Checkpoint::open(gguf)), ids, 3), original), 1e-5)
        << p.file;
    export_huggingface(Checkpoint::open(gguf), folder, {.type = "F32"});
    EXPECT_LE(largest_difference(logits_after(*load_model(Checkpoint::open(folder)), ids, 3), original), 1e-5)
        << p.file;
    export_gguf(source, small, {.type = "Q8_0"});
    EXPECT_LE(largest_difference(logits_after(*load_model(Checkpoint::open(small)), ids, 3), original), 0.5)
        << p.file;
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace ridge

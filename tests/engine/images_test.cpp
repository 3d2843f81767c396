// Models that see, from files to answers: against transformers with Pillow, and the digits of MNIST.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "context/cases.h"
#include "engine/encode_images.h"
#include "engine/generator.h"
#include "engine/image_prompt.h"
#include "engine/verify_parts.h"
#include "models/load.h"
#include "nn/image_text.h"
#include "testing.h"

namespace ridge {
namespace {

std::string source() { return testing::data("images/source.png"); }

ContextOptions exact() {
  ContextOptions o;
  o.exact = true;
  return o;
}

std::vector<int32_t> with_places(const Json& ids, int32_t image) {
  std::vector<int32_t> all;
  for (const Json& id : ids) all.push_back(id == image ? Batch::kEmbedding : id.get<int32_t>());
  return all;
}

}  // namespace

TEST(Images, AnswersToPromptsWithImages) {
  const std::string folder = testing::data("options/llava_layers");
  const Json expected = read_json(folder + "/seen.json");
  const OpenedModel opened = open_model(folder);
  Context cx(cpu_device(), exact());
  const ImagePrompt p =
      prompt_with_images(cx, opened, expected["prompt"].get<std::string>(), {source(), source()}, false);
  EXPECT_EQ(p.ids, with_places(expected["prompt_ids"], 90));
  for (const int64_t chunk : {256, 5, 1}) {
    GeneratorOptions g;
    g.kv = f32;
    g.chunk = chunk;
    g.context_options = exact();
    Generator generator(*opened.model, opened.text(), g);
    GenerateOptions options;
    options.max_tokens = 20;
    options.sampler.temperature = 0;
    options.ignore_end = true;
    options.embeddings = p.embeddings;
    EXPECT_EQ(generator.generate(p.ids, options).ids, expected["ids"].get<std::vector<int32_t>>()) << chunk;
    // A second prompt with images remembers nothing of the first.
    EXPECT_EQ(generator.generate(p.ids, options).ids, expected["ids"].get<std::vector<int32_t>>()) << chunk;
  }
}

TEST(Images, WherePromptsWithImagesAreWrong) {
  const OpenedModel opened = open_model(testing::data("options/llava_layers"));
  Context cx(cpu_device(), {});
  EXPECT_THROW(prompt_with_images(cx, opened, "w9 <image> w8", {source(), source()}, false), Error);
  EXPECT_THROW(prompt_with_images(cx, opened, "w9", {"/nowhere.png"}, false), Error);
  EXPECT_THROW(prompt_with_images(cx, opened, "w9", {testing::data("images/source.ppm")}, false), Error);
  EXPECT_THROW(
      prompt_with_images(cx, open_model(testing::data("models/fable-1m")), "Once", {source()}, false), Error);
  // Without <image> in the prompt the images stand before it.
  EXPECT_EQ(prompt_with_images(cx, opened, "w9", {source()}, true).text, "<image>\nw9");
}

TEST(Images, LabelsInWords) {
  const std::string folder = testing::data("options/clip_end");
  const Json expected = read_json(folder + "/labels.json");
  const OpenedModel opened = open_model(folder);
  EncodeImagesOptions options;
  options.context = exact();
  const auto labels = expected["labels"].get<std::vector<std::string>>();
  const auto scores =
      classify_images(opened, {source(), source()}, labels, expected["phrase"].get<std::string>(), options);
  ASSERT_EQ(scores.size(), 2u);
  for (const auto& of_image : scores) {
    ASSERT_EQ(of_image.size(), labels.size());
    for (const LabelScore& s : of_image) {
      EXPECT_EQ(s.label, labels[static_cast<size_t>(s.index)]);
      EXPECT_NEAR(s.probability, expected["probabilities"][static_cast<size_t>(s.index)].get<double>(), 1e-5);
    }
  }
  EXPECT_THROW(classify_images(opened, {source()}, options), Error);  // no classifier
  int64_t count = 0;
  embed_words(opened, {"w9", "w10 w11"}, true, options,
              [&](int64_t, bool, std::span<const float> v) { count += static_cast<int64_t>(v.size()); });
  EXPECT_EQ(count, 2 * 20);
}

// An image has the same outputs whatever stands beside it in the batch.
TEST(Images, ABatchGivesEachWhatItHasAlone) {
  const OpenedModel opened = open_model(testing::data("golden/vit"));
  const std::vector<std::string> files{source(), testing::data("images/jpeg420.jpg"),
                                       testing::data("images/rgba.png")};
  EncodeImagesOptions together, alone;
  together.batch = 3, alone.batch = 1;
  const auto a = classify_images(opened, files, together), b = classify_images(opened, files, alone);
  for (size_t i = 0; i < files.size(); ++i)
    for (size_t k = 0; k < a[i].size(); ++k) {
      EXPECT_EQ(a[i][k].index, b[i][k].index);
      EXPECT_EQ(a[i][k].probability, b[i][k].probability);
    }
}

TEST(Images, PreprocessedPhotographs) {
  RIDGE_NEEDS_SHARED(shared);
  for (const char* name : {"clip", "vit", "siglip", "dinov2"}) {
    std::vector<std::string> skipped;
    const auto results = verify_images(shared + "/golden/preprocess/" + name, skipped);
    EXPECT_EQ(results.size(), 5u);
    for (const auto& r : results) EXPECT_TRUE(r.passed) << name << " " << r.name << ": " << r.note;
  }
}

namespace {

// The bytes of a gzip file, by the system's own program.
std::string unzipped(const std::string& path) {
  FILE* pipe = ::popen(("gzip -dc '" + path + "'").c_str(), "r");
  std::string all(size_t{1} << 24, '\0');
  all.resize(std::fread(all.data(), 1, all.size(), pipe));
  EXPECT_EQ(::pclose(pipe), 0);
  return all;
}

}  // namespace

TEST(Images, DigitsOfMnist) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string images = unzipped(shared + "/data/mnist/t10k-images-idx3-ubyte.gz").substr(16),
                    labels = unzipped(shared + "/data/mnist/t10k-labels-idx1-ubyte.gz").substr(8);
  ASSERT_EQ(images.size(), 10000u * 784);
  const std::string folder = shared + "/data/models/mnist-vit";
  const auto model = load_model(Checkpoint::open(folder));
  EXPECT_STREQ(model->info->name, "mnist_vit");
  Context cx(cpu_device(), exact());
  int right = 0;
  std::vector<float> first;
  for (size_t at = 0; at < 10000; at += 500) {
    std::vector<float> pixels(500 * 784);
    for (size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = (static_cast<float>(static_cast<uint8_t>(images[at * 784 + i])) / 255 - 0.1307f) / 0.3081f;
    Inputs in;
    in.pixels = cx.from_host(pixels.data(), {500, 1, 28, 28});
    const Tensor logits = model->encode(cx, in, {}).at("logits");
    for (int64_t i = 0; i < 500; ++i) {
      const float* row = logits.ptr<float>() + 10 * i;
      right += std::max_element(row, row + 10) - row == labels[at + static_cast<size_t>(i)];
      if (at == 0 && i < 100) first.insert(first.end(), row, row + 10);
    }
  }
  EXPECT_EQ(right, 8397);
  const std::string expected = read_file(folder + "/expected-logits-t10k-first100.bin", 1 << 20);
  ASSERT_EQ(expected.size(), 4000u);
  std::vector<float> reference(1000);
  std::memcpy(reference.data(), expected.data(), 4000);
  EXPECT_LT(difference(first.data(), reference.data(), 1000).relative, 1e-5);
}

}  // namespace ridge

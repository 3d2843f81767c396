// The published image processors: pixel values as transformers computes them.
#include "image/preprocess.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "image/support.h"

namespace ridge {
namespace {

std::string fault_of(const std::string& config) {
  try {
    ImageProcessor::parse(parse_json(config, "x"), "CLIP", "x");
    return "";
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file);
    return e.what();
  }
}

}  // namespace

class Preprocess : public ::testing::TestWithParam<std::string> {};

TEST_P(Preprocess, AsTransformers) {
  const std::string base = testing::data("images/preprocess/" + GetParam());
  const Json config = read_json(base + ".json");
  const ImageProcessor processor = ImageProcessor::parse(config, "", base);
  const auto out = processor(load_image(testing::data("images/source.png")));
  const auto shape = config["expected_shape"].get<std::vector<int64_t>>();
  EXPECT_EQ(out.height, shape[1]);
  EXPECT_EQ(out.width, shape[2]);
  const std::string bytes = read_file(base + ".f32", size_t{1} << 24);
  ASSERT_EQ(bytes.size(), out.values.size() * 4);
  for (size_t i = 0; i < out.values.size(); ++i) {
    float expected;
    std::memcpy(&expected, bytes.data() + 4 * i, 4);
    ASSERT_NEAR(out.values[i], expected, 2e-6 * (1 + std::fabs(expected))) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Preprocess,
                         ::testing::ValuesIn(testing::names_in("images/preprocess", ".json")),
                         [](const auto& i) { return i.param; });

TEST(PreprocessSettings, OlderForms) {
  const auto p = ImageProcessor::parse(
      parse_json(R"({"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 336})", "x"),
      "", "x");
  EXPECT_EQ(p.shortest, 224);
  EXPECT_EQ(p.crop_height, 336);
  const auto v = ImageProcessor::parse(
      parse_json(R"({"image_processor_type": "ViTImageProcessorFast", "size": 384, "image_mean": 0.25})",
                 "x"),
      "", "x");
  EXPECT_EQ(v.height, 384);
  EXPECT_EQ(v.width, 384);
  EXPECT_FLOAT_EQ(v.mean[2], 0.25f);
}

TEST(PreprocessSettings, WhatTheyCannotBe) {
  EXPECT_NE(fault_of("[]"), "");
  EXPECT_NE(fault_of(R"({"image_processor_type": "BeitImageProcessor"})").find("Beit"), std::string::npos);
  EXPECT_NE(fault_of(R"({"size": {"shortest_edge": -3}})").find("shortest_edge"), std::string::npos);
  EXPECT_NE(fault_of(R"({"size": {"height": 9}})").find("size"), std::string::npos);
  EXPECT_NE(fault_of(R"({"size": {"height": 900000, "width": 3}})").find("height"), std::string::npos);
  EXPECT_NE(fault_of(R"({"crop_size": "a"})").find("crop_size"), std::string::npos);
  EXPECT_NE(fault_of(R"({"crop_size": 0})").find("crop_size"), std::string::npos);
  EXPECT_NE(fault_of(R"({"resample": 9})").find("resample"), std::string::npos);
  EXPECT_NE(fault_of(R"({"image_std": [1, 0, 1]})").find("image_std"), std::string::npos);
  EXPECT_NE(fault_of(R"({"image_mean": [1, 0]})").find("image_mean"), std::string::npos);
  EXPECT_NE(fault_of(R"({"do_pad": true})").find("do_pad"), std::string::npos);
  EXPECT_NE(fault_of(R"({"do_resize": 1})").find("do_resize"), std::string::npos);
}

}  // namespace ridge

// Pillow's resampling, bit for bit; cropping and squares.
#include "base/error.h"
#include "image/support.h"

namespace ridge {

class Resize : public ::testing::TestWithParam<std::string> {};

TEST_P(Resize, AsPillow) {
  const std::string& name = GetParam();
  const size_t bar = name.find('_');
  const char* const filters[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};
  int filter = 0;
  while (name.substr(0, bar) != filters[filter]) ASSERT_LT(++filter, 6);
  int64_t width = 0, height = 0;
  ASSERT_EQ(std::sscanf(name.c_str() + bar, "_%ldx%ld", &width, &height), 2);
  const Image source = load_image(testing::data("images/source.png"));
  testing::expect_same(resize(source, width, height, static_cast<Filter>(filter)),
                       testing::read_ppm(testing::data("images/resized/" + name + ".ppm")));
}

INSTANTIATE_TEST_SUITE_P(All, Resize, ::testing::ValuesIn(testing::names_in("images/resized", ".ppm")),
                         [](const auto& i) { return i.param; });

TEST(Resize, SizesThatAreNone) {
  const Image source = load_image(testing::data("images/source.png"));
  EXPECT_THROW(resize(source, 0, 5, Filter::bilinear), Error);
  EXPECT_THROW(resize(source, 5, -1, Filter::nearest), Error);
  EXPECT_THROW(resize(source, int64_t{1} << 40, int64_t{1} << 40, Filter::bicubic), Error);
}

TEST(Crop, KeepsTheMiddle) {
  Image image = Image::filled(5, 3, {9, 9, 9});
  image.pixels[3 * (1 * 5 + 2)] = 77;  // the middle
  const Image inner = center_crop(image, 3, 1);
  EXPECT_EQ(inner.pixels[3], 77);
  const Image outer = center_crop(image, 9, 7);
  EXPECT_EQ(outer.pixels[3 * (3 * 9 + 4)], 77);
  EXPECT_EQ(outer.pixels[0], 0);
  const Image square = expand_to_square(image, {1, 2, 3});
  EXPECT_EQ(square.height, 5);
  EXPECT_EQ(square.pixels[3 * (2 * 5 + 2)], 77);
  EXPECT_EQ(square.pixels[2], 3);
}

}  // namespace ridge

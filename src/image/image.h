// Images of 8-bit RGB: decoding PNG and JPEG (by libpng and libjpeg), and Pillow's resampling, so that a
// model sees the pixels it was trained on.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ridge {

struct Image {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> pixels;  // height rows of width pixels of red, green, blue

  static Image filled(int64_t width, int64_t height, const uint8_t (&color)[3]);
};

// What Pillow's open(..).convert("RGB") gives: grey is repeated, palettes are looked up, alpha and
// transparency are dropped, 16 bits keep their high byte (grey ones above 255 become 255), CMYK is taken as
// Adobe writes it. The EXIF orientation is not applied. `what` names the image in errors: Error(Fault::file)
// where it is neither PNG nor JPEG, truncated, damaged, or larger than kMaxPixels. Memory is taken as far as
// the file can fill it.
Image decode_image(std::string_view bytes, const std::string& what);
Image load_image(const std::string& path);

constexpr int64_t kMaxPixels = int64_t{1} << 27;

// Pillow's numbers, which preprocessor_config.json uses ("resample").
enum class Filter { nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3, box = 4, hamming = 5 };

// Pillow's Image.resize, bit for bit: separable convolution over the area that falls to an output pixel,
// weights of 22 fractional bits, rounded to 8 bits after each pass; nearest takes the pixel under the centre.
Image resize(const Image& image, int64_t width, int64_t height, Filter filter);

// Width x height pixels around the centre, black where the image does not reach.
Image center_crop(const Image& image, int64_t width, int64_t height);

// The image in the middle of a square of that colour.
Image expand_to_square(const Image& image, const uint8_t (&color)[3]);

}  // namespace ridge

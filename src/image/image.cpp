#include "image/image.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "image/decode.h"

namespace ridge {

Image Image::filled(int64_t width, int64_t height, const uint8_t (&color)[3]) {
  Image image{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 3))};
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = color[i % 3];
  return image;
}

void decoding::check_size(int64_t width, int64_t height, size_t bytes, int64_t most,
                          const std::string& what) {
  if (width < 1 || height < 1 || width > kMaxPixels || height > kMaxPixels || width * height > kMaxPixels)
    fail(Fault::file, "{}: an image of {} x {} pixels; up to {} are read", what, width, height, kMaxPixels);
  if (width * height / most > static_cast<int64_t>(bytes))
    fail(Fault::file, "{}: truncated: {} bytes cannot hold {} x {} pixels", what, bytes, width, height);
}

Image decode_image(std::string_view bytes, const std::string& what) {
  if (bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n") return decoding::png(bytes, what);
  if (bytes.substr(0, 3) == "\xff\xd8\xff") return decoding::jpeg(bytes, what);
  fail(Fault::file, "{}: neither a PNG nor a JPEG image", what);
}

Image load_image(const std::string& path) {
  const std::string bytes = read_file(path, size_t{1} << 29);
  return decode_image(bytes, path);
}

namespace {

// Copies the part of `from` that falls into `to` when its corner lies at (left, top).
void place(const Image& from, Image& to, int64_t left, int64_t top) {
  const int64_t x0 = std::max<int64_t>(0, left), x1 = std::min(to.width, left + from.width);
  if (x1 <= x0) return;
  for (int64_t y = std::max<int64_t>(0, top); y < std::min(to.height, top + from.height); ++y)
    std::memcpy(to.pixels.data() + (y * to.width + x0) * 3,
                from.pixels.data() + ((y - top) * from.width + x0 - left) * 3,
                static_cast<size_t>((x1 - x0) * 3));
}

// Half of n, rounded to minus infinity.
int64_t floor_half(int64_t n) { return n >= 0 ? n / 2 : -((1 - n) / 2); }

}  // namespace

Image center_crop(const Image& image, int64_t width, int64_t height) {
  Image out = Image::filled(width, height, {0, 0, 0});
  place(image, out, -floor_half(image.width - width), -floor_half(image.height - height));
  return out;
}

Image expand_to_square(const Image& image, const uint8_t (&color)[3]) {
  if (image.width == image.height) return image;
  const int64_t side = std::max(image.width, image.height);
  if (side * side > kMaxPixels)
    fail(Fault::usage, "an image of {} x {} pixels is too long to be made a square", image.width,
         image.height);
  Image out = Image::filled(side, side, color);
  place(image, out, (side - image.width) / 2, (side - image.height) / 2);
  return out;
}

}  // namespace ridge

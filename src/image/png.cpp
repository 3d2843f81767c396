#include <png.h>

#include <csetjmp>
#include <cstring>

#include "base/error.h"
#include "image/decode.h"

namespace ridge::decoding {
namespace {

struct Source {
  std::string_view bytes;
  size_t at = 0;
  std::string message;
  bool palette_read = false;
};

// deflate's longest match is 258 bytes in 2 bits: no byte of a file makes more than 1032.
constexpr int64_t kDeflateMost = 1032;

void on_error(png_structp png, png_const_charp message) {
  static_cast<Source*>(png_get_error_ptr(png))->message = message;
  longjmp(png_jmpbuf(png), 1);
}
void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, size_t n) {
  auto* s = static_cast<Source*>(png_get_io_ptr(png));
  if (n > s->bytes.size() - s->at) png_error(png, "truncated");
  std::memcpy(out, s->bytes.data() + s->at, n);
  s->at += n;
}

// What libpng holds; freed however decoding ends.
struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Reader() { png_destroy_read_struct(&png, info ? &info : nullptr, nullptr); }
};

// From here on libpng may jump back here: no object with a destructor is made in this function and those it
// calls through the library. False: the message says why.
bool read_header(Reader& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_read_info(r.png, r.info);
  return true;
}

// The rows as the file has them after interlacing: 8 bits a sample but for 16-bit grey, palettes as indices.
bool read_rows(Reader& r, uint8_t* out, size_t row_bytes, uint32_t height, int passes) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  for (int pass = 0; pass < passes; ++pass)
    for (uint32_t y = 0; y < height; ++y) png_read_row(r.png, out + y * row_bytes, nullptr);
  return true;
}

bool set_up(Reader& r, int depth, int color, int* passes) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  if (depth == 16 && color != PNG_COLOR_TYPE_GRAY) png_set_strip_16(r.png);  // the high byte
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(r.png);
  if (color == PNG_COLOR_TYPE_PALETTE && depth < 8) png_set_packing(r.png);
  *passes = png_set_interlace_handling(r.png);
  png_read_update_info(r.png, r.info);
  return true;
}

void to_rgb(const uint8_t* row, uint8_t* out, int64_t width, int color, int depth, png_const_colorp palette,
            int palette_size) {
  for (int64_t x = 0; x < width; ++x, out += 3) {
    switch (color) {
      case PNG_COLOR_TYPE_GRAY:  // Pillow takes 16-bit grey as numbers, and cuts them off at 255
        out[0] = out[1] = out[2] = depth < 16 ? row[x] : row[2 * x] ? 255 : row[2 * x + 1];
        break;
      case PNG_COLOR_TYPE_GRAY_ALPHA:
        out[0] = out[1] = out[2] = row[2 * x];
        break;
      case PNG_COLOR_TYPE_PALETTE: {
        const bool there = row[x] < palette_size;
        out[0] = there ? palette[row[x]].red : 0;
        out[1] = there ? palette[row[x]].green : 0;
        out[2] = there ? palette[row[x]].blue : 0;
        break;
      }
      default:
        std::memcpy(out, row + x * (color == PNG_COLOR_TYPE_RGB ? 3 : 4), 3);
    }
  }
}

}  // namespace

Image png(std::string_view bytes, const std::string& what) {
  Source source{bytes};
  Reader r;
  r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning);
  r.info = r.png ? png_create_info_struct(r.png) : nullptr;
  if (!r.info) fail(Fault::file, "{}: libpng does not start", what);
  const auto damaged = [&]() { fail(Fault::file, "{}: damaged PNG: {}", what, printable(source.message)); };
  png_set_read_fn(r.png, &source, on_read);
  png_set_user_limits(r.png, 1u << 27, 1u << 27);
  png_set_chunk_malloc_max(r.png, 8u << 20);
  png_set_chunk_cache_max(r.png, 128);
  if (!read_header(r)) damaged();
  const int64_t width = png_get_image_width(r.png, r.info), height = png_get_image_height(r.png, r.info);
  const int depth = png_get_bit_depth(r.png, r.info), color = png_get_color_type(r.png, r.info);
  // At one bit a pixel eight pixels are a byte.
  check_size(width, height, bytes.size(), kDeflateMost * 8 / depth, what);
  int passes = 1;
  if (!set_up(r, depth, color, &passes)) damaged();
  png_colorp palette = nullptr;
  int palette_size = 0;
  if (color == PNG_COLOR_TYPE_PALETTE) png_get_PLTE(r.png, r.info, &palette, &palette_size);
  const size_t row_bytes = png_get_rowbytes(r.png, r.info);
  // An interlaced image needs all rows at once; others are turned into RGB row by row.
  Image image{width, height, {}};
  const auto convert = [&](const uint8_t* row) {
    const size_t at = image.pixels.size();
    image.pixels.resize(at + static_cast<size_t>(width * 3));
    to_rgb(row, image.pixels.data() + at, width, color, depth, palette, palette_size);
  };
  if (passes == 1) {
    std::vector<uint8_t> row(row_bytes);
    image.pixels.reserve(static_cast<size_t>(width * height * 3));
    for (int64_t y = 0; y < height; ++y) {
      if (!read_rows(r, row.data(), row_bytes, 1, 1)) damaged();
      convert(row.data());
    }
    return image;
  }
  std::vector<uint8_t> rows(row_bytes * static_cast<size_t>(height));
  if (!read_rows(r, rows.data(), row_bytes, static_cast<uint32_t>(height), passes)) damaged();
  image.pixels.reserve(static_cast<size_t>(width * height * 3));
  for (int64_t y = 0; y < height; ++y) convert(rows.data() + static_cast<size_t>(y) * row_bytes);
  return image;
}

}  // namespace ridge::decoding

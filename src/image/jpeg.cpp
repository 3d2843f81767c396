#include <csetjmp>
#include <cstdio>
#include <cstring>
// jpeglib.h needs the types of <cstdio>.
#include <jpeglib.h>

#include "base/error.h"
#include "image/decode.h"

namespace ridge::decoding {
namespace {

// A block of 8 x 8 pixels takes a bit at least, in one of up to four components of which none covers less
// than a sixteenth of the image. (Arithmetic coding may do better on empty images of this size; they are
// refused.)
constexpr int64_t kPixelsPerByte = 64 * 8 * 16;
// A scan of a progressive image may be a few bytes and cost a pass over all of it.
constexpr int kMaxScans = 500;
constexpr int64_t kMaxScannedPixels = int64_t{1} << 33;

struct Decoder {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_source_mgr source{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";
  bool created = false;
  ~Decoder() {
    if (created) jpeg_destroy_decompress(&info);
  }
};

Decoder& decoder_of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

[[noreturn]] void give_up(j_common_ptr info, const char* message) {
  Decoder& d = decoder_of(info);
  std::snprintf(d.message, sizeof(d.message), "%s", message);
  std::longjmp(d.jump, 1);
}

void on_error(j_common_ptr info) {
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  give_up(info, text);
}
void on_message(j_common_ptr, int) {}  // corruption that the library can pass over, as Pillow does

void on_start(j_decompress_ptr) {}
boolean on_empty(j_decompress_ptr info) { give_up(reinterpret_cast<j_common_ptr>(info), "truncated"); }
void on_skip(j_decompress_ptr info, long n) {
  if (n <= 0) return;
  if (static_cast<size_t>(n) > info->src->bytes_in_buffer)
    give_up(reinterpret_cast<j_common_ptr>(info), "truncated");
  info->src->next_input_byte += n;
  info->src->bytes_in_buffer -= static_cast<size_t>(n);
}
void on_progress(j_common_ptr info) {
  if (!info->is_decompressor) return;
  const auto* d = reinterpret_cast<j_decompress_ptr>(info);
  const int64_t pixels = static_cast<int64_t>(d->image_width) * d->image_height;
  if (d->input_scan_number > kMaxScans || d->input_scan_number * pixels > kMaxScannedPixels)
    give_up(info, "too many scans");
}

void open(Decoder& d, std::string_view bytes) {
  d.info.err = jpeg_std_error(&d.errors);
  d.info.client_data = &d;
  d.errors.error_exit = on_error;
  d.errors.emit_message = on_message;
  jpeg_CreateDecompress(&d.info, JPEG_LIB_VERSION, sizeof(d.info));
  d.created = true;
  d.info.client_data = &d;
  d.source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
  d.source.bytes_in_buffer = bytes.size();
  d.source.init_source = on_start;
  d.source.fill_input_buffer = on_empty;
  d.source.skip_input_data = on_skip;
  d.source.resync_to_restart = jpeg_resync_to_restart;
  d.source.term_source = on_start;
  d.info.src = &d.source;
  d.progress.progress_monitor = on_progress;
  d.info.progress = &d.progress;
}

// In these functions the library may jump back: nothing with a destructor is made in them. False: the message
// says why.
bool read_header(Decoder& d, std::string_view bytes) {
  if (setjmp(d.jump)) return false;
  open(d, bytes);
  jpeg_read_header(&d.info, TRUE);
  return true;
}

bool start(Decoder& d) {
  if (setjmp(d.jump)) return false;
  // Pillow's choices: grey stays grey, Adobe's four inks stay inks, all else becomes RGB.
  switch (d.info.jpeg_color_space) {
    case JCS_GRAYSCALE:
      d.info.out_color_space = JCS_GRAYSCALE;
      break;
    case JCS_CMYK:
    case JCS_YCCK:
      d.info.out_color_space = JCS_CMYK;
      break;
    default:
      d.info.out_color_space = JCS_RGB;
  }
  d.info.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&d.info);
  return true;
}

bool read_row(Decoder& d, uint8_t* row) {
  if (setjmp(d.jump)) return false;
  JSAMPROW rows[1] = {row};
  return jpeg_read_scanlines(&d.info, rows, 1) == 1;
}

bool finish(Decoder& d) {
  if (setjmp(d.jump)) return false;
  jpeg_finish_decompress(&d.info);
  return true;
}

// a * b / 255, rounded.
uint8_t times(int a, int b) {
  const int t = a * b + 128;
  return static_cast<uint8_t>(((t >> 8) + t) >> 8);
}

void to_rgb(const uint8_t* row, uint8_t* out, int64_t width, int components) {
  for (int64_t x = 0; x < width; ++x, out += 3) {
    const uint8_t* from = row + x * components;
    if (components == 1) {
      out[0] = out[1] = out[2] = from[0];
    } else if (components == 3) {
      std::memcpy(out, from, 3);
    } else {  // the samples are 255 - ink: what remains of the black's white
      for (int c = 0; c < 3; ++c) out[c] = static_cast<uint8_t>(from[3] - times(255 - from[c], from[3]));
    }
  }
}

}  // namespace

Image jpeg(std::string_view bytes, const std::string& what) {
  Decoder d;
  const auto damaged = [&]() { fail(Fault::file, "{}: damaged JPEG: {}", what, printable(d.message)); };
  if (!read_header(d, bytes)) damaged();
  const auto width = static_cast<int64_t>(d.info.image_width),
             height = static_cast<int64_t>(d.info.image_height);
  check_size(width, height, bytes.size(), kPixelsPerByte, what);
  if (!start(d)) damaged();
  const int components = d.info.output_components;
  if (components != 1 && components != 3 && components != 4)
    fail(Fault::file, "{}: a JPEG of {} components is not supported", what, components);
  Image image{width, height, std::vector<uint8_t>(static_cast<size_t>(width * height * 3))};
  std::vector<uint8_t> row(static_cast<size_t>(width * components));
  for (int64_t y = 0; y < height; ++y) {
    if (!read_row(d, row.data())) damaged();
    to_rgb(row.data(), image.pixels.data() + y * width * 3, width, components);
  }
  finish(d);  // what follows the last row does not matter
  return image;
}

}  // namespace ridge::decoding

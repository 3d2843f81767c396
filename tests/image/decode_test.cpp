// PNG and JPEG as Pillow reads them; damaged and hostile files.
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "image/support.h"

namespace ridge {
namespace {

std::string path_of(const std::string& name) {
  const std::string png = testing::data("images/" + name + ".png");
  return file_exists(png) ? png : testing::data("images/" + name + ".jpg");
}

// "" where it is read, else the message.
std::string why_not(const std::string& bytes) {
  try {
    const Image image = decode_image(bytes, "x");
    EXPECT_EQ(image.pixels.size(), static_cast<size_t>(3 * image.width * image.height));
    return "";
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file);
    return e.what();
  }
}

uint32_t crc32_of(const std::string& s) {
  uint32_t c = ~0u;
  for (const char b : s) {
    c ^= static_cast<uint8_t>(b);
    for (int k = 0; k < 8; ++k) c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
  }
  return ~c;
}

std::string big_endian(uint32_t v) {
  std::string s;
  for (int shift = 24; shift >= 0; shift -= 8) s += static_cast<char>(v >> shift);
  return s;
}

// A PNG with another size in its header, the checksum right.
std::string resized_header(std::string png, uint32_t width, uint32_t height) {
  png.replace(16, 8, big_endian(width) + big_endian(height));
  png.replace(29, 4, big_endian(crc32_of(png.substr(12, 17))));
  return png;
}

}  // namespace

class Decode : public ::testing::TestWithParam<std::string> {};

TEST_P(Decode, AsPillow) {
  testing::expect_same(load_image(path_of(GetParam())),
                       testing::read_ppm(testing::data("images/" + GetParam() + ".ppm")));
}

TEST_P(Decode, CutOffAnywhereIsAnError) {
  const std::string bytes = read_file(path_of(GetParam()), size_t{1} << 20);
  // The end of the file (IEND, end of image) holds no pixels.
  for (size_t n = 0; n + 16 < bytes.size(); n += 1 + bytes.size() / 97)
    EXPECT_NE(why_not(bytes.substr(0, n)), "") << n << " of " << bytes.size() << " bytes";
}

TEST_P(Decode, DamageIsAnErrorOrAnImage) {
  const std::string bytes = read_file(path_of(GetParam()), size_t{1} << 20);
  Random random(3, 1);
  for (int i = 0; i < 200; ++i) {
    std::string damaged = bytes;
    for (int k = 0; k < 3; ++k) damaged[random.next() % damaged.size()] = static_cast<char>(random.next());
    why_not(damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Decode, ::testing::ValuesIn(testing::names_in("images", ".ppm")),
                         [](const auto& i) { return i.param; });

TEST(DecodeFaults, SizesThatTheFileCannotHold) {
  const std::string png = read_file(path_of("filtered"), size_t{1} << 20);
  ASSERT_EQ(why_not(resized_header(png, 40, 30)), "");
  EXPECT_NE(why_not(resized_header(png, 20000, 5000)).find("truncated: "), std::string::npos);
  EXPECT_NE(why_not(resized_header(png, 100000, 100000)).find("pixels; up to"), std::string::npos);
  EXPECT_NE(why_not(resized_header(png, 0, 10)), "");
  EXPECT_NE(why_not(resized_header(png, 0xffffffff, 0xffffffff)), "");
  EXPECT_NE(why_not(resized_header(png, 40, 31)), "");  // one row too few
  std::string jpeg = read_file(path_of("jpeg444"), size_t{1} << 20);
  for (size_t i = 0; i + 9 < jpeg.size(); ++i)
    if (!std::memcmp(jpeg.data() + i, "\xff\xc0", 2)) {
      jpeg.replace(i + 5, 4, "\xff\xdc\xff\xdc");
      break;
    }
  EXPECT_NE(why_not(jpeg), "");
}

TEST(DecodeFaults, OtherFiles) {
  EXPECT_EQ(why_not(""), "x: neither a PNG nor a JPEG image");
  EXPECT_EQ(why_not("GIF89a"), "x: neither a PNG nor a JPEG image");
  EXPECT_NE(why_not("\x89PNG\r\n\x1a\n"), "");
  EXPECT_NE(why_not("\xff\xd8\xff"), "");
  EXPECT_THROW(load_image("/nowhere/x.png"), Error);
}

// A progressive image whose scans repeat thousands of times costs no more than a bounded time.
TEST(DecodeFaults, ScansWithoutEnd) {
  const std::string whole = read_file(path_of("jpeg_progressive"), size_t{1} << 20);
  size_t last = whole.rfind("\xff\xda");
  ASSERT_NE(last, std::string::npos);
  const std::string scan = whole.substr(last, whole.size() - last - 2);
  std::string many = whole.substr(0, last);
  for (int i = 0; i < 2000; ++i) many += scan;
  many += whole.substr(whole.size() - 2);
  EXPECT_NE(why_not(many).find("too many scans"), std::string::npos);
}

}  // namespace ridge

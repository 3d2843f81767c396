// Images that Pillow wrote: what tests compare with.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "base/file.h"
#include "image/image.h"
#include "testing.h"

namespace ridge::testing {

// A binary PPM with a plain header.
inline Image read_ppm(const std::string& path) {
  const std::string bytes = read_file(path, size_t{1} << 24);
  std::istringstream in(bytes);
  std::string magic;
  int64_t width = 0, height = 0, most = 0;
  in >> magic >> width >> height >> most;
  const auto at = static_cast<size_t>(in.tellg()) + 1;
  EXPECT_EQ(magic, "P6");
  EXPECT_EQ(bytes.size() - at, static_cast<size_t>(3 * width * height));
  return {width, height, {bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end()}};
}

inline void expect_same(const Image& image, const Image& expected) {
  ASSERT_EQ(image.width, expected.width);
  ASSERT_EQ(image.height, expected.height);
  ASSERT_EQ(image.pixels.size(), expected.pixels.size());
  for (size_t i = 0; i < image.pixels.size(); ++i)
    ASSERT_EQ(int{image.pixels[i]}, int{expected.pixels[i]}) << "byte " << i;
}

// The files of a folder of tests/data that end so, without their ends.
inline std::vector<std::string> names_in(const std::string& folder, const std::string& end) {
  std::vector<std::string> names;
  for (const auto& e : std::filesystem::directory_iterator(data(folder)))
    if (e.path().extension() == end) names.push_back(e.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace ridge::testing

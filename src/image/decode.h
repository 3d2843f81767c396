// The decoders of the file formats; image.h chooses among them.
#pragma once
#include "image/image.h"

namespace ridge::decoding {

Image png(std::string_view bytes, const std::string& what);
Image jpeg(std::string_view bytes, const std::string& what);

// Fails where an image of that size is too large to be taken, or larger than `bytes` of file can be: `most`
// is what a byte can hold at best.
void check_size(int64_t width, int64_t height, size_t bytes, int64_t most, const std::string& what);

}  // namespace ridge::decoding

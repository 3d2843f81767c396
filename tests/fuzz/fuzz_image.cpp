// PNG and JPEG: decoded and prepared for a model, or ridge::Error.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "image/preprocess.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const ridge::Image image = ridge::decode_image({reinterpret_cast<const char*>(data), size}, "fuzz");
    if (image.pixels.size() != static_cast<size_t>(3 * image.width * image.height)) __builtin_trap();
    if (image.width > 512 || image.height > 512) return 0;  // time goes to the decoders
    ridge::ImageProcessor processor = ridge::ImageProcessor::family("CLIP", "fuzz");
    processor.shortest = processor.crop_height = processor.crop_width = 8;
    if (processor(image).values.size() != 3 * 8 * 8) __builtin_trap();
  } catch (const ridge::Error&) {
  }
  return 0;
}

#include "cli/run_images_support.h"

namespace ridge {

void ImageOptions::add(Options& o) {
  o.texts(images, "--image", "FILE",
          "a PNG or JPEG image that the prompt is about; may be given several times. Models that see: llava, "
          "mobilevlm. <image> in the prompt says where it stands");
}

ImagePrompt ImageOptions::prompt(const OpenedModel& opened, const std::string& text, bool raw,
                                 const ContextOptions& context) const {
  Context cx(cpu_device(), context);
  return prompt_with_images(cx, opened, text, images, raw);
}

}  // namespace ridge

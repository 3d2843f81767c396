// Images on the command line of `ridge run`.
#pragma once
#include "cli/model_support.h"
#include "engine/image_prompt.h"

namespace ridge {

struct ImageOptions {
  std::vector<std::string> images;
  void add(Options& o);
  bool given() const { return !images.empty(); }
  // The prompt with the images in it.
  ImagePrompt prompt(const OpenedModel& opened, const std::string& text, bool raw,
                     const ContextOptions& context) const;
};

}  // namespace ridge

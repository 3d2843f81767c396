// Prompts with images, for models that see.
#pragma once
#include <string>
#include <vector>

#include "engine/open.h"
#include "image/preprocess.h"

namespace ridge {

// How the checkpoint's folder says that images are prepared (preprocessor_config.json, or the image processor
// in processor_config.json), else as the model's family does at the model's own size. Error(Fault::usage)
// where the model does not read images.
ImageProcessor image_processor_of(const OpenedModel& opened);

// The images, prepared, f32 [images, channels, height, width]. Error(Fault::usage) where they end up of
// different sizes.
Tensor pixels_of(Context& cx, const OpenedModel& opened, const ImageProcessor& processor,
                 const std::vector<std::string>& paths);

struct ImagePrompt {
  std::string text;          // as the model reads it, <image> where an image stands
  std::vector<int32_t> ids;  // Batch::kEmbedding where a row of an image stands
  Tensor embeddings;         // f32 [rows of all images, dim]
};

// What the user says about the images. The chat template of the checkpoint is filled in, or the words that
// the model was trained with; `raw`: neither, and no BOS. Images stand where the text says <image>, else
// before it. Error(Fault::usage) where the model does not see or the text names another number of images.
ImagePrompt prompt_with_images(Context& cx, const OpenedModel& opened, const std::string& text,
                               const std::vector<std::string>& images, bool raw);

}  // namespace ridge

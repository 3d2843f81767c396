// Images through models that encode: labels (the checkpoint's own, or any in words), embeddings.
#pragma once
#include "engine/encode_text.h"

namespace ridge {

// Whether the model reads images, and whether texts beside them.
bool reads_images(const OpenedModel& opened);
bool reads_images_and_texts(const OpenedModel& opened);

struct EncodeImagesOptions {
  ContextOptions context;
  int64_t batch = 8;                                        // images at once
  std::function<void(int64_t done, int64_t all)> progress;  // in images
  std::function<bool()> cancelled;                          // then an Error(Fault::check)
};

// Scores of each image by the labels of the checkpoint (config.json id2label), most probable first.
// Error(Fault::usage) where the model has no classifier.
std::vector<std::vector<LabelScore>> classify_images(const OpenedModel& opened,
                                                     const std::vector<std::string>& images,
                                                     const EncodeImagesOptions& options);

// Scores by labels in words (CLIP: Radford et al. 2021, section 3.1; SigLIP: each label for itself). `phrase`
// is what the model reads of a label, which stands for {} in it. Error(Fault::usage) where the model does not
// read texts beside images.
std::vector<std::vector<LabelScore>> classify_images(const OpenedModel& opened,
                                                     const std::vector<std::string>& images,
                                                     const std::vector<std::string>& labels,
                                                     const std::string& phrase,
                                                     const EncodeImagesOptions& options);

// One embedding an image: image_embeds of CLIP and SigLIP, else the pooler's output, else the class token's.
// `take` gets them in order.
void embed_images(const OpenedModel& opened, const std::vector<std::string>& images, bool normalize,
                  const EncodeImagesOptions& options,
                  const std::function<void(int64_t image, std::span<const float>)>& take);

// One embedding a text of a model that reads images and texts: text_embeds. `take` also gets whether the text
// was cut to the model's context.
void embed_words(const OpenedModel& opened, const std::vector<std::string>& texts, bool normalize,
                 const EncodeImagesOptions& options,
                 const std::function<void(int64_t text, bool cut, std::span<const float>)>& take);

}  // namespace ridge

#include "engine/encode_images.h"

#include <cmath>

#include "base/error.h"
#include "engine/image_prompt.h"
#include "models/registry.h"
#include "nn/vision.h"

namespace ridge {
namespace {

std::span<const float> row_of(const Tensor& t, int64_t row) {
  return {t.ptr<float>() + row * t.dim(-1), static_cast<size_t>(t.dim(-1))};
}

// Calls take(first, outputs) for each batch of images.
void each_batch(const OpenedModel& opened, const std::vector<std::string>& images, const Batch& texts,
                const EncodeImagesOptions& o, const std::function<void(size_t first, Outputs&)>& take) {
  Context cx(cpu_device(), o.context);
  const ImageProcessor processor = image_processor_of(opened);
  // Without a size of its own each image is a batch.
  const bool alike = processor.do_center_crop || (processor.do_resize && processor.height > 0);
  const size_t step = alike ? static_cast<size_t>(std::max<int64_t>(1, o.batch)) : 1;
  for (size_t first = 0; first < images.size(); first += step) {
    if (o.cancelled && o.cancelled()) fail(Fault::check, "interrupted");
    const size_t last = std::min(images.size(), first + step);
    Inputs in;
    in.pixels = pixels_of(cx, opened, processor,
                          {images.begin() + static_cast<std::ptrdiff_t>(first),
                           images.begin() + static_cast<std::ptrdiff_t>(last)});
    in.text = texts;
    Outputs out = opened.model->encode(cx, in, {});
    take(first, out);
    if (o.progress) o.progress(static_cast<int64_t>(last), static_cast<int64_t>(images.size()));
  }
}

bool is_siglip(const OpenedModel& opened) { return std::string(opened.model->info->name) == "siglip"; }

std::vector<float> scaled(std::span<const float> row, bool normalize) {
  std::vector<float> v(row.begin(), row.end());
  double sum = 0;
  for (const float x : v) sum += static_cast<double>(x) * x;
  if (normalize && sum > 0)
    for (float& x : v) x = static_cast<float>(x / std::sqrt(sum));
  return v;
}

// SigLIP was trained with texts filled up to the length of its context.
void fill_up(const OpenedModel& opened, TextTokens& t) {
  const auto special = opened.text().special();
  const int32_t pad = special.pad ? *special.pad : special.eos ? *special.eos : 0;
  t.ids.resize(static_cast<size_t>(opened.model->size().context), pad);
  if (!t.types.empty()) t.types.resize(t.ids.size(), 0);
}

}  // namespace

bool reads_images(const OpenedModel& opened) {
  return dynamic_cast<const ImageModel*>(opened.model.get()) && opened.model->kind() == ModelKind::encoder;
}

bool reads_images_and_texts(const OpenedModel& opened) {
  return reads_images(opened) && opened.model->size().vocab > 0;
}

std::vector<std::vector<LabelScore>> classify_images(const OpenedModel& opened,
                                                     const std::vector<std::string>& images,
                                                     const EncodeImagesOptions& options) {
  const auto labels = labels_of(opened.checkpoint);
  std::vector<std::vector<LabelScore>> all;
  each_batch(opened, images, {}, options, [&](size_t, Outputs& out) {
    const auto logits = out.find("logits");
    if (logits == out.end())
      fail(Fault::usage, "{}: no classifier in this checkpoint{}", opened.checkpoint.path(),
           reads_images_and_texts(opened) ? "; name labels with --labels" : "");
    for (int64_t i = 0; i < logits->second.dim(0); ++i)
      all.push_back(label_scores(row_of(logits->second, i), labels, labels_independent(opened.checkpoint)));
  });
  return all;
}

std::vector<std::vector<LabelScore>> classify_images(const OpenedModel& opened,
                                                     const std::vector<std::string>& images,
                                                     const std::vector<std::string>& labels,
                                                     const std::string& phrase,
                                                     const EncodeImagesOptions& options) {
  if (!reads_images_and_texts(opened))
    fail(Fault::usage,
         "{}: labels in words need a model that reads images and texts (clip, siglip); {} does not",
         opened.checkpoint.path(), opened.model->info->name);
  if (labels.empty()) fail(Fault::usage, "no labels to choose from");
  std::vector<TextTokens> texts;
  for (const std::string& label : labels) {
    std::string text = phrase;
    if (const size_t at = text.find("{}"); at != std::string::npos) text.replace(at, 2, label);
    texts.push_back(tokens_of(opened, text));
    if (is_siglip(opened)) fill_up(opened, texts.back());
  }
  std::vector<std::vector<LabelScore>> all;
  each_batch(opened, images, batch_of(texts), options, [&](size_t, Outputs& out) {
    const Tensor& logits = out.at("logits_per_image");
    for (int64_t i = 0; i < logits.dim(0); ++i)
      all.push_back(label_scores(row_of(logits, i), labels, is_siglip(opened)));
  });
  return all;
}

void embed_images(const OpenedModel& opened, const std::vector<std::string>& images, bool normalize,
                  const EncodeImagesOptions& options,
                  const std::function<void(int64_t, std::span<const float>)>& take) {
  each_batch(opened, images, {}, options, [&](size_t first, Outputs& out) {
    for (const char* name : {"image_embeds", "pooler_output", "last_hidden_state"}) {
      const auto found = out.find(name);
      if (found == out.end()) continue;
      const Tensor& t = found->second;
      for (int64_t i = 0; i < t.dim(0); ++i) {
        const auto row = row_of(t, t.rank() == 3 ? i * t.dim(1) : i);  // the first token's
        take(static_cast<int64_t>(first) + i, scaled(row, normalize));
      }
      return;
    }
    fail(Fault::usage, "{}: this checkpoint has no embeddings of images", opened.checkpoint.path());
  });
}

void embed_words(const OpenedModel& opened, const std::vector<std::string>& texts, bool normalize,
                 const EncodeImagesOptions& o,
                 const std::function<void(int64_t, bool, std::span<const float>)>& take) {
  Context cx(cpu_device(), o.context);
  const auto all = static_cast<int64_t>(texts.size());
  for (int64_t i = 0; i < all; ++i) {
    if (o.cancelled && o.cancelled()) fail(Fault::check, "interrupted");
    TextTokens t = tokens_of(opened, texts[static_cast<size_t>(i)]);
    if (is_siglip(opened)) fill_up(opened, t);
    Inputs in;
    in.text = batch_of(std::span(&t, 1));
    const Outputs out = opened.model->encode(cx, in, {});
    take(i, t.cut, scaled(row_of(out.at("text_embeds"), 0), normalize));
    if (o.progress) o.progress(i + 1, all);
  }
}

}  // namespace ridge

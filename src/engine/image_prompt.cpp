#include "engine/image_prompt.h"

#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/chat_session.h"
#include "nn/image_text.h"
#include "text/chat_template.h"

namespace ridge {
namespace {

constexpr const char* kPlace = "<image>";

const ImageModel& seeing(const OpenedModel& opened) {
  const auto* m = dynamic_cast<const ImageModel*>(opened.model.get());
  if (!m)
    fail(Fault::usage, "{}: {} does not read images", opened.checkpoint.path(), opened.model->info->name);
  return *m;
}

size_t places(const std::string& text) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(kPlace, at)) != std::string::npos; at += std::strlen(kPlace)) ++n;
  return n;
}

std::string repeated(const char* text, size_t n) {
  std::string s;
  for (size_t i = 0; i < n; ++i) s += text;
  return s;
}

std::string in_template(const OpenedModel& opened, const std::string& source, const std::string& text,
                        size_t images) {
  OrderedJson content = OrderedJson::array();
  if (places(text) == 0)
    for (size_t i = 0; i < images; ++i) content.push_back({{"type", "image"}});
  content.push_back({{"type", "text"}, {"text", text}});
  OrderedJson variables{{"messages", OrderedJson::array({{{"role", "user"}, {"content", content}}})},
                        {"add_generation_prompt", true}};
  add_special_tokens(variables, opened.text());
  return ChatTemplate(source, opened.checkpoint.path()).render(variables);
}

// The ids with image_token() where an image stands. A tokenizer that has <image> among its tokens reads the
// text whole; for others the parts between are read each on its own, as the published code does.
std::vector<int32_t> ids_of_text(const OpenedModel& opened, const ImageText& model, const std::string& text,
                                 bool raw) {
  const Tokenizer& t = opened.text();
  const auto special = t.special();
  const bool begins = special.bos && !raw && text.rfind(std::string(t.piece(*special.bos)), 0) == 0;
  const EncodeOptions first{!raw && !begins, true};
  const auto drop_end = [&](std::vector<int32_t> ids) {
    if (first.add_special && t.adds_eos() && !ids.empty() && special.eos == ids.back()) ids.pop_back();
    return ids;
  };
  if (model.image_token() >= 0 && t.piece(model.image_token()) == kPlace)
    return drop_end(t.encode(text, first));
  std::vector<int32_t> all;
  for (size_t at = 0;;) {
    const size_t end = text.find(kPlace, at);
    auto part = drop_end(t.encode(text.substr(at, end == std::string::npos ? end : end - at), first));
    const bool has_bos = first.add_special && !part.empty() && special.bos == part[0];
    all.insert(all.end(), part.begin() + (at > 0 && has_bos ? 1 : 0), part.end());
    if (end == std::string::npos) return all;
    all.push_back(model.image_token());
    at = end + std::strlen(kPlace);
  }
}

// Pillow's convert("L"): weights of ITU-R 601 in 16 bits.
void to_grey(Image& image) {
  for (size_t i = 0; i + 2 < image.pixels.size(); i += 3) {
    uint8_t* p = &image.pixels[i];
    p[0] = p[1] = p[2] = static_cast<uint8_t>((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
  }
}

}  // namespace

ImageProcessor image_processor_of(const OpenedModel& opened) {
  const ImageModel& model = seeing(opened);
  const std::string folder = opened.checkpoint.folder();
  const Shape shape = model.image_shape();
  ImageProcessor p;
  const std::string own = folder + "/preprocessor_config.json", shared = folder + "/processor_config.json";
  const std::string family = model.image_family();
  if (family == "MNIST") {  // the published mean and deviation of the training images
    p.height = p.width = shape[1];
    for (int c = 0; c < 3; ++c) p.mean[c] = 0.1307f, p.deviation[c] = 0.3081f;
  } else if (file_exists(own)) {
    p = ImageProcessor::parse(read_json(own), family, own);
  } else if (const Json j = file_exists(shared) ? read_json(shared) : Json::object();
             j.is_object() && j.contains("image_processor")) {
    p = ImageProcessor::parse(j["image_processor"], family, shared);
  } else {
    p = ImageProcessor::family(family, opened.checkpoint.path());
    if (p.shortest > 0)
      p.shortest = std::min(shape[1], shape[2]);
    else
      p.height = shape[1], p.width = shape[2];
    p.crop_height = shape[1], p.crop_width = shape[2];
  }
  // MobileVLM's and the first LLaVA's way of saying do_pad.
  const Json& config = opened.checkpoint.config();
  if (config.is_object() && config.value("image_aspect_ratio", Json()) == Json("pad")) p.pad_to_square = true;
  return p;
}

Tensor pixels_of(Context& cx, const OpenedModel& opened, const ImageProcessor& processor,
                 const std::vector<std::string>& paths) {
  const int64_t channels = seeing(opened).image_shape()[0];
  std::vector<float> all;
  int64_t height = 0, width = 0;
  for (const std::string& path : paths) {
    Image image = load_image(path);
    if (channels == 1) to_grey(image);
    auto x = processor(image);
    if (!all.empty() && (x.height != height || x.width != width))
      fail(Fault::usage, "{}: {} x {} pixels after resizing beside images of {} x {}: give them one by one",
           path, x.width, x.height, width, height);
    height = x.height, width = x.width;
    if (channels == 1) x.values.resize(static_cast<size_t>(height * width));
    all.insert(all.end(), x.values.begin(), x.values.end());
  }
  if (channels != 1 && channels != 3)
    fail(Fault::usage, "{}: images of {} channels cannot be read from files", opened.checkpoint.path(),
         channels);
  return cx.from_host(all.data(), {static_cast<int64_t>(paths.size()), channels, height, width});
}

ImagePrompt prompt_with_images(Context& cx, const OpenedModel& opened, const std::string& text,
                               const std::vector<std::string>& images, bool raw) {
  auto* model = dynamic_cast<ImageText*>(opened.model.get());
  if (!model)
    fail(Fault::usage, "{}: {} does not see images (llava, mobilevlm)", opened.checkpoint.path(),
         opened.model->info->name);
  if (const size_t n = places(text); n != 0 && n != images.size())
    fail(Fault::usage, "the prompt says {} {} times, and there {} {}", kPlace, n,
         images.size() == 1 ? "is" : "are",
         images.size() == 1 ? "one image" : std::to_string(images.size()) + " images");
  ImagePrompt p;
  const std::string source = raw ? "" : chat_template_of(opened.checkpoint);
  const std::string placed = places(text) ? text : repeated("<image>\n", images.size()) + text;
  p.text = raw              ? placed
           : source.empty() ? model->chat_prompt(placed)
                            : in_template(opened, source, text, images.size());
  const Tensor rows = model->image_tokens(cx, pixels_of(cx, opened, image_processor_of(opened), images));
  p.ids = model->expand(ids_of_text(opened, *model, p.text, raw), rows.dim(0), rows.dim(1));
  p.embeddings = rows.reshape({rows.dim(0) * rows.dim(1), rows.dim(2)});
  return p;
}

}  // namespace ridge

#include "image/preprocess.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"

namespace ridge {
namespace {

constexpr float kClipMean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
constexpr float kClipDeviation[3] = {0.26862954f, 0.26130258f, 0.27577711f};
constexpr int64_t kMaxSide = 1 << 16;

int64_t number(const Json& j, const char* key, const std::string& what) {
  if (!j.is_number_unsigned() || j.get<uint64_t>() > static_cast<uint64_t>(kMaxSide))
    fail(Fault::file, "{}: \"{}\" is {}, expected a number of pixels", what, key, printable(j.dump(), 40));
  return j.get<int64_t>();
}

// "CLIP" of "CLIPImageProcessorFast", "CLIPFeatureExtractor" ...
std::string family_name(std::string type) {
  for (const char* end : {"Fast", "Pil", "ImageProcessor", "FeatureExtractor"}) {
    const std::string suffix = end;
    if (type.size() > suffix.size() && type.compare(type.size() - suffix.size(), suffix.size(), suffix) == 0)
      type.resize(type.size() - suffix.size());
  }
  return type;
}

void three(const Json& config, const char* key, float (&values)[3], const std::string& what) {
  const auto it = config.find(key);
  if (it == config.end() || it->is_null()) return;
  for (int c = 0; c < 3; ++c) {
    const Json* v = it->is_array() && it->size() == 3 ? &(*it)[static_cast<size_t>(c)] : &*it;
    if (!v->is_number())
      fail(Fault::file, "{}: \"{}\" is {}, expected three numbers", what, key, printable(it->dump(), 60));
    values[c] = static_cast<float>(v->get<double>());
  }
}

void flag(const Json& config, const char* key, bool& value, const std::string& what) {
  const auto it = config.find(key);
  if (it == config.end() || it->is_null()) return;
  if (!it->is_boolean())
    fail(Fault::file, "{}: \"{}\" is {}, expected true or false", what, key, printable(it->dump(), 40));
  value = it->get<bool>();
}

void sizes(const Json& config, bool square, ImageProcessor& p, const std::string& what) {
  const auto it = config.find("size");
  if (it == config.end() || it->is_null()) return;
  p.height = p.width = p.shortest = p.longest = p.max_height = p.max_width = 0;
  if (it->is_number()) {
    (square ? p.height : p.shortest) = number(*it, "size", what);
    if (square) p.width = p.height;
  } else if (it->is_array() && it->size() == 2) {
    p.height = number((*it)[0], "size", what), p.width = number((*it)[1], "size", what);
  } else if (it->is_object()) {
    const auto get = [&](const char* key, int64_t& value) {
      if (const auto n = it->find(key); n != it->end() && !n->is_null()) value = number(*n, key, what);
    };
    get("height", p.height), get("width", p.width);
    get("shortest_edge", p.shortest), get("longest_edge", p.longest);
    get("max_height", p.max_height), get("max_width", p.max_width);
  }
  if (p.shortest < 1 && (p.height < 1 || p.width < 1) && (p.max_height < 1 || p.max_width < 1))
    fail(Fault::file,
         "{}: \"size\" is {}, expected height and width, shortest_edge, or max_height and max_width", what,
         printable(it->dump(), 60));
}

void crop(const Json& config, ImageProcessor& p, const std::string& what) {
  const auto it = config.find("crop_size");
  if (it == config.end() || it->is_null()) return;
  const auto side = [&](const char* key) {
    if (it->is_number()) return number(*it, "crop_size", what);
    const auto n = it->is_object() ? it->find(key) : it->end();
    if (!it->is_object() || n == it->end())
      fail(Fault::file, "{}: \"crop_size\" is {}, expected height and width", what,
           printable(it->dump(), 60));
    return number(*n, key, what);
  };
  p.crop_height = side("height"), p.crop_width = side("width");
  if (p.crop_height < 1 || p.crop_width < 1)
    fail(Fault::file, "{}: \"crop_size\" is {} x {}", what, p.crop_height, p.crop_width);
}

}  // namespace

ImageProcessor ImageProcessor::family(const std::string& name, const std::string& what) {
  ImageProcessor p;
  if (name == "ViT") return p;
  if (name == "DeiT" || name == "Siglip") {
    p.filter = Filter::bicubic;
    if (name == "DeiT") p.do_center_crop = true, p.height = p.width = 256;
    return p;
  }
  if (name == "CLIP" || name == "Bit" || name == "Llava") {
    p.filter = Filter::bicubic;
    p.do_center_crop = true;
    p.shortest = 224, p.height = p.width = 0;
    std::copy(kClipMean, kClipMean + 3, p.mean);
    std::copy(kClipDeviation, kClipDeviation + 3, p.deviation);
    return p;
  }
  fail(Fault::file,
       "{}: the image processor \"{}\" is not supported (known: CLIP, ViT, DeiT, Bit, Siglip, Llava)", what,
       printable(name));
}

ImageProcessor ImageProcessor::parse(const Json& config, const std::string& otherwise,
                                     const std::string& what) {
  if (!config.is_object()) fail(Fault::file, "{}: not an object", what);
  std::string name = otherwise;
  for (const char* key : {"feature_extractor_type", "image_processor_type"})
    if (const auto it = config.find(key); it != config.end() && it->is_string())
      name = family_name(it->get<std::string>());
  ImageProcessor p = family(name, what);
  sizes(config, name == "ViT" || name == "DeiT" || name == "Siglip", p, what);
  crop(config, p, what);
  flag(config, "do_resize", p.do_resize, what);
  flag(config, "do_center_crop", p.do_center_crop, what);
  flag(config, "do_rescale", p.do_rescale, what);
  flag(config, "do_normalize", p.do_normalize, what);
  bool pad = false;
  flag(config, "do_pad", pad, what);
  if (pad && name != "Llava")
    fail(Fault::file, "{}: \"do_pad\" is not supported for {} processors", what, name);
  p.pad_to_square = pad;
  three(config, "image_mean", p.mean, what);
  three(config, "image_std", p.deviation, what);
  for (const float s : p.deviation)
    if (!(s > 0)) fail(Fault::file, "{}: \"image_std\" holds {}", what, s);
  if (const auto it = config.find("rescale_factor"); it != config.end() && it->is_number())
    p.rescale_factor = it->get<double>();
  if (const auto it = config.find("resample"); it != config.end() && !it->is_null()) {
    if (!it->is_number_unsigned() || it->get<uint64_t>() > 5)
      fail(Fault::file, "{}: \"resample\" is {}, expected a filter of Pillow, 0 to 5", what,
           printable(it->dump(), 40));
    p.filter = static_cast<Filter>(it->get<int>());
  }
  return p;
}

void ImageProcessor::target(const Image& image, int64_t& to_width, int64_t& to_height) const {
  const auto h = static_cast<double>(image.height), w = static_cast<double>(image.width);
  to_height = height, to_width = width;
  if (shortest > 0) {
    const double low = std::min(h, w), high = std::max(h, w);
    int64_t edge = shortest;
    double exact = static_cast<double>(shortest);
    // Where the longer edge has a bound the shorter one follows it, rounded half to even.
    const bool bounded = longest > 0 && high / low * exact > static_cast<double>(longest);
    if (bounded) exact = static_cast<double>(longest) * low / high, edge = std::llrint(exact);
    const auto other =
        static_cast<int64_t>(longest > 0 ? exact * high / low : static_cast<double>(edge) * high / low);
    to_width = w <= h ? edge : other;
    to_height = w <= h ? other : edge;
    if (longest == 0) return;
    if ((h <= w && image.height == edge) || (w <= h && image.width == edge))
      to_width = image.width, to_height = image.height;
  } else if (max_height > 0) {
    const double scale = std::min(static_cast<double>(max_height) / h, static_cast<double>(max_width) / w);
    to_height = static_cast<int64_t>(h * scale), to_width = static_cast<int64_t>(w * scale);
  }
}

ImageProcessor::Pixels ImageProcessor::operator()(const Image& image) const {
  Image x = image;
  if (pad_to_square) {
    uint8_t color[3];
    for (int c = 0; c < 3; ++c) color[c] = static_cast<uint8_t>(std::clamp(mean[c] * 255.0f, 0.0f, 255.0f));
    x = expand_to_square(x, color);
  }
  if (do_resize) {
    int64_t to_width, to_height;
    target(x, to_width, to_height);
    x = resize(x, to_width, to_height, filter);
  }
  if (do_center_crop) x = center_crop(x, crop_width, crop_height);
  Pixels out{x.height, x.width, std::vector<float>(x.pixels.size())};
  const int64_t n = x.width * x.height;
  for (int c = 0; c < 3; ++c) {
    // One of 256 values each: what a byte becomes.
    float values[256];
    for (int b = 0; b < 256; ++b) {
      values[b] = do_rescale ? static_cast<float>(b * rescale_factor) : static_cast<float>(b);
      if (do_normalize) values[b] = (values[b] - mean[c]) / deviation[c];
    }
    float* to = out.values.data() + c * n;
    for (int64_t i = 0; i < n; ++i) to[i] = values[x.pixels[static_cast<size_t>(3 * i + c)]];
  }
  return out;
}

}  // namespace ridge

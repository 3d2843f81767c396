// From a decoded image to the pixels that a model is given, as preprocessor_config.json says (the image
// processors of CLIP, ViT, DeiT, DINOv2, SigLIP and LLaVA).
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "image/image.h"

namespace ridge {

struct ImageProcessor {
  // In this order, each where it is asked for.
  bool pad_to_square = false;  // filled with the mean colour (LLaVA's do_pad, MobileVLM's expand2square)
  bool do_resize = true;
  bool do_center_crop = false;
  bool do_rescale = true;
  bool do_normalize = true;
  // The size to resize to: height x width; or that of the shorter edge (at most `longest` for the longer, 0:
  // no bound); or the largest that fits max_height x max_width.
  int64_t height = 224, width = 224, shortest = 0, longest = 0, max_height = 0, max_width = 0;
  int64_t crop_height = 224, crop_width = 224;
  Filter filter = Filter::bilinear;
  double rescale_factor = 1.0 / 255;
  float mean[3] = {0.5f, 0.5f, 0.5f}, deviation[3] = {0.5f, 0.5f, 0.5f};

  // What a processor of that family does where a configuration says nothing: "CLIP", "ViT", "DeiT", "Bit",
  // "Siglip", "Llava". Error(Fault::file) for others.
  static ImageProcessor family(const std::string& name, const std::string& what);
  // The text of a preprocessor_config.json, `otherwise` the family where it names none. Error(Fault::file)
  // naming `what` and the key.
  static ImageProcessor parse(const nlohmann::json& config, const std::string& otherwise,
                              const std::string& what);

  // f32 [3, height, width] of the result, and its size.
  struct Pixels {
    int64_t height, width;
    std::vector<float> values;
  };
  Pixels operator()(const Image& image) const;

 private:
  void target(const Image& image, int64_t& to_width, int64_t& to_height) const;
};

}  // namespace ridge

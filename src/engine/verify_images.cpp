#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/verify_parts.h"
#include "files/safetensors.h"
#include "image/preprocess.h"

namespace ridge {
namespace {

// Where the photographs of a folder lie: in it or beside it, or in shared/data/photos.
std::string find_image(const std::string& folder, const std::string& name) {
  std::vector<std::string> places{folder, folder + "/photos", folder + "/../photos",
                                  folder + "/../../../data/photos"};
  if (const char* shared = std::getenv("RIDGE_SHARED"))
    places.push_back(std::string(shared) + "/data/photos");
  else
    places.push_back("../shared/data/photos");
  for (const std::string& p : places)
    if (file_exists(p + "/" + name)) return p + "/" + name;
  return "";
}

// The largest difference as a share of the range that a pixel has in the result.
VerifyResult compare_pixels(const std::string& name, const ImageProcessor& processor,
                            const ImageProcessor::Pixels& out, const Tensor& expected) {
  VerifyResult r{name};
  const Shape shape{3, out.height, out.width};
  const bool batched = expected.rank() == 4 && expected.dim(0) == 1;
  if (!(expected.shape() == shape) && !(batched && expected.count() == shape.count())) {
    r.error = INFINITY;
    r.note = fmt::format("{}, expected {}", shape.text(), expected.shape().text());
    return r;
  }
  const auto want = verifying::values_of(expected);
  const auto plane = static_cast<size_t>(out.height * out.width);
  for (size_t i = 0; i < want.size(); ++i) {
    const double range = (processor.do_rescale ? 255 * processor.rescale_factor : 255) /
                         (processor.do_normalize ? processor.deviation[i / plane] : 1);
    const double error = std::fabs(static_cast<double>(out.values[i]) - want[i]) / std::fabs(range);
    if (!(error <= r.error)) {
      r.error = std::isnan(error) ? INFINITY : error;
      r.note = fmt::format("channel {}, row {}, column {} is {}, expected {}", i / plane,
                           i % plane / static_cast<size_t>(out.width), i % static_cast<size_t>(out.width),
                           out.values[i], want[i]);
    }
  }
  r.passed = r.error <= 1.0 / 255;
  return r;
}

}  // namespace

std::vector<VerifyResult> verify_images(const std::string& folder, std::vector<std::string>& skipped) {
  const std::string file = folder + "/preprocessor_config.json";
  const ImageProcessor processor = ImageProcessor::parse(read_json(file), "CLIP", file);
  const Safetensors expected = Safetensors::open(folder + "/expected.safetensors");
  std::vector<VerifyResult> results;
  for (const auto& e : expected.tensors()) {
    const std::string path = find_image(folder, e.name);
    if (path.empty()) {
      skipped.push_back(e.name + " (the image is not here: below " + folder + ", or set RIDGE_SHARED)");
      continue;
    }
    results.push_back(compare_pixels(e.name, processor, processor(load_image(path)), expected.tensor(e)));
  }
  return results;
}

}  // namespace ridge

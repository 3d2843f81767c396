#include "engine/verify_preprocess.h"

#include "base/file.h"
#include "base/json.h"
#include "engine/verify_parts.h"

namespace ridge {

bool is_preprocess_folder(const std::string& folder) {
  return file_exists(folder + "/preprocessor_config.json") && !file_exists(folder + "/config.json");
}

namespace {

bool hears(const std::string& folder) {
  const std::string path = folder + "/preprocessor_config.json";
  const Json json = parse_json(read_file(path), path);
  return json.is_object() && json.contains("feature_extractor_type") && json.contains("n_fft");
}

}  // namespace

double preprocess_tolerance(const std::string& folder, double asked) {
  return hears(folder) ? asked : 1.0 / 255;
}

std::vector<VerifyResult> verify_preprocess(const std::string& folder, std::vector<std::string>& skipped,
                                            double tolerance) {
  return hears(folder) ? verify_audio(folder, tolerance, skipped) : verify_images(folder, skipped);
}

}  // namespace ridge

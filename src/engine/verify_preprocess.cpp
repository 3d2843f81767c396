#include "engine/verify_preprocess.h"

#include "base/file.h"
#include "engine/verify_parts.h"

namespace ridge {

bool is_preprocess_folder(const std::string& folder) {
  return file_exists(folder + "/preprocessor_config.json") && !file_exists(folder + "/config.json");
}

std::vector<VerifyResult> verify_preprocess(const std::string& folder, std::vector<std::string>& skipped) {
  return verify_images(folder, skipped);
}

}  // namespace ridge

// Recomputing what a preprocessor gives: a folder with preprocessor_config.json, expected.safetensors and no
// model.
#pragma once
#include "engine/verify.h"

namespace ridge {

bool is_preprocess_folder(const std::string& folder);

// Images: pixel values under the names of the photographs, largest difference as a share of the range; within
// 1/255. What cannot be checked is listed in `skipped`.
std::vector<VerifyResult> verify_preprocess(const std::string& folder, std::vector<std::string>& skipped);

}  // namespace ridge

// Recomputing what a preprocessor gives: a folder with preprocessor_config.json, expected.safetensors and no
// model.
#pragma once
#include "engine/verify.h"

namespace ridge {

bool is_preprocess_folder(const std::string& folder);

// The largest difference that passes: 1/255 of the range for pixels, `asked` for sound.
double preprocess_tolerance(const std::string& folder, double asked);

// Images: pixel values under the names of the photographs, largest difference as a share of the range; within
// 1/255. Sound: log-mel features, within `tolerance`. What cannot be checked is listed in `skipped`.
std::vector<VerifyResult> verify_preprocess(const std::string& folder, std::vector<std::string>& skipped,
                                            double tolerance = 1e-4);

}  // namespace ridge

// What the verifications of the kinds of models share.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/verify.h"

namespace ridge {

class ImageText;

namespace verifying {

// Ids of an expected tensor of i64 or i32; values of one of any real type.
std::vector<int32_t> ids_of(const Tensor& t);
std::vector<float> values_of(const Tensor& t);

VerifyResult compare(const std::string& name, const std::vector<float>& out,
                     const std::vector<float>& reference, double tolerance);

// The results of `outputs`. A reference that was cast to the type it is stored in has cast its RoPE
// frequencies too, and computed with them from then on: where exact frequencies do not give what is expected
// those may, and then the results say so.
std::vector<VerifyResult> with_rounded_rope(Model& model,
                                            const std::function<std::vector<VerifyResult>()>& outputs);

}  // namespace verifying

// Encoders: whatever outputs the folder names, of input_ids (with attention_mask, token_type_ids,
// global_attention_mask), pixel_values, input_features or inputs. Outputs at padded tokens mean nothing and
// are not compared.
std::vector<VerifyResult> verify_encoder(Model& model, const Safetensors& expected,
                                         const VerifyOptions& options, std::vector<std::string>& skipped);

// Models that see: logits and greedy continuation of input_ids with the images of pixel_values in them,
// image_tokens, vision_features.
std::vector<VerifyResult> verify_images_text(ImageText& model, const Safetensors& expected,
                                             const VerifyOptions& options, std::vector<std::string>& skipped);

// Image preprocessing: a folder with preprocessor_config.json and expected pixel values [3, height, width]
// under the names of images, which lie in the folder or beside it, or in shared/data/photos. `error` is the
// largest difference as a share of a pixel's range, and 1/255 of it passes. Images that are not found are
// listed in `skipped`.
std::vector<VerifyResult> verify_images(const std::string& folder, std::vector<std::string>& skipped);

// Log-mel features: a folder with preprocessor_config.json, one recording and expected input_features [mels,
// frames], or the first frames of them.
std::vector<VerifyResult> verify_audio(const std::string& folder, double tolerance,
                                       std::vector<std::string>& skipped);

// Encoder-decoders: logits, encoder_hidden, greedy, beamN (and their .scores) of input_ids (with
// attention_mask) or input_features, and decoder_input_ids. What stands at padded tokens is not compared.
std::vector<VerifyResult> verify_seq2seq(Model& model, const Safetensors& expected,
                                         const VerifyOptions& options, std::vector<std::string>& skipped);

}  // namespace ridge

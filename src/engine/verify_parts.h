// What the verifications of the kinds of models share.
#pragma once
#include <string>
#include <vector>

#include "engine/verify.h"

namespace ridge {
namespace verifying {

// Ids of an expected tensor of i64 or i32; values of one of any real type.
std::vector<int32_t> ids_of(const Tensor& t);
std::vector<float> values_of(const Tensor& t);

VerifyResult compare(const std::string& name, const std::vector<float>& out,
                     const std::vector<float>& reference, double tolerance);

}  // namespace verifying

// Encoders: whatever outputs the folder names, of input_ids (with attention_mask, token_type_ids,
// global_attention_mask), pixel_values, input_features or inputs. Outputs at padded tokens mean nothing and
// are not compared.
std::vector<VerifyResult> verify_encoder(Model& model, const Safetensors& expected,
                                         const VerifyOptions& options, std::vector<std::string>& skipped);

}  // namespace ridge

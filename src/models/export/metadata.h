// The text side of a checkpoint: settings, vocabulary, and what travels along.
#pragma once
#include <string>

#include "files/gguf_metadata.h"
#include "models/export/weights.h"
#include "nn/model.h"

namespace ridge::exporting {

// tokenizer.ggml.* and the chat template; tokens are filled up to the model's vocabulary.
void write_vocabulary(GgufMetadata& out, const Tokenizer* tokenizer, const std::string& chat_template,
                      int64_t vocab, ExportReport& report);

// Keys of our own that remember what a Hugging Face folder says and GGUF does not.
//   ridge.architecture       the name of the model's file in Ridge
//   ridge.config             config.json
//   ridge.generation_config  generation_config.json
//   ridge.tensor_types       "name type" of tensors whose type is not that of config.json
//   ridge.exact.<tensor>     vectors (f32) that the published layout rounds: norms stored as weight + 1
void remember(GgufMetadata& out, Model& model, const WeightReader& reader);

// The type that config.json names ("dtype", formerly "torch_dtype"); null where it names none that Ridge has.
DType config_dtype(const nlohmann::json& config);

// "config.json" of a checkpoint's own folder or of ridge.config, the language model's part of it; an empty
// object where there is none.
nlohmann::json known_config(const Checkpoint& source);

}  // namespace ridge::exporting

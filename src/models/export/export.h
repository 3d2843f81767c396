// Writing a checkpoint in another layout or other types: GGUF, or a Hugging Face folder with safetensors.
//
// Weights stream through: at most one tensor (of a mixture, one expert) and a buffer are in memory at a time.
// Files and folders appear whole or not at all. What one layout has no words for travels along under keys of
// our own (ridge.*), so that a way back gives the same tensors and settings; files of others are read by the
// published keys alone.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "files/checkpoint.h"
#include "text/tokenizer.h"

namespace ridge {

class ConfigKeys;

struct ExportOptions {
  // GGUF: a mix of src/formats/mixes.h ("Q8_0", "Q4_K_M"). Hugging Face: "F32", "F16" or "BF16". "": the
  // types that the weights have (quantized ones become bf16 in a Hugging Face folder).
  std::string type;
  const Tokenizer* tokenizer = nullptr;  // goes into the file, or beside the weights
  std::string chat_template;
  uint64_t max_file_bytes = 0;  // tensor data of one file; 0: GGUF all in one, safetensors 5 GB
  int threads = 0;              // 0: one a usable core
  std::function<void(uint64_t done, uint64_t total)> progress;  // bytes written; may throw to give up
};

struct ExportReport {
  std::vector<std::string> files;
  std::vector<std::string> notices;  // what a person should know: tensors left out, what GGUF cannot say
  uint64_t tensors = 0, bytes = 0;   // of tensor data written
};

// Throws Error: usage for an unknown type or a target that cannot be, file for what is wrong with the source.
ExportReport export_gguf(const Checkpoint& source, const std::string& path,
                         const ExportOptions& options = {});
// A file of random weights, the same each time, of the shape that `keys` tell: to measure with, beside other
// programs that read GGUF. Without a vocabulary. `options.type` "": F16.
ExportReport export_random_gguf(ConfigKeys& keys, const std::string& name, const std::string& path,
                                const ExportOptions& options = {});
// `folder` must not exist, or be empty.
ExportReport export_huggingface(const Checkpoint& source, const std::string& folder,
                                const ExportOptions& options = {});

}  // namespace ridge

// Checkpoint: one neutral handle on whatever a MODEL argument names: a GGUF file (split or not), a Hugging
// Face folder, a safetensors file beside its config.json (some architectures do without one), a config.json
// alone (no weights: to price a model), a llama2.c .bin, an rwkv.cpp .bin.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "files/gguf_metadata.h"
#include "tensor/tensor.h"

namespace ridge {

using Json = nlohmann::json;  // the same as in base/json.h

class Checkpoint {
 public:
  // How names and configuration are to be understood.
  //   gguf         GGUF tensor names, metadata()
  //   huggingface  the names of the safetensors files, config()
  //   llama2c      GGUF tensor names and the llama.* keys in metadata(), made from the .bin's header; the
  //   rows of
  //                attn_q and attn_k are in the order of GGUF (RoPE on adjacent pairs)
  //   rwkv_bin     GGUF tensor names, and GGUF keys made from the .bin's header
  enum class Layout { gguf, huggingface, llama2c, rwkv_bin };

  struct TensorInfo {
    std::string name;
    std::string type;  // as the file's format names it: "Q4_K", "BF16"
    DType dtype;       // null where Ridge has no such type
    Shape shape;       // outermost first
    uint64_t bytes;    // 0 where the size of the type is not known
  };

  // Throws Error(Fault::file) naming the path and, where there is one, the way out.
  static Checkpoint open(const std::string& path);

  const std::string& path() const;    // as given
  const std::string& folder() const;  // where the tokenizer and other files lie: "." for a bare file name
  Layout layout() const;
  bool has_weights() const;                       // false for a config.json alone
  const std::vector<std::string>& files() const;  // the weight files that are open

  const std::vector<TensorInfo>& tensors() const;       // in the order of the files
  const TensorInfo* info(std::string_view name) const;  // null where there is none
  bool contains(std::string_view name) const { return info(name) != nullptr; }

  // A view of the mapped file, nothing where the checkpoint has no tensor of that name. (A copy only where
  // the file misaligns the elements, and where a version 2 llama2.c file is decoded.) Throws
  // Error(Fault::file) naming tensor and type where Ridge does not compute with the type.
  std::optional<Tensor> find(std::string_view name) const;
  // The same; a missing tensor is an Error(Fault::file) naming it.
  Tensor get(std::string_view name) const;

  // huggingface: config.json and generation_config.json (empty objects where there are none). An empty
  // object for the other layouts. Infinity, which Python writes, reads as the largest double, NaN as null.
  const Json& config() const;
  const Json& generation_config() const;
  // gguf, llama2c and rwkv_bin; empty for huggingface.
  const GgufMetadata& metadata() const;
  // llama2c: the path of the vocabulary beside the .bin (tok<vocab_size>.bin or tokenizer.bin), "" where
  // there is none.
  std::string llama2c_tokenizer() const;

  uint64_t weight_bytes() const;  // of all tensors whose type's size is known
  uint64_t file_bytes() const;    // of all open weight files
  int64_t parameters() const;     // elements of all tensors

  struct Impl;  // defined in checkpoint.cpp

 private:
  explicit Checkpoint(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

const char* layout_name(Checkpoint::Layout layout);  // "gguf", "huggingface", "llama2c", "rwkv_bin"

}  // namespace ridge

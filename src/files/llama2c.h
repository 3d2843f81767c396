// llama2.c model files (.bin): version 0 (no magic), 1 (f32) and 2 (int8 groups).
// Source: karpathy/llama2.c, export.py and run.c.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "files/bytes.h"
#include "files/gguf_metadata.h"
#include "tensor/tensor.h"

namespace ridge {

class Llama2c {
 public:
  struct Header {
    int32_t version = 0;
    int64_t dim = 0, hidden_dim = 0, layers = 0, heads = 0, kv_heads = 0, vocab = 0, context = 0;
    bool tied = false;       // the output matrix is the embedding
    int64_t group_size = 0;  // of version 2
  };
  // A tensor under its GGUF name (blk.0.attn_q.weight).
  struct Entry {
    std::string name;
    Shape shape;      // [out, in]
    uint64_t offset;  // bytes from the start: f32, or int8 in version 2
    uint64_t scales =
        0;  // version 2: bytes from the start of the groups' f32 scales; 0 where the tensor is f32
  };

  // Throws Error(Fault::file) where the size of the file is not what its header says.
  static Llama2c open(const std::string& path);
  static Llama2c parse(FileBytes bytes);

  const Header& header() const { return header_; }
  const std::vector<Entry>& tensors() const { return tensors_; }
  const Entry* find(std::string_view name) const;
  // f32: a view of the mapped file; of version 2's quantized matrices a decoded copy.
  Tensor tensor(const Entry& entry) const;
  // The header as GGUF keys: general.architecture = llama, llama.block_count ...
  GgufMetadata metadata() const;
  // The vocabulary beside the model: tok<vocab>.bin, else tokenizer.bin; "" where there is none.
  std::string tokenizer_path() const;
  uint64_t file_bytes() const { return bytes_.size; }

 private:
  FileBytes bytes_;
  std::shared_ptr<Storage> storage_;
  Header header_;
  std::vector<Entry> tensors_;
  std::vector<size_t> by_name_;  // indices of tensors_, sorted by name
};

}  // namespace ridge

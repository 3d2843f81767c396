// rwkv.cpp model files (.bin), versions 100 and 101: RWKV-4, 5.2, 6 and 7, in f32, f16 or ggml's block
// formats. Layout: six int32 (magic 0x67676d66, version, n_vocab, n_embed, n_layer, data type), then tensors
// to the end of the file: int32 dimensions, name length, data type, shape (fastest dimension first), name,
// data. Source: RWKV/rwkv.cpp, rwkv_file_format.inc and docs/FILE_FORMAT.md.
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

class RwkvBin {
 public:
  struct Header {
    int32_t version = 0;  // of the file
    int64_t vocab = 0, dim = 0, layers = 0;
    int generation = 0;  // of RWKV: 4, 5, 6 or 7, by the tensors that are there
    int64_t hidden = 0, head_size = 0;
  };
  // A tensor under its GGUF name (blk.0.time_mix_key.weight), as GGUF files lay it out.
  struct Entry {
    std::string name;
    DType dtype;
    Shape shape;
    std::vector<uint64_t> offsets;  // bytes from the start; several are stacked along a new first dimension
    // Decays that the file holds as they are used are given back as they are learned: -e^w (RWKV-4) or
    // e^(-e^w) (RWKV-5) as w.
    int undo_exp = 0;
  };

  // Throws Error(Fault::file) where the file is not one, is cut off, or lacks what tells its generation.
  static RwkvBin open(const std::string& path);
  static RwkvBin parse(FileBytes bytes);

  const Header& header() const { return header_; }
  const std::vector<Entry>& tensors() const { return tensors_; }
  // A view of the mapped file; a copy of stacked tensors and of decays.
  Tensor tensor(const Entry& entry) const;
  // The header as GGUF keys: general.architecture = rwkv4, rwkv5, rwkv6 or rwkv7, and so on; where there are
  // 256 tokens, the vocabulary of bytes.
  GgufMetadata metadata() const;
  uint64_t file_bytes() const { return bytes_.size; }

 private:
  class Reader;
  FileBytes bytes_;
  std::shared_ptr<Storage> storage_;
  Header header_;
  std::vector<Entry> tensors_;
};

}  // namespace ridge

// GGUF files, versions 2 and 3, little endian: metadata, and tensors as views of the mapped file.
// Source: the GGUF specification (ggml, docs/gguf.md); split files as gguf-split of llama.cpp names them.
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

struct GgufTensor {
  std::string name;
  Shape shape;      // outermost first (the file has it innermost first)
  uint32_t type;    // ggml_type
  int part;         // index of the split file
  uint64_t offset;  // bytes from the start of that file
  uint64_t bytes;   // 0 where the type is unknown
};

// The published name of a ggml_type ("Q4_K"), or "type 99" for one that is not known.
std::string ggml_type_name(uint32_t type);

constexpr uint64_t kGgufMaxAlignment = uint64_t{1} << 24;
// The widest a tensor can be in a GGUF file.
constexpr int kGgufMaxRank = 4;

class Gguf {
 public:
  // Opens a file; of a split model any part opens all (name-00001-of-00003.gguf beside one another).
  // Throws Error(Fault::file) with what is wrong. Tensors of unknown types are listed; tensor() refuses them.
  static Gguf open(const std::string& path);
  // One file that is not split, or one part alone.
  static Gguf parse(FileBytes bytes);

  const std::string& path() const { return parts_[0].bytes.name; }
  uint32_t version() const { return version_; }
  uint64_t alignment() const { return alignment_; }
  const GgufMetadata& metadata() const { return metadata_; }  // of the first part
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  const GgufTensor* find(std::string_view name) const;  // null where there is none
  size_t parts() const { return parts_.size(); }
  const std::string& part_path(size_t part) const { return parts_[part].bytes.name; }
  uint64_t file_bytes() const;  // of all parts

  // A view of the mapped file (a copy where the file's alignment is below that of the type's elements).
  // Throws Error(Fault::file) where the type is one that Ridge does not compute with.
  Tensor tensor(const GgufTensor& info) const;

 private:
  struct Part {
    FileBytes bytes;
    std::shared_ptr<Storage> storage;
  };
  class Reader;

  void check_layout() const;
  void add_part(Gguf&& part, size_t number, size_t count);
  void build_index();

  std::vector<Part> parts_;
  uint32_t version_ = 0;
  uint64_t alignment_ = 32;
  GgufMetadata metadata_;
  std::vector<GgufTensor> tensors_;
  std::vector<size_t> by_name_;  // indices of tensors_, sorted by name
};

}  // namespace ridge

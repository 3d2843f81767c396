// safetensors files, one or many shards: tensors as views of the mapped files.
// Source: the safetensors format description (huggingface/safetensors); the rules are those of its reference
// reader.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "files/bytes.h"
#include "tensor/tensor.h"

namespace ridge {

struct SafetensorsTensor {
  std::string name;
  std::string dtype;  // as in the file: "BF16"
  Shape shape;
  int file;         // index of the shard
  uint64_t offset;  // bytes from the start of that file
  uint64_t bytes;
};

constexpr uint64_t kSafetensorsMaxHeader = 100'000'000;  // bytes, as the reference bounds it

class Safetensors {
 public:
  // One file. Throws Error(Fault::file): the header has to be valid JSON of at most 100 MB, and the tensors
  // have to fill the rest of the file without gap or overlap, each as long as its shape and dtype say. A
  // dtype that is not known is listed; tensor() refuses it.
  static Safetensors open(const std::string& path);
  static Safetensors parse(FileBytes bytes);
  // Shards with their model.safetensors.index.json: the tensors that its weight_map lists, each from its
  // shard.
  static Safetensors open_index(const std::string& index_path);
  // Shards without an index: all tensors of all files; a name in two of them is an error.
  static Safetensors open_all(const std::vector<std::string>& paths);

  const std::vector<SafetensorsTensor>& tensors() const { return tensors_; }  // by file, then offset
  const SafetensorsTensor* find(std::string_view name) const;                 // null where there is none
  const std::map<std::string, std::string>& metadata() const {
    return metadata_;
  }  // __metadata__ of all files
  size_t files() const { return files_.size(); }
  const std::string& file(int i) const { return files_[static_cast<size_t>(i)].bytes.name; }
  uint64_t file_bytes() const;

  // A view of the mapped file (a copy where the file misaligns the elements). Throws Error(Fault::file) where
  // the dtype is one that Ridge does not compute with.
  Tensor tensor(const SafetensorsTensor& info) const;

 private:
  struct File {
    FileBytes bytes;
    std::shared_ptr<Storage> storage;
  };
  void add_file(Safetensors&& other);
  void build_index();

  std::vector<File> files_;
  std::vector<SafetensorsTensor> tensors_;
  std::map<std::string, std::string> metadata_;
  std::vector<size_t> by_name_;  // indices of tensors_, sorted by name
};

}  // namespace ridge

// TensorWriter: how a checkpoint is written. All tensors are declared first (the header stands before the
// data), then their bytes stream through in order(), and finish() makes the files appear; without it nothing
// is left behind.
#pragma once
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace ridge {

class TensorWriter {
 public:
  struct Declared {
    std::string name;
    DType dtype;
    Shape shape;
    uint64_t bytes;
  };

  virtual ~TensorWriter() = default;

  // Throws Error(Fault::usage) where the file format cannot hold such a tensor or the name was declared
  // before.
  void declare(const std::string& name, DType dtype, const Shape& shape);

  // The order in which the bytes are expected; fixed by the first call, after which nothing can be declared.
  const std::vector<Declared>& order();

  // Bytes of the tensors in order(), in pieces of any size; a piece ends at the latest where its tensor ends.
  void write(const void* data, uint64_t bytes);
  // All of one tensor: the next in order(), contiguous; asserts that it is the declared one.
  void write(const Tensor& tensor);

  // All bytes are there: flushes, and renames the files into place. Returns their paths.
  std::vector<std::string> finish();

 protected:
  virtual void check(const Declared& tensor) const = 0;    // throws where it does not fit the format
  virtual void start(std::vector<Declared>& tensors) = 0;  // may sort; writes the headers
  virtual void begin(size_t index) = 0;                    // the tensor order()[index] starts
  virtual void put(const void* data, size_t bytes) = 0;    // a piece of at most 1 MB
  virtual std::vector<std::string> commit() = 0;

 private:
  void enter(size_t index);
  std::vector<Declared> tensors_;
  std::set<std::string> names_;
  bool started_ = false;
  size_t current_ = 0;
  uint64_t left_ = 0;  // bytes of the current tensor still to come
};

struct SplitOptions {
  uint64_t max_bytes = 0;  // a new file starts where the tensor data of one would pass this; 0: one file
};

class GgufMetadata;

// GGUF version 3. `general.alignment` of the metadata is followed (default 32); split.* keys are written as
// needed. Split files are named PATH without .gguf, then -00001-of-00003.gguf.
std::unique_ptr<TensorWriter> write_gguf(const std::string& path, GgufMetadata metadata,
                                         SplitOptions split = {});

// safetensors with `__metadata__` {"format": "pt"}. Tensors of a file are sorted as the reference does (wider
// elements first, then by name), so every tensor is aligned. Shards are named PATH without .safetensors, then
// -00001-of-00003.safetensors, with PATH.index.json.
std::unique_ptr<TensorWriter> write_safetensors(const std::string& path, SplitOptions split = {});

}  // namespace ridge

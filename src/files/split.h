// Which tensors go to which file when a checkpoint is written in several.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "files/writer.h"

namespace ridge {

struct SplitRange {
  size_t first, end;  // indices of tensors
};

// In the order of the tensors; at least one range, and no empty one unless there are no tensors.
std::vector<SplitRange> split_ranges(const std::vector<TensorWriter::Declared>& tensors,
                                     SplitOptions options);

// "model.gguf", ".gguf", 0, 3 -> "model-00001-of-00003.gguf"; the path itself where there is one file.
std::string split_path(const std::string& path, const std::string& extension, size_t number, size_t count);

}  // namespace ridge

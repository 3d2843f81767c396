#include "files/split.h"

#include <fmt/format.h>

namespace ridge {

std::vector<SplitRange> split_ranges(const std::vector<TensorWriter::Declared>& tensors,
                                     SplitOptions options) {
  std::vector<SplitRange> ranges{{0, 0}};
  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (options.max_bytes && ranges.back().end > ranges.back().first &&
        bytes + tensors[i].bytes > options.max_bytes) {
      ranges.push_back({i, i});
      bytes = 0;
    }
    ranges.back().end = i + 1;
    bytes += tensors[i].bytes;
  }
  return ranges;
}

std::string split_path(const std::string& path, const std::string& extension, size_t number, size_t count) {
  if (count == 1) return path;
  const std::string stem = path.ends_with(extension) ? path.substr(0, path.size() - extension.size()) : path;
  return fmt::format("{}-{:05}-of-{:05}{}", stem, number + 1, count, extension);
}

}  // namespace ridge

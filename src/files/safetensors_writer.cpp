#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "files/safetensors.h"
#include "files/split.h"
#include "files/writer.h"

namespace ridge {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// A tensor's name as a JSON string.
std::string quoted(const std::string& name) {
  try {
    return Json(name).dump();
  } catch (const Json::exception&) {
    fail(Fault::usage, "tensor {}: a name in a safetensors file has to be UTF-8", printable(name));
  }
}

class SafetensorsWriter : public TensorWriter {
 public:
  SafetensorsWriter(std::string path, SplitOptions split) : path_(std::move(path)), split_(split) {}

 protected:
  void check(const Declared& t) const override {
    if (!t.dtype->safetensors)
      fail(Fault::usage, "tensor {}: safetensors has no type for {}; f32, f16 and bf16 are such",
           printable(t.name), t.dtype.name());
    if (t.name == "__metadata__")
      fail(Fault::usage, "a tensor in a safetensors file cannot be named {}", t.name);
    quoted(t.name);
  }

  void start(std::vector<Declared>& tensors) override {
    tensors_ = &tensors;
    ranges_ = split_ranges(tensors, split_);
    for (const SplitRange& r : ranges_)
      std::sort(tensors.begin() + static_cast<ptrdiff_t>(r.first),
                tensors.begin() + static_cast<ptrdiff_t>(r.end), [](const Declared& a, const Declared& b) {
                  return a.dtype->bytes != b.dtype->bytes ? a.dtype->bytes > b.dtype->bytes : a.name < b.name;
                });
    open_shard();
  }

  void begin(size_t index) override {
    if (index == ranges_[shards_.size() - 1].end) open_shard();
  }

  void put(const void* data, size_t bytes) override { shards_.back()->write(data, bytes); }

  // The index appears last: it names shards that are all there.
  std::vector<std::string> commit() override {
    std::vector<std::string> paths;
    for (size_t i = 0; i < shards_.size(); ++i) paths.push_back(shard_path(i));
    for (const auto& shard : shards_) shard->commit();
    if (shards_.size() == 1) return paths;
    paths.push_back(path_ + ".index.json");
    write_file(paths.back(), index() + "\n");
    return paths;
  }

 private:
  std::string shard_path(size_t shard) const {
    return split_path(path_, ".safetensors", shard, ranges_.size());
  }

  void open_shard() {
    const size_t shard = shards_.size();
    std::string header = R"({"__metadata__":{"format":"pt"})";
    uint64_t offset = 0;
    for (size_t i = ranges_[shard].first; i < ranges_[shard].end; ++i) {
      const Declared& t = (*tensors_)[i];
      std::string shape;
      for (int d = 0; d < t.shape.rank(); ++d) shape += fmt::format("{}{}", d ? "," : "", t.shape[d]);
      header += fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", quoted(t.name),
                            t.dtype->safetensors, shape, offset, offset + t.bytes);
      offset += t.bytes;
    }
    header += "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    if (header.size() > kSafetensorsMaxHeader)
      fail(Fault::usage,
           "{}: the header of {} bytes is longer than the format allows ({}): write several shards", path_,
           header.size(), kSafetensorsMaxHeader);
    shards_.push_back(std::make_unique<FileWriter>(shard_path(shard)));
    const uint64_t size = header.size();
    shards_.back()->write(&size, sizeof(size));
    shards_.back()->write(header);
  }

  std::string index() const {
    Json map = Json::object();
    uint64_t total = 0;
    for (size_t s = 0; s < ranges_.size(); ++s)
      for (size_t i = ranges_[s].first; i < ranges_[s].end; ++i) {
        map[(*tensors_)[i].name] = base_name(shard_path(s));
        total += (*tensors_)[i].bytes;
      }
    return Json{{"metadata", {{"total_size", total}}}, {"weight_map", std::move(map)}}.dump(2);
  }

  std::string path_;
  SplitOptions split_;
  const std::vector<Declared>* tensors_ = nullptr;
  std::vector<SplitRange> ranges_;
  std::vector<std::unique_ptr<FileWriter>> shards_;
};

}  // namespace

std::unique_ptr<TensorWriter> write_safetensors(const std::string& path, SplitOptions split) {
  return std::make_unique<SafetensorsWriter>(path, split);
}

}  // namespace ridge

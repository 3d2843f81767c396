#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "files/gguf.h"
#include "files/gguf_metadata.h"
#include "files/split.h"
#include "files/writer.h"

namespace ridge {
namespace {

class GgufWriter : public TensorWriter {
 public:
  GgufWriter(std::string path, GgufMetadata metadata, SplitOptions split)
      : path_(std::move(path)), metadata_(std::move(metadata)), split_(split) {
    if (metadata_.has("general.alignment")) alignment_ = metadata_.u64("general.alignment");
    if (alignment_ == 0 || (alignment_ & (alignment_ - 1)) != 0 || alignment_ > kGgufMaxAlignment)
      fail(Fault::usage, "general.alignment is {}, not a power of two up to {}", alignment_,
           kGgufMaxAlignment);
    for (const char* key : {"split.no", "split.count", "split.tensors.count"}) metadata_.erase(key);
  }

 protected:
  void check(const Declared& t) const override {
    if (t.dtype->gguf_type < 0)
      fail(Fault::usage, "tensor {}: GGUF has no type for {}", printable(t.name), t.dtype.name());
    if (t.shape.rank() > kGgufMaxRank)
      fail(Fault::usage, "tensor {} {}: GGUF has at most {} dimensions", printable(t.name), t.shape.text(),
           kGgufMaxRank);
    if (t.bytes == 0)
      fail(Fault::usage, "tensor {} {}: GGUF has no empty tensors", printable(t.name), t.shape.text());
  }

  void start(std::vector<Declared>& tensors) override {
    tensors_ = &tensors;
    ranges_ = split_ranges(tensors, split_);
    if (ranges_.size() > 0xFFFF)
      fail(Fault::usage, "{}: {} files of at most {} bytes are too many", path_, ranges_.size(),
           split_.max_bytes);
    open_part();
  }

  void begin(size_t index) override {
    if (index == ranges_[parts_.size() - 1].end) {
      parts_.back()->pad_to(alignment_);
      open_part();
    }
    parts_.back()->pad_to(alignment_);
  }

  void put(const void* data, size_t bytes) override { parts_.back()->write(data, bytes); }

  // The first part appears last: without it the others cannot be opened.
  std::vector<std::string> commit() override {
    parts_.back()->pad_to(alignment_);
    std::vector<std::string> paths;
    for (size_t i = 0; i < parts_.size(); ++i) paths.push_back(split_path(path_, ".gguf", i, parts_.size()));
    while (!parts_.empty()) {
      parts_.back()->commit();
      parts_.pop_back();
    }
    return paths;
  }

 private:
  template <typename T>
  void number(T v) {
    parts_.back()->write(&v, sizeof(v));
  }
  void string(std::string_view s) {
    number(static_cast<uint64_t>(s.size()));
    parts_.back()->write(s);
  }

  GgufMetadata part_metadata(size_t part) const {
    GgufMetadata m = part == 0 ? metadata_ : GgufMetadata();
    if (const GgufValue* a = metadata_.find("general.alignment")) m.set("general.alignment", *a);
    if (ranges_.size() > 1) {
      m.set("split.no", GgufValue::scalar(static_cast<uint16_t>(part)));
      m.set("split.count", GgufValue::scalar(static_cast<uint16_t>(ranges_.size())));
      m.set_i32("split.tensors.count", static_cast<int32_t>(tensors_->size()));
    }
    return m;
  }

  void open_part() {
    const size_t part = parts_.size();
    const SplitRange range = ranges_[part];
    parts_.push_back(std::make_unique<FileWriter>(split_path(path_, ".gguf", part, ranges_.size())));
    const GgufMetadata metadata = part_metadata(part);
    parts_.back()->write("GGUF");
    number(uint32_t{3});
    number(static_cast<uint64_t>(range.end - range.first));
    number(static_cast<uint64_t>(metadata.entries().size()));
    for (const GgufMetadata::Entry& e : metadata.entries()) {
      string(e.key);
      number(static_cast<uint32_t>(e.value.type()));
      if (e.value.is_array()) {
        number(static_cast<uint32_t>(e.value.element_type()));
        number(e.value.count());
      }
      parts_.back()->write(e.value.encoded());
    }
    uint64_t offset = 0;
    for (size_t i = range.first; i < range.end; ++i) {
      tensor_info((*tensors_)[i], offset);
      offset = (offset + (*tensors_)[i].bytes + alignment_ - 1) / alignment_ * alignment_;
    }
  }

  void tensor_info(const Declared& t, uint64_t offset) {
    string(t.name);
    number(static_cast<uint32_t>(t.shape.rank()));
    for (int d = t.shape.rank() - 1; d >= 0; --d) number(static_cast<uint64_t>(t.shape[d]));
    number(static_cast<uint32_t>(t.dtype->gguf_type));
    number(offset);
  }

  std::string path_;
  GgufMetadata metadata_;
  SplitOptions split_;
  uint64_t alignment_ = 32;
  const std::vector<Declared>* tensors_ = nullptr;
  std::vector<SplitRange> ranges_;
  std::vector<std::unique_ptr<FileWriter>> parts_;
};

}  // namespace

std::unique_ptr<TensorWriter> write_gguf(const std::string& path, GgufMetadata metadata, SplitOptions split) {
  return std::make_unique<GgufWriter>(path, std::move(metadata), split);
}

}  // namespace ridge

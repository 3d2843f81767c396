// Files: read whole, mapped, or written so that they appear whole or not at all.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ridge {

// The whole file as text. Throws Error(Fault::file) when it cannot be read or is larger than `most` bytes.
std::string read_file(const std::string& path, size_t most = size_t{1} << 30);

bool file_exists(const std::string& path);
bool is_directory(const std::string& path);

// A read-only private mapping of a file; lives as long as anything shares it.
class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  MappedFile() = default;
  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Writes beside `path` and renames onto it in commit(); without commit() nothing is left behind.
class FileWriter {
 public:
  explicit FileWriter(const std::string& path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(const void* data, size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  void pad_to(size_t alignment);  // zero bytes up to a multiple of `alignment`
  uint64_t position() const { return position_; }
  void commit();  // flush, fsync, rename

 private:
  std::string path_, temporary_;
  int fd_ = -1;
  uint64_t position_ = 0;
  std::string buffer_;
  void flush();
};

void write_file(const std::string& path, std::string_view text);

}  // namespace ridge

#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace ridge {
namespace {

struct Fd {
  int fd;
  ~Fd() {
    if (fd >= 0) ::close(fd);
  }
};

struct stat regular_file(int fd, const std::string& path) {
  struct stat st {};
  if (fd < 0 || ::fstat(fd, &st) != 0)
    fail(Fault::file, "{}: cannot open: {}", printable(path, 400), std::strerror(errno));
  if (!S_ISREG(st.st_mode)) fail(Fault::file, "{}: not a regular file", printable(path, 400));
  return st;
}

}  // namespace

std::string read_file(const std::string& path, size_t most) {
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  const auto size = static_cast<size_t>(regular_file(file.fd, path).st_size);
  if (size > most) fail(Fault::file, "{}: {} bytes, at most {} are read", path, size, most);
  std::string text(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(file.fd, text.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(Fault::file, "{}: cannot read: {}", path, std::strerror(errno));
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  text.resize(done);
  return text;
}

bool file_exists(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

bool is_directory(const std::string& path) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  const struct stat st = regular_file(file.fd, path);
  std::shared_ptr<MappedFile> mapped(new MappedFile);
  mapped->path_ = path;
  mapped->size_ = static_cast<size_t>(st.st_size);
  if (mapped->size_ > 0) {
    void* p = ::mmap(nullptr, mapped->size_, PROT_READ, MAP_PRIVATE, file.fd, 0);
    if (p == MAP_FAILED) fail(Fault::file, "{}: cannot map: {}", path, std::strerror(errno));
    mapped->data_ = static_cast<const std::byte*>(p);
    ::madvise(p, mapped->size_, MADV_WILLNEED);
  }
  return mapped;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

FileWriter::FileWriter(const std::string& path) : path_(path), temporary_(path + ".XXXXXX") {
  fd_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
  if (fd_ < 0) fail(Fault::check, "{}: cannot write there: {}", printable(path, 400), std::strerror(errno));
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd_, 0666 & ~mask);
}

FileWriter::~FileWriter() {
  if (fd_ >= 0) {
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
}

void FileWriter::flush() {
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail(Fault::check, "{}: cannot write: {}", path_, std::strerror(errno));
    done += static_cast<size_t>(n);
  }
  buffer_.clear();
}

void FileWriter::write(const void* data, size_t bytes) {
  buffer_.append(static_cast<const char*>(data), bytes);
  position_ += bytes;
  if (buffer_.size() >= (size_t{4} << 20)) flush();
}

void FileWriter::pad_to(size_t alignment) {
  const size_t over = position_ % alignment;
  if (over) write(std::string(alignment - over, '\0'));
}

void FileWriter::commit() {
  flush();
  if (::fsync(fd_) != 0) fail(Fault::check, "{}: cannot write: {}", path_, std::strerror(errno));
  ::close(fd_);
  fd_ = -1;
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int e = errno;
    ::unlink(temporary_.c_str());
    fail(Fault::check, "{}: cannot write there: {}", path_, std::strerror(e));
  }
}

void write_file(const std::string& path, std::string_view text) {
  FileWriter out(path);
  out.write(text);
  out.commit();
}

}  // namespace ridge

#include "files/bytes.h"

#include <bit>
#include <cstring>

#include "base/error.h"
#include "base/file.h"

namespace ridge {

static_assert(std::endian::native == std::endian::little,
              "the readers take little-endian values as they lie in the file");

FileBytes map_file(const std::string& path) {
  std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  if (file->size() == 0) fail(Fault::file, "{}: the file is empty", printable(path, 400));
  if (file->text().starts_with("version https://git-lfs"))
    fail(Fault::file, "{}: a git-lfs pointer, not the file itself: fetch it with `git lfs pull`",
         printable(path, 400));
  FileBytes bytes;
  bytes.name = path;
  bytes.data = file->data();
  bytes.size = file->size();
  bytes.owner = std::move(file);
  return bytes;
}

FileBytes bytes_in_memory(std::string_view contents, std::string name) {
  // An array of exactly that size from new: a sanitizer sees any read past its end, and it is aligned for
  // every type.
  std::shared_ptr<std::byte[]> copy(new std::byte[contents.size()]);
  if (!contents.empty()) std::memcpy(copy.get(), contents.data(), contents.size());
  FileBytes bytes;
  bytes.name = std::move(name);
  bytes.data = copy.get();
  bytes.size = contents.size();
  bytes.owner = std::move(copy);
  return bytes;
}

}  // namespace ridge

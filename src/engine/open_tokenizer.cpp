#include "engine/open_tokenizer.h"

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "engine/open.h"

namespace ridge {
namespace {

namespace fs = std::filesystem;

bool ends_with(const std::string& s, const char* end) {
  const std::string_view e = end;
  return s.size() >= e.size() && s.compare(s.size() - e.size(), e.size(), e) == 0;
}

// "base64 rank" lines, as tiktoken writes them.
bool looks_like_ranks(const std::string& text) {
  const std::string first = text.substr(0, std::min<size_t>(text.find('\n'), 400));
  const size_t blank = first.find(' ');
  if (blank == std::string::npos || blank == 0 || blank + 1 >= first.size()) return false;
  return first.find_first_not_of("0123456789\r", blank + 1) == std::string::npos &&
         first.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
             blank;
}

}  // namespace

Tokenizer open_tokenizer(const std::string& path) {
  if (is_directory(path)) {
    if (folder_has_tokenizer(path)) return tokenizer_from_folder(path);
    return tokenizer_of(Checkpoint::open(path));
  }
  if (!file_exists(path)) fail(Fault::file, "{}: no such file or folder", printable(path, 300));
  const fs::path p(path);
  const std::string name = p.filename().string(),
                    folder = p.has_parent_path() ? p.parent_path().string() : ".";
  const std::string beside = folder + "/tokenizer_config.json";
  const auto config = [&] { return file_exists(beside) ? read_file(beside) : std::string(); };
  if (name == "tokenizer.json") return tokenizer_from_json(read_file(path), config(), path);
  if (name == "vocab.json" || ends_with(name, "-vocab.json")) {
    const std::string merges =
        folder + "/" + name.substr(0, name.size() - std::string("vocab.json").size()) + "merges.txt";
    if (!file_exists(merges))
      fail(Fault::file, "{}: needs {} beside it", printable(path, 300), printable(merges, 300));
    return tokenizer_from_merges(read_file(path), read_file(merges), config(), path);
  }
  if (ends_with(name, ".json") && name != "config.json")
    return tokenizer_from_json(read_file(path), {}, path);
  if (ends_with(name, ".model") || ends_with(name, ".spm") || ends_with(name, ".tiktoken")) {
    const std::string bytes = read_file(path);
    if (looks_like_ranks(bytes)) return tokenizer_from_tiktoken(bytes, "llama-bpe", config(), path);
    return tokenizer_from_sentencepiece(bytes, config(), path);
  }
  if (name.rfind("rwkv_vocab", 0) == 0) return tokenizer_from_rwkv(read_file(path), path);
  if (ends_with(name, ".txt")) return tokenizer_from_bert(read_file(path), config(), path);
  if (name.rfind("tok", 0) == 0 && ends_with(name, ".bin"))
    return tokenizer_from_llama2c(read_file(path), 0, path);
  return tokenizer_of(Checkpoint::open(path));
}

}  // namespace ridge

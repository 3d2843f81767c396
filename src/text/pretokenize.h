// Pre-tokenizers: how a text is cut into the words that a model sees.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/pattern.h"

namespace ridge::text {

// What happens to the delimiters that a pattern finds.
enum class Behaviour { removed, isolated, merged_with_previous, merged_with_next, contiguous };

// Pieces of one text; made-up text lives in `storage`.
struct Pieces {
  std::vector<std::string_view> list;
  std::deque<std::string> storage;
  bool at_start = false;  // list[0] begins the whole text
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(Pieces& pieces) const = 0;
};
using PreTokenizers = std::vector<std::unique_ptr<PreTokenizer>>;

// Cuts the next word off a text: its length in bytes, for non-empty valid UTF-8 text.
using Scanner = size_t (*)(const char* begin, const char* end);
// A hand-written scanner that finds what the pattern finds; none for a pattern it does not know.
Scanner scanner_for(std::string_view pattern);
size_t scan_gpt2(const char* begin, const char* end);
extern const char* const kGpt2Pattern;

// Builds from the JSON of tokenizer.json ("pre_tokenizer"); a Sequence is flattened.
// With `bytes`, a ByteLevel that comes last leaves the words as raw bytes instead of mapping them to the byte
// alphabet, and `ends_in_bytes` says whether there was one.
PreTokenizers make_pre_tokenizers(const Json& json, bool bytes, bool& ends_in_bytes, const std::string& what);

// The scanner that alone does what the whole list does, and whether a blank goes before the text; none where
// there is no such scanner.
struct FastPath {
  Scanner scanner = nullptr;
  bool add_prefix_space = false;
};
FastPath fast_path(const Json& json);

// The flattened list of a pre-tokenizer's JSON (for Sequence), one element otherwise, none for null.
std::vector<Json> flatten(const Json& json, const char* key, const std::string& what);

// Splits by spans of matches; appends the non-empty pieces.
void split_by(std::string_view text, const std::vector<Span>& matches, Behaviour behaviour, bool invert,
              std::vector<std::string_view>& out);

}  // namespace ridge::text

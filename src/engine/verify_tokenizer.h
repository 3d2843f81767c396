// Recomputing what a tokenizer folder's expected.json says: ids and decoded text of a list of texts.
#pragma once
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace ridge {

struct TokenizerCheck {
  int64_t texts = 0, wrong_ids = 0, wrong_decoded = 0;
  EncodeOptions encode;  // as the file was made
  DecodeOptions decode;
  std::vector<std::string> notes;  // what differs, the first few
  bool passed() const { return wrong_ids == 0 && wrong_decoded == 0; }
};

// `expected`: the text of an expected.json, a list of {"text", "ids", "decoded"}; or an object with a list
// "greedy" of
// {"prompt", "prompt_ids", "greedy_ids", "text"}. Files do not say whether special tokens were added, parsed
// and skipped when they were made: the convention under which most entries agree is taken and reported.
// Throws Error(Fault::file).
TokenizerCheck verify_tokenizer(const Tokenizer& tokenizer, const std::string& expected,
                                const std::string& what);

}  // namespace ridge

// RWKV World vocabularies (Peng et al., 2023): greedy longest match over bytes.
#pragma once
#include <memory>
#include <string>

#include "text/core.h"

namespace ridge::text {

std::shared_ptr<Tokenizer::Core> rwkv_core(const Vocabulary& vocabulary, const std::string& what);

// A piece as GGUF spells it (a Python literal without its quotes), and back.
std::string rwkv_escape(std::string_view bytes);
std::string rwkv_unescape(std::string_view text);

}  // namespace ridge::text

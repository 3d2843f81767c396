// The tokenizer of whatever file or folder a user names.
#pragma once
#include <string>

#include "text/tokenizer.h"

namespace ridge {

// `path`: a folder with a tokenizer or a model; a model file (GGUF, also one with a vocabulary alone;
// safetensors; llama2.c .bin); or a tokenizer file: tokenizer.json, a SentencePiece .model or .spm, tiktoken
// ranks, vocab.json with merges.txt beside it, vocab.txt, rwkv_vocab*.txt, tok*.bin. Throws
// Error(Fault::file).
Tokenizer open_tokenizer(const std::string& path);

}  // namespace ridge

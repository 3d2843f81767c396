// Whatever tokenizer a folder has.
#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "text/config.h"
#include "text/json_fields.h"

namespace ridge {
using namespace text;

namespace {

std::string path_in(const std::string& folder, std::string_view name) {
  return folder + "/" + std::string(name);
}

// The first file of the folder, by name, that begins and ends like this; "" where there is none.
std::string find_file(const std::string& folder, std::string_view begin, std::string_view end) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(begin) && name.ends_with(end)) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names.empty() ? "" : path_in(folder, names[0]);
}

std::string sentencepiece_file(const std::string& folder) {
  for (const char* name :
       {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model", "source.spm"})
    if (file_exists(path_in(folder, name))) return path_in(folder, name);
  for (const char* end : {".spm", ".spiece.model", ".tokenizer.model"})
    if (const std::string found = find_file(folder, "", end); !found.empty()) return found;
  return "";
}

// The pattern of a tiktoken folder, by its configuration.
std::string tiktoken_pre(const TokenizerConfig& config) {
  const std::string name = config.class_name();
  if (name.starts_with("Qwen")) return "qwen2";
  if (name.starts_with("TikTokenTokenizer")) return "kimi-k2";
  return "llama-bpe";
}

}  // namespace

bool folder_has_tokenizer(const std::string& path) {
  for (const char* name : {"tokenizer.json", "vocab.txt", "tokenizer.bin"})
    if (file_exists(path_in(path, name))) return true;
  if (file_exists(path_in(path, "vocab.json")) && file_exists(path_in(path, "merges.txt"))) return true;
  return !sentencepiece_file(path).empty() || !find_file(path, "", ".tiktoken").empty() ||
         !find_file(path, "rwkv_vocab", ".txt").empty() || !find_file(path, "tok", ".bin").empty();
}

Tokenizer tokenizer_from_folder(const std::string& folder) {
  const TokenizerConfig config = read_config(folder);
  const std::string json = path_in(folder, "tokenizer.json");
  if (file_exists(json)) return from_json(read_file(json), config, json);

  const std::string vocab = path_in(folder, "vocab.json"), merges = path_in(folder, "merges.txt");
  if (const std::string model = sentencepiece_file(folder); !model.empty()) {
    const std::string bytes = read_file(model);
    if (!looks_like_sentencepiece(bytes)) return from_tiktoken(bytes, tiktoken_pre(config), config, model);
    SentencePieceSpec spec = read_sentencepiece(bytes, model);
    if (file_exists(vocab) && file_exists(path_in(folder, "target.spm")))
      return from_marian(std::move(spec), read_file(vocab), config, vocab);
    return from_sentencepiece(std::move(spec), config, model);
  }
  if (file_exists(vocab) && file_exists(merges))
    return from_merges(read_file(vocab), read_file(merges), config, vocab);
  const std::string bert = path_in(folder, "vocab.txt");
  if (file_exists(bert)) return from_bert(read_file(bert), config, bert);
  if (const std::string ranks = find_file(folder, "", ".tiktoken"); !ranks.empty())
    return from_tiktoken(read_file(ranks), tiktoken_pre(config), config, ranks);
  if (const std::string rwkv = find_file(folder, "rwkv_vocab", ".txt"); !rwkv.empty())
    return tokenizer_from_rwkv(read_file(rwkv), rwkv);
  for (const char* begin : {"tokenizer", "tok"})
    if (const std::string llama2c = find_file(folder, begin, ".bin"); !llama2c.empty())
      return tokenizer_from_llama2c(read_file(llama2c), 0, llama2c);
  fail(Fault::file,
       "{}: no tokenizer here (tokenizer.json, tokenizer.model, vocab.json with merges.txt, vocab.txt, "
       "*.tiktoken, "
       "rwkv_vocab*.txt or tok*.bin is needed)",
       printable(folder, 400));
}

std::string tokenizer_config_json(const Tokenizer& tokenizer) {
  Json json = Json::object();
  const SpecialIds& s = tokenizer.special();
  const auto put = [&](const char* name, const std::optional<int32_t>& id) {
    if (id) json[name] = tokenizer.piece(*id);
  };
  put("bos_token", s.bos), put("eos_token", s.eos), put("unk_token", s.unk), put("pad_token", s.pad);
  put("sep_token", s.sep), put("cls_token", s.cls), put("mask_token", s.mask);
  if (tokenizer.core().sp_spec) {
    json["tokenizer_class"] = "LlamaTokenizer";
    json["add_bos_token"] = tokenizer.adds_bos();
    json["add_eos_token"] = tokenizer.adds_eos();
    json["legacy"] = tokenizer.core().prefix_every_segment;
  } else {
    json["tokenizer_class"] = "PreTrainedTokenizerFast";
  }
  return json.dump(2) + "\n";
}

}  // namespace ridge

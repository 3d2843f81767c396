// The names that GGUF's tokenizer.ggml.pre gives to published pre-tokenizers, with the patterns of the
// tokenizers they stand for.
#include <fmt/format.h>

#include <vector>

#include "text/core.h"
#include "text/json_fields.h"

namespace ridge::text {
namespace {

#define CONTRACTIONS R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define BLANKS R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define REST R"( ?[^\s\p{L}\p{N}]+[\r\n]*|)" BLANKS
#define UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define BEFORE R"([^\r\n\p{L}\p{N}]?)"
#define LLAMA3 CONTRACTIONS "|" BEFORE R"(\p{L}+|\p{N}{1,3}|)" REST
#define QWEN2 CONTRACTIONS "|" BEFORE R"(\p{L}+|\p{N}|)" REST
#define O200K_WORDS BEFORE UPPER "*" LOWER "+" CONTRACTIONS "?|" BEFORE UPPER "+" LOWER "*" CONTRACTIONS "?"
#define O200K O200K_WORDS R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" BLANKS
#define DEEPSEEK_V3 \
  R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)" BLANKS
#define GPT2 R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"

// Elements: a pattern whose matches are isolated; "@gpt2": ByteLevel with its own pattern; "@digits": single
// digits.
struct Row {
  const char* names;  // the first is the one written
  std::vector<const char*> elements;
  const char* normalizer = nullptr;
  bool ignore_merges = false, add_bos = false, bytes = true;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de gigachat a.x-4.0 mellum modern-bert exaone4 "
       "jina-v1-en "
       "jina-v2-code roberta-bpe jais trillion granite-docling",
       {"@gpt2"}},
      {"olmo mpt", {"@gpt2"}, "NFC"},
      {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
       {LLAMA3},
       nullptr,
       true,
       true},
      {"dbrx smaug-bpe glm4 chatglm-bpe", {LLAMA3}},
      {"qwen2 deepseek-r1-qwen kormo f2llmv2 megrez", {QWEN2}, "NFC"},
      {"stablelm2 hunyuan solar-open grok-2", {QWEN2}},
      {"qwen35",
       {CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" BLANKS},
       "NFC"},
      {"starcoder refact smollm codeshell exaone minerva-7b mellum2", {"@digits", "@gpt2"}},
      {"command-r", {"@digits", "@gpt2"}, "NFC"},
      {"deepseek-llm",
       {R"([\r\n])",
        R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)",
        R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)", R"(\s+$)", R"([一-龥ࠀ-一가-퟿]+)", "@digits"}},
      {"deepseek-coder",
       {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", R"([一-龥ࠀ-一가-퟿]+)", "@digits"}},
      {"deepseek-v3 hunyuan-dense joyai-llm hy_v4",
       {R"(\p{N}{1,3})", R"([一-龥぀-ゟ゠-ヿ]+)", DEEPSEEK_V3}},
      {"spark2_5",
       {R"(\p{N}{1,3})", R"([一-龥぀-ゟ゠-ヿ]+)",
        R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+)",
        "@digits"}},
      {"youtu",
       {R"([가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+)",
        O200K_WORDS R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" BLANKS},
       nullptr,
       true},
      {"falcon", {R"([\p{P}\$\+<=>\^~\|`]+)", GPT2, "[0-9][0-9][0-9]"}},
      {"default", {R"([\p{P}\$\+<=>\^~\|]+)", GPT2, R"(\p{N}+)", "[0-9][0-9][0-9]"}},
      {"bloom poro-chat gpt3-finnish", {R"( ?[^(\s|.,!?…。，、।۔،)]+)"}},
      {"viking", {R"( ?[^(\s|.,!?…。，、।۔،)]+)", R"(\p{N})"}},
      {"tekken",
       {BEFORE UPPER "*" LOWER "+|" BEFORE UPPER "+" LOWER R"(*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" BLANKS},
       nullptr,
       true,
       true},
      {"gpt-4o llama4 kanana2 talkie minimax-m2", {O200K}},
      {"granite-embed-multi-97m", {O200K}, nullptr, true},
      {"tiny_aya cohere2moe", {R"(\d{1,3}(?=(?:\d{3})*\b))", O200K}},
      {"kimi-k2",
       {R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)" CONTRACTIONS
        R"(?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)" CONTRACTIONS
        R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)" BLANKS}},
      {"superbpe", {R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}},
      {"bailingmoe bailingmoe2 llada-moe",
       {R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"}},
      {"seed-coder", {CONTRACTIONS "|" BEFORE R"(\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|)" BLANKS}},
      {"ufakzeka", {BEFORE R"(\p{L}+|\p{N}|)" REST}, "NFC"},
      {"laguna", {R"([^\n]+|[\n]+)", QWEN2}},
      {"exaone-moe",
       {CONTRACTIONS
        R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+)"}},
      {"minicpm5", {R"(\p{N}{1,3})", CONTRACTIONS "|" BEFORE R"(\p{L}+|\p{N}+|)" REST}, nullptr, true},
      {"jais-2",
       {CONTRACTIONS
        "|" BEFORE
        R"(\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1})"}},
      {"chameleon",
       {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", R"(([\t\n]|    |  ))", "@digits",
        R"([\p{P}!-/:-@\[-`{-~])", "@gpt2"},
       nullptr,
       false,
       true},
      {"gemma4 granite-embed-multi-311m", {R"([^\n]+|[\n]+)"}, "metaspace", false, true, false},
      {"sarvam-moe", {R"([^\n]+|[\n]+)"}, "metaspace", false, false, false},
      {"whitespace", {R"(\S+)"}, nullptr, false, false, false},
  };
  return table;
}

Json element_json(const std::string& element) {
  if (element == "@digits") return {{"type", "Digits"}, {"individual_digits", true}};
  return {{"type", "Split"}, {"pattern", {{"Regex", element}}}, {"behavior", "Isolated"}, {"invert", false}};
}
Json byte_level(bool use_regex) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json pre_tokenizer_of(const Row& row) {
  Json list = Json::array();
  bool done = false;
  for (const char* element : row.elements) {
    done = std::string_view(element) == "@gpt2";
    list.push_back(done ? byte_level(true) : element_json(element));
  }
  if (row.bytes && !done) list.push_back(byte_level(false));
  if (list.size() == 1) return list[0];
  return {{"type", "Sequence"}, {"pretokenizers", list}};
}

Json normalizer_of(const Row& row) {
  if (!row.normalizer) return nullptr;
  if (std::string_view(row.normalizer) == "metaspace")
    return {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xE2\x96\x81"}};
  return {{"type", row.normalizer}};
}

const std::vector<PreName>& names() {
  static const std::vector<PreName> list = [] {
    std::vector<PreName> out;
    static std::vector<std::string> kept;  // the names, for as long as the program runs
    kept.reserve(256);
    for (const Row& row : rows()) {
      std::string_view rest = row.names;
      while (!rest.empty()) {
        const size_t n = std::min(rest.find(' '), rest.size());
        kept.emplace_back(rest.substr(0, n));
        rest.remove_prefix(std::min(n + 1, rest.size()));
        out.push_back({kept.back().c_str(), pre_tokenizer_of(row), normalizer_of(row), row.ignore_merges,
                       row.add_bos, row.bytes});
      }
    }
    return out;
  }();
  return list;
}

}  // namespace

const PreName* find_pre(std::string_view name) {
  for (const PreName& each : names())
    if (name == each.name) return &each;
  return nullptr;
}

Json canonical_pre_tokenizer(const Json& json) {
  Json list = Json::array();
  for (Json each : flatten(json, "pretokenizers", "pre_tokenizer")) {
    each.erase("trim_offsets");
    if (each["type"] == "ByteLevel") each["use_regex"] = flag_field(each, "use_regex", true, "pre_tokenizer");
    const bool regex = each["type"] == "Split" && each["pattern"].contains("Regex");
    if (regex)
      each["pattern"]["Regex"] = canonical_pattern(text_field(each["pattern"], "Regex", "pre_tokenizer"));
    if (regex && each["pattern"]["Regex"] == R"(\p{N})" && each["behavior"] == "Isolated")
      each = {{"type", "Digits"}, {"individual_digits", true}};
    if (each["type"] == "Split" && !each.contains("invert")) each["invert"] = false;
    list.push_back(std::move(each));
  }
  return list;
}

const PreName* find_pre_by_parts(const Parts& parts, bool& exact) {
  const Json wanted = canonical_pre_tokenizer(parts.pre_tokenizer);
  const PreName* best = nullptr;
  exact = false;
  for (const PreName& each : names()) {
    if (!each.bytes || canonical_pre_tokenizer(each.pre_tokenizer) != wanted) continue;
    const bool fits = each.ignore_merges == parts.bpe.ignore_merges && each.normalizer == parts.normalizer;
    if (fits) {
      exact = true;
      return &each;
    }
    if (!best ||
        (each.ignore_merges == parts.bpe.ignore_merges && best->ignore_merges != parts.bpe.ignore_merges))
      best = &each;
  }
  return best;
}

std::string pre_names() {
  std::string out;
  for (const PreName& each : names()) out += (out.empty() ? "" : ", ") + std::string(each.name);
  return out;
}

}  // namespace ridge::text

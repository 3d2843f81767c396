#include "text/rwkv.h"

#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "text/unicode.h"

namespace ridge {
using namespace text;

namespace text {
namespace {

int hex(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

// The content of a Python string or bytes literal between its quotes; false where it is malformed.
bool python_unescape(std::string_view text, bool is_bytes, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return false;
    const char c = text[i];
    const size_t digits = c == 'x' ? 2 : c == 'u' && !is_bytes ? 4 : c == 'U' && !is_bytes ? 8 : 0;
    if (digits) {
      if (text.size() - i - 1 < digits) return false;
      uint32_t value = 0;
      for (size_t k = 0; k < digits; ++k) {
        const int d = hex(text[++i]);
        if (d < 0) return false;
        value = value << 4 | static_cast<uint32_t>(d);
      }
      if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return false;
      is_bytes ? out += static_cast<char>(value) : (utf8_append(out, value), out);
    } else if (c >= '0' && c <= '7') {
      uint32_t value = 0;
      size_t k = 0;
      for (; k < 3 && i + k < text.size() && text[i + k] >= '0' && text[i + k] <= '7'; ++k)
        value = value * 8 + static_cast<uint32_t>(text[i + k] - '0');
      i += k - 1;
      is_bytes ? out += static_cast<char>(value) : (utf8_append(out, value), out);
    } else {
      constexpr std::string_view kFrom = "nrtabfv\\'\"", kTo = "\n\r\t\a\b\f\v\\'\"";
      const size_t at = kFrom.find(c);
      if (at == std::string_view::npos)
        (out += '\\') += c;
      else
        out += kTo[at];
    }
  }
  return true;
}

}  // namespace

std::string rwkv_escape(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\\')
      out += "\\\\";
    else if (b < 0x20 || b >= 0x7F)
      out += fmt::format("\\x{:02x}", b);
    else
      out += c;
  }
  return out;
}

std::string rwkv_unescape(std::string_view text) {
  std::string out;
  if (!python_unescape(text, true, out)) return std::string(text);
  return out;
}

std::shared_ptr<Tokenizer::Core> rwkv_core(const Vocabulary& v, const std::string& what) {
  auto core = std::make_shared<Tokenizer::Core>();
  core->what = what;
  core->kind = "RWKV World";
  core->takes_bytes = true;
  for (size_t id = 0; id < v.tokens.size(); ++id) {
    const auto type = static_cast<TokenType>(id < v.token_types.size() ? v.token_types[id] : 1);
    const bool plain = type == TokenType::normal;
    core->pieces.push_back(plain ? rwkv_unescape(v.tokens[id]) : v.tokens[id]);
    if (type != TokenType::control && type != TokenType::user_defined) continue;
    AddedToken a;
    a.id = static_cast<int32_t>(id);
    a.content = v.tokens[id];
    a.special = type == TokenType::control;
    core->added.push_back(std::move(a));
  }
  core->finish();
  std::vector<std::string> own = core->pieces;
  for (const auto& a : core->added) own[static_cast<size_t>(a.id)].clear();
  core->model = make_greedy(own);
  core->make_steps = [] {
    std::vector<std::unique_ptr<DecodeStep>> steps;
    steps.push_back(join_step());
    return steps;
  };
  return core;
}

}  // namespace text

Tokenizer tokenizer_from_rwkv(std::string_view text, const std::string& what) {
  Vocabulary v;
  v.model = "rwkv";
  size_t line_number = 0;
  while (!text.empty()) {
    const size_t n = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, n);
    text.remove_prefix(std::min(n + 1, text.size()));
    ++line_number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const size_t first = line.find(' '), last = line.rfind(' ');
    const auto bad = [&](const char* why) { fail(Fault::file, "{}: line {}: {}", what, line_number, why); };
    if (first == std::string_view::npos || last <= first) bad("not \"id literal length\"");
    size_t id = 0, length = 0;
    const std::string_view id_text = line.substr(0, first), length_text = line.substr(last + 1);
    if (std::from_chars(id_text.data(), id_text.data() + id_text.size(), id).ec != std::errc() || id == 0 ||
        id > (size_t{1} << 20))
      bad("an id that is not 1 to 1048576");
    if (std::from_chars(length_text.data(), length_text.data() + length_text.size(), length).ec !=
        std::errc())
      bad("no length");
    std::string_view literal = line.substr(first + 1, last - first - 1);
    const bool is_bytes = literal.starts_with('b');
    if (is_bytes) literal.remove_prefix(1);
    if (literal.size() < 2 || (literal[0] != '\'' && literal[0] != '"') || literal.back() != literal[0])
      bad("not a Python literal");
    std::string piece;
    if (!python_unescape(literal.substr(1, literal.size() - 2), is_bytes, piece))
      bad("a malformed Python literal");
    if (piece.size() != length) bad("a length that is not the literal's");
    if (id >= v.tokens.size()) v.tokens.resize(id + 1);
    v.tokens[id] = rwkv_escape(piece);
  }
  if (v.tokens.empty()) fail(Fault::file, "{}: no pieces", what);
  v.token_types.assign(v.tokens.size(), static_cast<int32_t>(TokenType::normal));
  v.tokens[0] = "<s>";  // as published conversions write it; the file has no id 0
  v.token_types[0] = static_cast<int32_t>(TokenType::control);
  v.special_ids = {{"eos", 0}, {"bos", 0}};
  v.add_bos = v.add_eos = false;
  auto core = rwkv_core(v, what);
  core->special.bos = core->special.eos = 0;
  core->control_in_text = false;
  complete_special(*core, {});
  core->source_vocabulary = std::move(v);
  return Tokenizer(core);
}

}  // namespace ridge

// Tokens of a template, with trim_blocks and lstrip_blocks applied as jinja2's lexer applies them.
#pragma once
#include <string>
#include <vector>

#include "text/jinja_value.h"

namespace ridge::jinja {

enum class TokenKind : uint8_t {
  data,
  variable_begin,
  variable_end,
  block_begin,
  block_end,
  name,
  string,
  integer,
  real,
  sign,  // operators and brackets
  end,
};

struct Token {
  TokenKind kind = TokenKind::end;
  size_t line = 1;
  std::string text;
  Integer whole = 0;
  double real = 0;

  bool is(TokenKind k) const { return kind == k; }
  bool is_sign(std::string_view s) const { return kind == TokenKind::sign && text == s; }
  bool is_name(std::string_view s) const { return kind == TokenKind::name && text == s; }
};

// A failure that knows its line.
struct SyntaxFailure : Failure {
  SyntaxFailure(std::string m, size_t l) : Failure(std::move(m)), line(l) {}
  size_t line;
};

std::vector<Token> tokenize(std::string_view source);

}  // namespace ridge::jinja

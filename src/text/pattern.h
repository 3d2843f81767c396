// Regular expressions of tokenizer files. They are written for Oniguruma (Ruby syntax) and run here on PCRE2
// (JIT) after translation: Unicode classes as Oniguruma defines them, class intersections and nested classes,
// ^ and $ at lines.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ridge::text {

using Span = std::pair<size_t, size_t>;  // [begin, end) in bytes

class Pattern {
 public:
  // Throws Error(Fault::file), prefixed with `what`, where the pattern does not compile.
  static Pattern regex(std::string_view source, const std::string& what);
  static Pattern literal(std::string_view text);

  // All matches in valid UTF-8, leftmost first, not overlapping; an empty match right after a match does not
  // count. Throws Error(Fault::file) where the pattern backtracks beyond its limits.
  void find_all(std::string_view text, std::vector<Span>& matches) const;

  const std::string& source() const { return source_; }
  bool is_literal() const { return !program_; }

 private:
  struct Program;
  std::string source_;
  std::shared_ptr<const Program> program_;  // none: a literal
};

// One spelling of patterns that differ in looks only: line ends as escapes, no backslash before a quote.
std::string canonical_pattern(std::string_view source);

// The translation alone. With `recent`, classes also hold the characters assigned after Unicode 14.
std::string translate_pattern(std::string_view source, bool recent, const std::string& what);

}  // namespace ridge::text

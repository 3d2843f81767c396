#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

constexpr size_t kMostPattern = 1 << 16;
constexpr uint32_t kMatchLimit = 20'000'000, kHeapLimitKiB = 256 << 10;

struct CodeDeleter {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
};
using Code = std::unique_ptr<pcre2_code, CodeDeleter>;

// What matching needs, one a thread.
struct Workspace {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 << 10, 64 << 20, nullptr);
  Workspace() {
    if (!data || !context) throw std::bad_alloc();
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_heap_limit(context, kHeapLimitKiB);
    if (stack) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~Workspace() {
    if (stack) pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
};
Workspace& workspace() {
  thread_local Workspace w;
  return w;
}

Code compile(const std::string& text, std::string_view source, const std::string& what) {
  struct Context {
    pcre2_compile_context* p = pcre2_compile_context_create(nullptr);
    ~Context() { pcre2_compile_context_free(p); }
  } context;
  pcre2_set_newline(context.p, PCRE2_NEWLINE_LF);
  int error = 0;
  size_t offset = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                          PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
                          context.p));
  if (!code) {
    PCRE2_UCHAR8 message[128];
    pcre2_get_error_message(error, message, sizeof message);
    fail(Fault::file, "{}: pattern {} does not compile: {}", what, printable(source),
         reinterpret_cast<const char*>(message));
  }
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // without JIT the interpreter runs
  return code;
}

}  // namespace

struct Pattern::Program {
  Code code;         // classes as PCRE2 knows them
  Code recent_code;  // with the characters it may not know; used only where the text has such
};

Pattern Pattern::regex(std::string_view source, const std::string& what) {
  if (source.size() > kMostPattern)
    fail(Fault::file, "{}: a pattern of {} bytes, at most {} are taken", what, source.size(), kMostPattern);
  if (!utf8_valid(source)) fail(Fault::file, "{}: a pattern that is not UTF-8", what);
  auto program = std::make_shared<Program>();
  program->code = compile(translate_pattern(source, false, what), source, what);
  program->recent_code = compile(translate_pattern(source, true, what), source, what);
  Pattern p;
  p.source_ = source;
  p.program_ = std::move(program);
  return p;
}

Pattern Pattern::literal(std::string_view text) {
  Pattern p;
  p.source_ = text;
  return p;
}

void Pattern::find_all(std::string_view text, std::vector<Span>& matches) const {
  if (!program_) {
    if (source_.empty()) return;
    for (size_t i = text.find(source_); i != std::string_view::npos;
         i = text.find(source_, i + source_.size()))
      matches.emplace_back(i, i + source_.size());
    return;
  }
  const pcre2_code* code = has_character_after_14(text) ? program_->recent_code.get() : program_->code.get();
  Workspace& w = workspace();
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t position = 0, last_end = std::string_view::npos;
  while (position <= text.size()) {
    int rc = pcre2_match(code, subject, text.size(), position, PCRE2_NO_UTF_CHECK, w.data, w.context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
      rc = pcre2_match(code, subject, text.size(), position, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, w.data,
                       w.context);
    if (rc == PCRE2_ERROR_NOMATCH) return;
    if (rc < 0)
      fail(Fault::file,
           "the tokenizer's pattern {} backtracks beyond its limits on this text (PCRE2 error {})",
           printable(source_), rc);
    const size_t* at = pcre2_get_ovector_pointer(w.data);
    const size_t begin = at[0], end = at[1];
    if (end < begin) fail(Fault::file, "the tokenizer's pattern {} matches backwards", printable(source_));
    if (begin == end && end == last_end) {  // an empty match right after a match: go on one character further
      if (position >= text.size()) return;
      position += utf8_length(static_cast<unsigned char>(text[position]));
      continue;
    }
    matches.emplace_back(begin, end);
    last_end = position = end;
  }
}

}  // namespace ridge::text

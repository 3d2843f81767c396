// ridge tokenize: text to ids and back.
#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "base/error.h"
#include "base/json.h"
#include "cli/model_support.h"
#include "engine/open_tokenizer.h"

namespace ridge {
namespace {

struct TokenizeCommand {
  ModelOptions model;
  std::string text, file;
  std::function<bool()> text_given, file_given;
  bool decode = false, count = false, pieces = false, no_special = false, raw = false, skip_special = false;

  void add(Options& o) {
    model.add_model(o, ", or a tokenizer file or folder (default: the model that Ridge comes with)");
    o.text(text, "-p,--text", "TEXT", "what to tokenize; without it and --file standard input is read");
    o.text(file, "-f,--file", "FILE", "read it from a file", Options::Hint::file);
    text_given = o.given("--text"), file_given = o.given("--file");
    o.flag(decode, "--decode", "the input is ids, apart by blanks or commas: print their text");
    o.flag(count, "--count", "print only how many tokens the text has");
    o.flag(pieces, "--pieces",
           "print a line for each token: its id, a tab, its piece as the vocabulary spells it");
    o.flag(no_special, "--no-special", "do not put BOS, EOS and the like around the text");
    o.flag(raw, "--raw", "special tokens written in the text are text");
    o.flag(skip_special, "--skip-special", "with --decode: special tokens leave no text");
    model.add_json(o);
  }
};

std::vector<int32_t> parse_ids(const std::string& text) {
  std::vector<int32_t> ids;
  const char* p = text.data();
  const char* const end = p + text.size();
  const auto separates = [](char c) {
    return c == ' ' || c == ',' || c == '\n' || c == '\t' || c == '\r' || c == '[' || c == ']';
  };
  for (;;) {
    while (p < end && separates(*p)) ++p;
    if (p == end) return ids;
    int32_t id;
    const auto [stop, error] = std::from_chars(p, end, id);
    if (error != std::errc() || id < 0 || (stop < end && !separates(*stop)))
      fail(Fault::usage, "--decode: \"{}\" is no list of ids",
           printable(std::string_view(p, static_cast<size_t>(std::min<ptrdiff_t>(end - p, 40)))));
    ids.push_back(id);
    p = stop;
  }
}

void print_ids(const std::vector<int32_t>& ids) {
  fmt::memory_buffer out;
  for (size_t i = 0; i < ids.size(); ++i)
    fmt::format_to(std::back_inserter(out), "{}{}", i ? " " : "", ids[i]);
  out.push_back('\n');
  std::fwrite(out.data(), 1, out.size(), stdout);
}

OrderedJson as_json(const Tokenizer& t, const std::vector<int32_t>& ids, size_t bytes, bool with_pieces) {
  OrderedJson j = {{"tokenizer", t.kind()}, {"bytes", bytes}, {"count", ids.size()}, {"ids", ids}};
  if (with_pieces) {
    OrderedJson pieces = OrderedJson::array();
    for (const int32_t id : ids) pieces.push_back(std::string(t.piece(id)));
    j["pieces"] = pieces;
  }
  return j;
}

int tokenize(const TokenizeCommand& o) {
  if (o.text_given() && o.file_given()) fail(Fault::usage, "--text and --file exclude each other");
  if (o.decode && (o.count || o.pieces)) fail(Fault::usage, "--decode prints text, not --count or --pieces");
  const Tokenizer tokenizer = open_tokenizer(o.model.path());
  const std::string input = o.text_given() ? o.text : read_input(o.file_given() ? o.file : "-");
  if (o.decode) {
    const auto ids = parse_ids(input);
    for (const int32_t id : ids)
      if (id >= tokenizer.vocab_size())
        fail(Fault::usage, "--decode: id {} is outside the vocabulary of {}", id, tokenizer.vocab_size());
    const std::string text = tokenizer.decode(ids, {o.skip_special});
    if (o.model.json)
      print_json({{"count", ids.size()}, {"text", text}});
    else
      std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  const auto start = std::chrono::steady_clock::now();
  const auto ids = tokenizer.encode(input, {!o.no_special, !o.raw});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (o.model.json) {
    print_json(as_json(tokenizer, ids, input.size(), !o.count));
  } else if (o.count) {
    fmt::print("{}\n", ids.size());
    if (input.size() >= 1 << 20)
      fmt::print(stderr, "{:.2f} bytes a token, {:.1f} MB/s\n",
                 static_cast<double>(input.size()) / static_cast<double>(std::max<size_t>(ids.size(), 1)),
                 static_cast<double>(input.size()) / seconds / 1e6);
  } else if (o.pieces) {
    for (const int32_t id : ids) fmt::print("{}\t{}\n", id, printable(tokenizer.piece(id), 1000));
  } else {
    print_ids(ids);
  }
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_tokenize;
const Command command_tokenize{"tokenize",
                               "text to token ids and back",
                               "Prints the ids of a text on one line, as the model would be given them.",
                               kFilesGroup,
                               "ridge tokenize -p \"Once upon a time\"\n"
                               "ridge tokenize --pieces -p \"Once upon a time\"\n"
                               "ridge tokenize --decode -p \"3782 644 261 546\"\n"
                               "ridge tokenize tokenizer.json --count -f book.txt",
                               [](Options& o) -> CommandRun {
                                 auto options = std::make_shared<TokenizeCommand>();
                                 options->add(o);
                                 return [options] { return tokenize(*options); };
                               }};
}  // namespace tables
}  // namespace ridge

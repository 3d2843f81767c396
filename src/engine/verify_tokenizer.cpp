#include "engine/verify_tokenizer.h"

#include "base/error.h"
#include "base/json.h"

namespace ridge {
namespace {

struct Entry {
  std::string text, decoded;
  std::vector<int32_t> ids, decoded_from;
  bool has_decoded = false;
};

std::vector<int32_t> ids_of(const Json& j, const std::string& what) {
  if (!j.is_array()) fail(Fault::file, "{}: ids that are no list", what);
  std::vector<int32_t> ids;
  for (const auto& x : j) {
    if (!x.is_number_integer() || x.get<double>() < 0 || x.get<double>() > INT32_MAX)
      fail(Fault::file, "{}: an id that is no token", what);
    ids.push_back(x.get<int32_t>());
  }
  return ids;
}

std::string text_of(const Json& j, const char* key, const std::string& what) {
  const auto it = j.find(key);
  if (it == j.end() || !it->is_string()) fail(Fault::file, "{}: an entry without \"{}\"", what, key);
  return it->get<std::string>();
}

const Json& field(const Json& j, const char* key, const std::string& what) {
  const auto it = j.find(key);
  if (it == j.end()) fail(Fault::file, "{}: an entry without \"{}\"", what, key);
  return *it;
}

std::vector<Entry> read_entries(const std::string& expected, const std::string& what) {
  const Json j = parse_json(expected, what);
  const bool greedy = j.is_object() && j.contains("greedy");
  const Json& list = greedy ? j["greedy"] : j;
  if (!list.is_array()) fail(Fault::file, "{}: no list of texts", what);
  std::vector<Entry> entries;
  for (const auto& x : list) {
    if (!x.is_object()) fail(Fault::file, "{}: an entry that is no object", what);
    Entry e;
    e.text = text_of(x, greedy ? "prompt" : "text", what);
    e.ids = ids_of(field(x, greedy ? "prompt_ids" : "ids", what), what);
    e.has_decoded = greedy || x.contains("decoded");
    if (e.has_decoded) {
      e.decoded = text_of(x, greedy ? "text" : "decoded", what);
      e.decoded_from = greedy ? ids_of(field(x, "greedy_ids", what), what) : e.ids;
    }
    entries.push_back(std::move(e));
  }
  if (entries.empty()) fail(Fault::file, "{}: no texts", what);
  return entries;
}

std::string list_text(const std::vector<int32_t>& ids) {
  std::string s = "[";
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i == 24) return s + " ...]";
    s += (i ? " " : "") + std::to_string(ids[i]);
  }
  return s + "]";
}

std::vector<int32_t> encoded(const Tokenizer& t, const std::string& text, const EncodeOptions& o,
                             std::string& error) {
  try {
    return t.encode(text, o);
  } catch (const Error& e) {  // a character that the vocabulary does not have
    error = e.what();
    return {-1};
  }
}

}  // namespace

TokenizerCheck verify_tokenizer(const Tokenizer& tokenizer, const std::string& expected,
                                const std::string& what) {
  const std::vector<Entry> entries = read_entries(expected, what);
  TokenizerCheck best;
  best.texts = static_cast<int64_t>(entries.size());
  best.wrong_ids = best.wrong_decoded = best.texts + 1;
  constexpr size_t kNotes = 5;
  for (const bool parse : {true, false})
    for (const bool add : {true, false}) {
      TokenizerCheck c;
      c.encode = {add, parse};
      for (const Entry& e : entries) {
        std::string error;
        const auto ids = encoded(tokenizer, e.text, c.encode, error);
        if (ids == e.ids) continue;
        ++c.wrong_ids;
        if (c.notes.size() < kNotes)
          c.notes.push_back(fmt::format("\"{}\": {}, expected {}", printable(e.text),
                                        error.empty() ? list_text(ids) : error, list_text(e.ids)));
      }
      if (c.wrong_ids < best.wrong_ids)
        best.wrong_ids = c.wrong_ids, best.encode = c.encode, best.notes = c.notes;
    }
  std::vector<std::string> decode_notes;
  for (const bool skip : {false, true}) {
    int64_t wrong = 0;
    std::vector<std::string> notes;
    for (const Entry& e : entries) {
      if (!e.has_decoded) continue;
      const std::string text = tokenizer.decode(e.decoded_from, {skip});
      if (text == e.decoded) continue;
      ++wrong;
      if (notes.size() < kNotes)
        notes.push_back(fmt::format("{}: \"{}\", expected \"{}\"", list_text(e.decoded_from), printable(text),
                                    printable(e.decoded)));
    }
    if (wrong < best.wrong_decoded) best.wrong_decoded = wrong, best.decode = {skip}, decode_notes = notes;
  }
  best.notes.insert(best.notes.end(), decode_notes.begin(), decode_notes.end());
  return best;
}

}  // namespace ridge

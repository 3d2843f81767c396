// tokenizer.json: read into parts, written from parts, and made into a tokenizer.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "text/core.h"
#include "text/json_fields.h"
#include "text/unicode.h"

namespace ridge::text {
namespace {

int32_t id_of(const Json& json, size_t entries, const std::string& what) {
  if (!json.is_number_integer()) fail(Fault::file, "{}: an id that is not a whole number", what);
  const auto id =
      json.is_number_unsigned() && json.get<uint64_t>() > INT32_MAX ? int64_t{-1} : json.get<int64_t>();
  const size_t most = std::min(kMostPieces, entries * 4 + (size_t{1} << 20));
  if (id < 0 || static_cast<uint64_t>(id) >= most)
    fail(Fault::file, "{}: an id out of range (0 to {} for {} pieces)", what, most - 1, entries);
  return static_cast<int32_t>(id);
}

void read_vocab(const Json& model, Parts& parts, const std::string& what) {
  const Json& vocab = member(model, "vocab", what);
  if (!vocab.is_object()) fail(Fault::file, "{}: \"vocab\" is not an object", what);
  for (const auto& [piece, id] : vocab.items()) {
    const auto at = static_cast<size_t>(id_of(id, vocab.size(), what));
    if (at >= parts.pieces.size()) parts.pieces.resize(at + 1);
    parts.pieces[at] = piece;
  }
}

void read_merges(const Json& model, Parts& parts, const std::string& what) {
  const Json& merges = member(model, "merges", what);
  if (!merges.is_array()) fail(Fault::file, "{}: \"merges\" is not a list", what);
  PieceIndex index;
  index.reserve(parts.pieces.size());
  for (size_t id = 0; id < parts.pieces.size(); ++id) index.add(parts.pieces[id], static_cast<int32_t>(id));
  const auto find = [&](std::string_view piece) {
    const int32_t id = index.find(piece);
    if (id < 0)
      fail(Fault::file, "{}: a merge names {}, which is not in the vocabulary", what, printable(piece));
    return id;
  };
  parts.merges.reserve(merges.size());
  std::string joined;
  for (const Json& merge : merges) {
    std::string_view left, right;
    if (merge.is_string()) {
      const std::string_view both = merge.get_ref<const std::string&>();
      if (both.starts_with("#version")) continue;
      const size_t blank = both.find(' ');
      if (blank == std::string_view::npos || both.find(' ', blank + 1) != std::string_view::npos)
        fail(Fault::file, "{}: the merge {} is not two pieces", what, printable(both));
      left = both.substr(0, blank);
      right = both.substr(blank + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get_ref<const std::string&>();
      right = merge[1].get_ref<const std::string&>();
    } else {
      fail(Fault::file, "{}: a merge that is not two pieces", what);
    }
    PairMerge m{find(left), find(right), -1};
    joined = left;
    joined += right.substr(std::min(right.size(), parts.bpe.continuing_subword_prefix.size()));
    m.merged = find(joined);
    parts.merges.push_back(m);
  }
}

void read_bpe(const Json& model, Parts& parts, const std::string& what) {
  BpeOptions& o = parts.bpe;
  if (model.contains("unk_token") && !model["unk_token"].is_null()) {
    o.unk_token = text_field(model, "unk_token", what);
    o.has_unk = true;
  }
  o.byte_fallback = flag_field(model, "byte_fallback", false, what);
  o.fuse_unk = flag_field(model, "fuse_unk", false, what);
  o.ignore_merges = flag_field(model, "ignore_merges", false, what);
  o.continuing_subword_prefix = text_field(model, "continuing_subword_prefix", what, "");
  o.end_of_word_suffix = text_field(model, "end_of_word_suffix", what, "");
  if (model.contains("dropout") && model["dropout"].is_number() && model["dropout"].get<double>() != 0)
    fail(Fault::file, "{}: BPE dropout {} makes encoding random; set it to null", what,
         model["dropout"].get<double>());
  read_vocab(model, parts, what);
  read_merges(model, parts, what);
}

// The double that the published library reads from the number's shortest text: its digits as a double, over a
// power of ten. It can be the neighbour of the nearest one, and paths of equal score are decided by such
// differences.
double as_published_reader(double value) {
  const std::string text = fmt::format("{}", std::fabs(value));
  uint64_t digits = 0;
  int exponent = 0;
  bool fraction = false;
  size_t i = 0;
  for (; i < text.size() && text[i] != 'e'; ++i) {
    if (text[i] == '.') {
      fraction = true;
      continue;
    }
    digits = digits * 10 + static_cast<uint64_t>(text[i] - '0');
    exponent -= fraction;
  }
  if (i < text.size()) exponent += std::atoi(text.c_str() + i + 1);
  if (exponent < -22 || exponent > 22 || text.size() > 20) return value;  // powers up to 10^22 are exact
  const double power = std::pow(10.0, std::abs(exponent));
  const double read =
      exponent < 0 ? static_cast<double>(digits) / power : static_cast<double>(digits) * power;
  return value < 0 ? -read : read;
}

void read_unigram(const Json& model, Parts& parts, const std::string& what) {
  const Json& vocab = member(model, "vocab", what);
  if (!vocab.is_array()) fail(Fault::file, "{}: \"vocab\" is not a list", what);
  for (const Json& entry : vocab) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
      fail(Fault::file, "{}: a Unigram piece that is not [text, score]", what);
    parts.pieces.push_back(entry[0].get<std::string>());
    const auto score = entry[1].get<double>();
    if (!std::isfinite(score)) fail(Fault::file, "{}: a score that is not finite", what);
    parts.scores.push_back(as_published_reader(score));
  }
  const int64_t unk = number_field(model, "unk_id", -1, what);
  if (unk < -1 || unk >= static_cast<int64_t>(parts.pieces.size()))
    fail(Fault::file, "{}: unk_id {} of {} pieces", what, unk, parts.pieces.size());
  parts.unk_id = static_cast<int32_t>(unk);
  parts.byte_fallback = flag_field(model, "byte_fallback", false, what);
}

std::string model_type(const Json& model, const std::string& what) {
  if (model.is_object() && model.contains("type")) return text_field(model, "type", what);
  // Old files name no type.
  if (model.is_object() && model.contains("merges")) return "BPE";
  if (model.is_object() && model.contains("max_input_chars_per_word")) return "WordPiece";
  return model.is_object() && model.contains("vocab") && model["vocab"].is_array() ? "Unigram" : "WordLevel";
}

void read_added(const Json& json, Parts& parts, const std::string& what) {
  if (!json.contains("added_tokens") || json["added_tokens"].is_null()) return;
  const Json& list = json["added_tokens"];
  if (!list.is_array()) fail(Fault::file, "{}: \"added_tokens\" is not a list", what);
  PieceIndex index;
  index.reserve(parts.pieces.size());
  for (size_t id = 0; id < parts.pieces.size(); ++id)
    if (!parts.pieces[id].empty()) index.add(parts.pieces[id], static_cast<int32_t>(id));
  for (const Json& each : list) {
    AddedToken a;
    a.content = text_field(each, "content", what);
    a.single_word = flag_field(each, "single_word", false, what);
    a.lstrip = flag_field(each, "lstrip", false, what);
    a.rstrip = flag_field(each, "rstrip", false, what);
    a.special = flag_field(each, "special", false, what);
    a.normalized = flag_field(each, "normalized", !a.special, what);
    a.id = id_of(member(each, "id", what), parts.pieces.size() + list.size(), what);
    // A token that the model has keeps the model's id.
    if (const int32_t id = index.find(a.content); id >= 0) a.id = id;
    if (!a.content.empty()) parts.added.push_back(std::move(a));
  }
}

void write_string(std::string& out, std::string_view text) { out += Json(text).dump(); }

std::string number_text(double v) {
  std::string text = fmt::format("{}", v);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

void write_model(std::string& out, const Parts& parts) {
  const BpeOptions& o = parts.bpe;
  const auto flag = [](bool b) { return b ? "true" : "false"; };
  const auto text_or_null = [](const std::string& s) {
    return s.empty() ? std::string("null") : Json(s).dump();
  };
  out += fmt::format("{{\"type\":\"{}\",", parts.type);
  if (parts.type == "BPE") {
    out += fmt::format(
        "\"dropout\":null,\"unk_token\":{},\"continuing_subword_prefix\":{},\"end_of_word_suffix\":{},\"fuse_"
        "unk\":{},"
        "\"byte_fallback\":{},\"ignore_merges\":{},",
        o.has_unk ? Json(o.unk_token).dump() : "null", text_or_null(o.continuing_subword_prefix),
        text_or_null(o.end_of_word_suffix), flag(o.fuse_unk), flag(o.byte_fallback), flag(o.ignore_merges));
  } else if (parts.type == "WordPiece") {
    out += fmt::format("\"unk_token\":{},\"continuing_subword_prefix\":{},\"max_input_chars_per_word\":{},",
                       Json(parts.unk_token).dump(), Json(parts.prefix).dump(), parts.most_characters);
  } else if (parts.type == "Unigram") {
    out += fmt::format("\"unk_id\":{},\"byte_fallback\":{},",
                       parts.unk_id < 0 ? "null" : std::to_string(parts.unk_id), flag(parts.byte_fallback));
  } else {
    out += fmt::format("\"unk_token\":{},", Json(parts.unk_token).dump());
  }
  const bool list = parts.type == "Unigram";
  out += list ? "\"vocab\":[" : "\"vocab\":{";
  bool first = true;
  for (size_t id = 0; id < parts.pieces.size(); ++id) {
    if (parts.pieces[id].empty() && !list) continue;
    if (!first) out += ',';
    first = false;
    if (list) out += '[';
    write_string(out, parts.pieces[id]);
    if (list)
      out += fmt::format(",{}]", number_text(parts.scores[id]));
    else
      out += fmt::format(":{}", id);
  }
  out += list ? ']' : '}';
  if (parts.type == "BPE") {
    out += ",\"merges\":[";
    for (size_t i = 0; i < parts.merges.size(); ++i) {
      out += i ? ",[" : "[";
      write_string(out, parts.pieces[static_cast<size_t>(parts.merges[i].left)]);
      out += ',';
      write_string(out, parts.pieces[static_cast<size_t>(parts.merges[i].right)]);
      out += ']';
    }
    out += ']';
  }
  out += '}';
}

// A template's list of ids, with kSequence for the text.
std::vector<int32_t> one_template(const Json& json, const std::string& what) {
  const std::string type = text_field(json, "type", what);
  if (type == "ByteLevel") return {kSequence};
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    const auto id = [&](const char* key) {
      const Json& pair = member(json, key, what);
      if (!pair.is_array() || pair.size() != 2) fail(Fault::file, "{}: \"{}\" is not [token, id]", what, key);
      return id_of(pair[1], kMostPieces, what);
    };
    return {id("cls"), kSequence, id("sep")};
  }
  if (type != "TemplateProcessing") fail(Fault::file, "{}: unknown post-processor {}", what, printable(type));
  std::vector<int32_t> out;
  for (const Json& item : member(json, "single", what)) {
    if (item.is_object() && item.contains("Sequence")) {
      if (text_field(item["Sequence"], "id", what) != "A")
        fail(Fault::file, "{}: a template for one text that uses another", what);
      out.push_back(kSequence);
      continue;
    }
    const std::string name = text_field(member(item, "SpecialToken", what), "id", what);
    const Json& ids = member(member(member(json, "special_tokens", what), name.c_str(), what), "ids", what);
    if (!ids.is_array()) fail(Fault::file, "{}: \"ids\" of {} is not a list", what, printable(name));
    for (const Json& id : ids) out.push_back(id_of(id, kMostPieces, what));
  }
  return out;
}

}  // namespace

void check_pieces(const std::vector<std::string>& pieces, const std::string& what) {
  if (pieces.size() > kMostPieces)
    fail(Fault::file, "{}: {} pieces, at most {} are taken", what, pieces.size(), kMostPieces);
  size_t bytes = 0;
  for (const auto& piece : pieces) {
    bytes += piece.size();
    if (piece.size() > kLongestPiece)
      fail(Fault::file, "{}: a piece of {} bytes, at most {} are taken", what, piece.size(), kLongestPiece);
  }
  if (bytes > kMostPieceBytes)
    fail(Fault::file, "{}: pieces of {} bytes together, at most {} are taken", what, bytes, kMostPieceBytes);
}

Parts parse_parts(std::string_view text, const std::string& what) {
  const Json json = parse_json(text, what);
  if (!json.is_object()) fail(Fault::file, "{}: not a tokenizer.json (no object)", what);
  const auto part = [&](const char* key) { return json.contains(key) ? json[key] : Json(nullptr); };
  Parts parts;
  parts.normalizer = part("normalizer");
  parts.pre_tokenizer = part("pre_tokenizer");
  parts.post_processor = part("post_processor");
  parts.decoder = part("decoder");
  const Json& model = member(json, "model", what);
  parts.type = model_type(model, what);
  if (parts.type == "BPE") {
    read_bpe(model, parts, what);
  } else if (parts.type == "Unigram") {
    read_unigram(model, parts, what);
  } else if (parts.type == "WordPiece" || parts.type == "WordLevel") {
    read_vocab(model, parts, what);
    parts.unk_token = text_field(model, "unk_token", what, parts.type == "WordPiece" ? "[UNK]" : "<unk>");
    parts.prefix = text_field(model, "continuing_subword_prefix", what, "##");
    const int64_t most = number_field(model, "max_input_chars_per_word", 100, what);
    if (most < 0 || most > 10000)
      fail(Fault::file, "{}: max_input_chars_per_word {} (0 to 10000)", what, most);
    parts.most_characters = static_cast<size_t>(most);
  } else {
    fail(Fault::file, "{}: unknown model {}", what, printable(parts.type));
  }
  check_pieces(parts.pieces, what);
  read_added(json, parts, what);
  return parts;
}

std::string write_parts(const Parts& parts) {
  std::string out = "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[";
  auto added = parts.added;
  std::sort(added.begin(), added.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  for (size_t i = 0; i < added.size(); ++i) {
    const AddedToken& a = added[i];
    out += fmt::format(
        "{}{{\"id\":{},\"content\":{},\"single_word\":{},\"lstrip\":{},\"rstrip\":{},\"normalized\":{},"
        "\"special\":{}}}",
        i ? "," : "", a.id, Json(a.content).dump(), a.single_word, a.lstrip, a.rstrip, a.normalized,
        a.special);
  }
  out += fmt::format(
      "],\"normalizer\":{},\"pre_tokenizer\":{},\"post_processor\":{},\"decoder\":{},\"model\":",
      parts.normalizer.dump(), parts.pre_tokenizer.dump(), parts.post_processor.dump(), parts.decoder.dump());
  write_model(out, parts);
  return out + "}";
}

std::vector<int32_t> post_template(const Json& json, const std::string& what) {
  std::vector<int32_t> out{kSequence};
  for (const Json& each : flatten(json, "processors", what)) {
    const std::vector<int32_t> outer = one_template(each, what);
    std::vector<int32_t> next;
    for (const int32_t id : outer) {
      if (id == kSequence)
        next.insert(next.end(), out.begin(), out.end());
      else
        next.push_back(id);
    }
    out = std::move(next);
    if (out.size() > 1024) fail(Fault::file, "{}: post-processors that add {} tokens", what, out.size());
  }
  if (std::count(out.begin(), out.end(), kSequence) > 16)
    fail(Fault::file, "{}: a template that repeats the text more than 16 times", what);
  return out;
}

Json post_processor_of(const std::vector<int32_t>& ids, const std::vector<std::string>& pieces) {
  if (ids == std::vector<int32_t>{kSequence}) return nullptr;
  Json single = Json::array(), pair = Json::array(), special = Json::object();
  for (const char* name : {"A", "B"}) {
    const int type = name[0] - 'A';
    for (const int32_t id : ids) {
      Json item;
      if (id == kSequence) {
        item["Sequence"] = {{"id", name}, {"type_id", type}};
      } else {
        const std::string& piece = pieces[static_cast<size_t>(id)];
        item["SpecialToken"] = {{"id", piece}, {"type_id", type}};
        special[piece] = {{"id", piece}, {"ids", {id}}, {"tokens", {piece}}};
      }
      if (type == 0) single.push_back(item);
      pair.push_back(item);
    }
  }
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

}  // namespace ridge::text

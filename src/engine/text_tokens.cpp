// Which tokens stand around a text and a pair of texts, and what goes where they are too long.
#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "engine/encode_text.h"
#include "models/registry.h"
#include "text/core.h"
#include "text/unicode.h"

namespace ridge {
namespace {

constexpr int32_t kFirst = -1, kSecond = -2;  // the texts, among ids

struct Piece {
  int32_t id, type;
};
using Form = std::vector<Piece>;

const Json* field(const Json& j, const char* name) {
  const auto it = j.is_object() ? j.find(name) : j.end();
  return !j.is_object() || it == j.end() ? nullptr : &*it;
}

// The form of pairs that a tokenizer.json spells out; empty where it does not.
Form spelled_form(const Json& post) {
  const Json* type = field(post, "type");
  if (!type || !type->is_string()) return {};
  if (*type == "Sequence") {
    const Json* list = field(post, "processors");
    if (list && list->is_array())
      for (const Json& each : *list)
        if (Form f = spelled_form(each); !f.empty()) return f;
    return {};
  }
  const Json *pair = field(post, "pair"), *tokens = field(post, "special_tokens");
  if (*type != "TemplateProcessing" || !pair || !pair->is_array()) return {};
  Form form;
  for (const Json& item : *pair) {
    const Json *sequence = field(item, "Sequence"), *special = field(item, "SpecialToken");
    const Json* of = sequence ? sequence : special;
    const Json *id = of ? field(*of, "id") : nullptr, *kind = of ? field(*of, "type_id") : nullptr;
    if (!id || !id->is_string() || !kind || !kind->is_number_integer()) return {};
    const auto type_id = kind->get<int32_t>();
    if (sequence) {
      form.push_back({*id == "A" ? kFirst : kSecond, type_id});
      continue;
    }
    const Json* known = tokens ? field(*tokens, id->get<std::string>().c_str()) : nullptr;
    const Json* ids = known ? field(*known, "ids") : nullptr;
    if (!ids || !ids->is_array()) return {};
    for (const Json& each : *ids) {
      if (!each.is_number_integer()) return {};
      form.push_back({each.get<int32_t>(), type_id});
    }
  }
  const auto texts = [&](int32_t which) {
    return std::count_if(form.begin(), form.end(), [&](const Piece& p) { return p.id == which; });
  };
  return texts(kFirst) == 1 && texts(kSecond) == 1 ? form : Form{};
}

// [CLS] a [SEP], of what the tokenizer puts around one text.
Form single_form(const Tokenizer& tokenizer) {
  Form form;
  for (const int32_t id : tokenizer.core().post) form.push_back({id == text::kSequence ? kFirst : id, 0});
  return form;
}

// BERT's [CLS] a [SEP] b [SEP] with types, or RoBERTa's <s> a </s> </s> b </s> without.
Form usual_pair_form(const Tokenizer& tokenizer, bool doubled) {
  Form form = single_form(tokenizer);
  const auto at = std::find_if(form.begin(), form.end(), [](const Piece& p) { return p.id == kFirst; });
  const Form end(at == form.end() ? at : at + 1, form.end());
  if (doubled) form.insert(form.end(), end.begin(), end.end());
  form.push_back({kSecond, doubled ? 0 : 1});
  for (const Piece& p : end) form.push_back({p.id, doubled ? 0 : 1});
  return form;
}

Form pair_form(const OpenedModel& opened) {
  const Tokenizer& tokenizer = opened.text();
  bool doubled = opened.model->info->name == std::string("roberta") ||
                 opened.model->info->name == std::string("longformer");
  if (const std::string& json = tokenizer.core().source_json; !json.empty()) {
    const Json whole = parse_json(json, "tokenizer.json");
    if (const Json* post = field(whole, "post_processor")) {
      if (Form form = spelled_form(*post); !form.empty()) return form;
      if (const Json* type = field(*post, "type")) doubled = doubled || *type == "RobertaProcessing";
    }
  }
  return usual_pair_form(tokenizer, doubled);
}

TextTokens characters_of(const OpenedModel& opened, const std::string& text) {
  TextTokens t;
  const std::string valid = ridge::text::utf8_replace_invalid(text);
  for (size_t i = 0; i < valid.size(); i += ridge::text::utf8_length(static_cast<unsigned char>(valid[i])))
    t.ids.push_back(static_cast<int32_t>(ridge::text::utf8_decode(valid.data() + i)));
  const auto most = static_cast<size_t>(opened.model->size().context);
  t.cut = t.ids.size() > most;
  if (t.cut) t.ids.resize(most);
  t.types.assign(t.ids.size(), 0);
  return t;
}

// Takes tokens off the end of the longer of the two until both and `around` fit.
bool shorten(std::vector<int32_t>& a, std::vector<int32_t>& b, size_t around, size_t most) {
  bool cut = false;
  while (a.size() + b.size() + around > most && !(a.empty() && b.empty())) {
    (a.size() >= b.size() ? a : b).pop_back();
    cut = true;
  }
  return cut;
}

}  // namespace

TextTokens tokens_of(const OpenedModel& opened, const std::string& text, const std::string* second) {
  if (opened.model->reads_characters()) {
    if (second) fail(Fault::usage, "{} reads single texts, no pairs", opened.model->info->name);
    return characters_of(opened, text);
  }
  const Tokenizer& tokenizer = opened.text();
  const Form form = second ? pair_form(opened) : single_form(tokenizer);
  std::vector<int32_t> a = tokenizer.encode(text, {.add_special = false}), b;
  if (second) b = tokenizer.encode(*second, {.add_special = false});
  const int64_t context = opened.model->size().context;
  const size_t around = form.size() - (second ? 2 : 1);
  TextTokens t;
  if (context > 0) t.cut = shorten(a, b, around, static_cast<size_t>(context));
  const auto put = [&](const std::vector<int32_t>& ids, int32_t type) {
    t.ids.insert(t.ids.end(), ids.begin(), ids.end());
    t.types.insert(t.types.end(), ids.size(), type);
  };
  for (const Piece& p : form) {
    if (p.id == kFirst)
      put(a, p.type);
    else if (p.id == kSecond)
      put(b, p.type);
    else
      put({p.id}, p.type);
  }
  const int64_t vocab = opened.model->size().vocab;
  for (const int32_t id : t.ids)
    if (id < 0 || id >= vocab)
      fail(Fault::file, "{}: the tokenizer gives id {}, the model has {} tokens", opened.checkpoint.path(),
           id, vocab);
  if (t.ids.empty()) fail(Fault::usage, "a text without tokens");
  return t;
}

}  // namespace ridge

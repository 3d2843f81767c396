// Filters of sequences and mappings.
#include <algorithm>

#include "text/jinja_filters.h"
#include "text/jinja_params.h"
#include "text/jinja_unicode.h"

namespace ridge::jinja {
namespace {

Value ignore_case(Run& run, const Value& v) {
  if (!v.is_text()) return v;
  run.work(v.str().size());
  return run.text(lower(v.str()), v.text().safe);
}

// "a.b.0" takes an attribute of an attribute.
class Getter {
 public:
  Getter(Run& run, const Value* attribute, bool fold, const Value* otherwise = nullptr) : fold_(fold) {
    if (otherwise && !otherwise->is_none()) otherwise_ = *otherwise;
    if (!attribute || attribute->is_none()) return;
    if (!attribute->is_text()) {
      parts_.push_back(*attribute);
      return;
    }
    std::string_view rest = attribute->str();
    for (size_t dot = 0; dot != rest.npos; rest.remove_prefix(std::min(rest.size(), dot + 1))) {
      dot = rest.find('.');
      const std::string_view part = rest.substr(0, dot);
      const bool whole =
          !part.empty() && part.size() < 18 && part.find_first_not_of("0123456789") == part.npos;
      parts_.push_back(whole ? Run::integer(std::stoll(std::string(part))) : run.text(std::string(part)));
      if (dot == rest.npos) break;
    }
  }

  Value operator()(Run& run, Value v) const {
    for (const Value& part : parts_) {
      v = item(run, v, part);
      if (v.is_undefined() && otherwise_) v = *otherwise_;
    }
    return fold_ ? ignore_case(run, v) : v;
  }

 private:
  std::vector<Value> parts_;
  std::optional<Value> otherwise_;
  bool fold_;
};

struct Keyed {
  Value key, value;
};

// Stable, as Python's sorted(); std::sort may not be given an order that contradicts itself (NaN).
void merge_sort(Run& run, std::vector<Keyed>& items, bool reverse) {
  std::vector<Keyed> other(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t low = 0; low < items.size(); low += 2 * width) {
      const size_t middle = std::min(low + width, items.size()),
                   high = std::min(low + 2 * width, items.size());
      for (size_t i = low, j = middle, k = low; k < high; ++k) {
        const bool right = i == middle || (j < high && (reverse ? less(run, items[i].key, items[j].key)
                                                                : less(run, items[j].key, items[i].key)));
        other[k] = std::move(items[right ? j++ : i++]);
      }
    }
    items.swap(other);
  }
}

Value sort_filter(Run& run, const Value& in, const Args& args) {
  Params p("sort", args, {"reverse", "case_sensitive", "attribute"});
  const bool fold = !p.truth(1, false);
  std::vector<Getter> getters;
  if (p.has(2) && p[2].is_text()) {
    std::string_view rest = p.text(2);
    for (size_t comma = 0; comma != rest.npos;) {
      comma = rest.find(',');
      const Value name = run.text(std::string(rest.substr(0, comma)));
      getters.emplace_back(run, &name, fold);
      rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
    }
  } else {
    getters.emplace_back(run, p.has(2) ? &p[2] : nullptr, fold);
  }
  std::vector<Keyed> items;
  for (Value& v : to_vector(run, in)) {
    std::vector<Value> key;
    for (const Getter& get : getters) key.push_back(get(run, v));
    items.push_back({run.list(std::move(key)), std::move(v)});
  }
  merge_sort(run, items, p.integer(0, 0) != 0);
  std::vector<Value> out;
  for (Keyed& k : items) out.push_back(std::move(k.value));
  return run.list(std::move(out));
}

Value dict_sort(Run& run, const Value& in, const Args& args) {
  Params p("dictsort", args, {"case_sensitive", "by", "reverse"});
  const std::string by = p.has(1) ? to_string(run, p[1]) : "key";
  if (by != "key" && by != "value") raise("You can only sort by either \"key\" or \"value\"");
  if (in.is_undefined()) raise_undefined(in);
  if (!in.is(Kind::dict)) raise("'{}' object has no attribute 'items'", type_name(in));
  std::vector<Keyed> items;
  for (const auto& [key, value] : in.dict().items) {
    const Value& k = by == "key" ? key : value;
    items.push_back({p.truth(0, false) ? k : ignore_case(run, k), run.tuple({key, value})});
  }
  merge_sort(run, items, p.integer(2, 0) != 0);
  std::vector<Value> out;
  for (Keyed& k : items) out.push_back(std::move(k.value));
  return run.list(std::move(out));
}

Value group_by(Run& run, const Value& in, const Args& args) {
  Params p("groupby", args, {"attribute", "default", "case_sensitive"}, 1);
  const Value* otherwise = p.has(1) ? &p[1] : nullptr;
  const bool fold = !p.truth(2, false);
  const Getter get(run, &p[0], fold, otherwise), name(run, &p[0], false, otherwise);
  std::vector<Keyed> items;
  for (Value& v : to_vector(run, in)) {
    Value key = get(run, v);
    items.push_back({std::move(key), std::move(v)});
  }
  merge_sort(run, items, false);
  std::vector<Value> out;
  for (size_t i = 0; i < items.size();) {
    std::vector<Value> group;
    const Value key = items[i].key;
    for (; i < items.size() && equal(run, items[i].key, key); ++i) group.push_back(items[i].value);
    const Value grouper = fold ? name(run, group[0]) : key;
    Value tuple = run.tuple({grouper, run.list(std::move(group))});
    tuple.as<Items>().grouped = true;
    out.push_back(std::move(tuple));
  }
  return run.list(std::move(out));
}

template <bool kMax>
Value extreme(Run& run, const Value& in, const Args& args) {
  Params p("max", args, {"case_sensitive", "attribute"});
  const Getter get(run, p.has(1) ? &p[1] : nullptr, !p.truth(0, false));
  std::optional<Keyed> best;
  Cursor cursor(run, in);
  for (Value v; cursor.next(v);) {
    Value key = get(run, v);
    if (!best || (kMax ? compare(run, Order::gt, key, best->key) : less(run, key, best->key)))
      best = Keyed{std::move(key), v};
  }
  return best ? best->value : run.undefined("No aggregated item, sequence was empty.");
}

Value sum_filter(Run& run, const Value& in, const Args& args) {
  Params p("sum", args, {"attribute", "start"});
  const Getter get(run, p.has(0) ? &p[0] : nullptr, false);
  Value total = p.has(1) ? p[1] : Run::integer(0);
  if (total.is_text()) raise("sum() can't sum strings [use ''.join(seq) instead]");
  Cursor cursor(run, in);
  for (Value v; cursor.next(v);) total = binary(run, Op::add, total, get(run, v));
  return total;
}

Value unique_filter(Run& run, const Value& in, const Args& args) {
  Params p("unique", args, {"case_sensitive", "attribute"});
  const Getter get(run, p.has(1) ? &p[1] : nullptr, !p.truth(0, false));
  auto cursor = std::make_shared<std::optional<Cursor>>();
  auto seen = run.new_dict();
  return run.iterator(
      [=](Run& run, Value& out) {
        if (!*cursor) cursor->emplace(run, in);
        while ((*cursor)->next(out)) {
          const Value key = get(run, out);
          if (run.find(*seen, key)) continue;
          run.put(*seen, key, Value(true));
          return true;
        }
        return false;
      },
      in, args);
}

Value join_filter(Run& run, const Value& in, const Args& args) {
  Params p("join", args, {"d", "attribute"});
  const Getter get(run, p.given(1) ? &p[1] : nullptr, false);
  const std::string separator = p.has(0) ? to_string(run, p[0]) : "";
  std::string out;
  Cursor cursor(run, in);
  bool first = true;
  for (Value v; cursor.next(v); first = false) {
    if (!first) out += separator;
    out += to_string(run, get(run, v));
    run.check_text(out.size());
    run.work(separator.size());
  }
  return run.text(std::move(out));
}

Value first_filter(Run& run, const Value& in, const Args& args) {
  Params("first", args, {});
  Cursor cursor(run, in);
  Value v;
  return cursor.next(v) ? v : run.undefined("No first item, sequence was empty.");
}

// reversed(): what has no last item, has none.
std::vector<Value> backwards(Run& run, const Value& in) {
  if (!is_iterable(in) || in.is(Kind::iterator)) raise("'{}' object is not reversible", type_name(in));
  std::vector<Value> items = to_vector(run, in);
  std::reverse(items.begin(), items.end());
  return items;
}

Value last_filter(Run& run, const Value& in, const Args& args) {
  Params("last", args, {});
  if (in.is_text() || in.is_sequence() || in.is(Kind::range)) {
    const Value v = item(run, in, Run::integer(-1));
    return v.is_undefined() ? run.undefined("No last item, sequence was empty.") : v;
  }
  const auto items = backwards(run, in);
  return items.empty() ? run.undefined("No last item, sequence was empty.") : items[0];
}

Value reverse_filter(Run& run, const Value& in, const Args& args) {
  Params("reverse", args, {});
  const Value none = Value::none();
  if (in.is_text()) return slice(run, in, none, none, Run::integer(-1));
  if (in.is(Kind::iterator)) {
    std::vector<Value> items = to_vector(run, in);
    std::reverse(items.begin(), items.end());
    return run.list(std::move(items));
  }
  if (!is_iterable(in)) raise("argument must be iterable");
  const Value all = run.list(backwards(run, in));
  auto cursor = std::make_shared<Cursor>(run, all);
  const char* type = in.is(Kind::list) ? "list_reverseiterator" : "reversed";
  return run.iterator([cursor](Run&, Value& out) { return cursor->next(out); }, all, args, type);
}

Value length_filter(Run& run, const Value& in, const Args& args) {
  Params("length", args, {});
  if (in.is(Kind::loop)) return Run::integer(static_cast<Integer>(in.as<Loop>().count(run)));
  const auto n = length(in);
  if (!n) raise("object of type '{}' has no len()", type_name(in));
  return Run::integer(static_cast<Integer>(*n));
}

Value list_filter(Run& run, const Value& in, const Args& args) {
  Params("list", args, {});
  return run.list(to_vector(run, in));
}

Value items_filter(Run& run, const Value& in, const Args& args) {
  Params("items", args, {});
  auto cursor = std::make_shared<std::optional<Cursor>>();
  return run.iterator(
      [in, cursor](Run& run, Value& out) {
        if (in.is_undefined()) return false;
        if (!in.is(Kind::dict)) raise("Can only get item pairs from a mapping.");
        if (!*cursor) cursor->emplace(run, run.view(View::items, in));
        return (*cursor)->next(out);
      },
      in, args);
}

Value default_filter(Run&, const Value& in, const Args& args) {
  Params p("default", args, {"default_value", "boolean"});
  if (!in.is_undefined() && !(p.truth(1, false) && !truth(in))) return in;
  return p.has(0) ? p[0] : Value(Kind::text, std::make_shared<Text>(nullptr, "", false));
}

Value attr_filter(Run& run, const Value& in, const Args& args) {
  Params p("attr", args, {"name"}, 1);
  if (in.is_undefined()) raise_undefined(in);
  if (!p[0].is_text()) raise("attribute name must be string, not '{}'", type_name(p[0]));
  // Attributes alone, not items.
  if (in.is(Kind::dict) && !find_method(run, in, p.text(0))) {
    return run.undefined(fmt::format("'dict object' has no attribute {}", repr(p.text(0))));
  }
  return attribute(run, in, p.text(0));
}

Value batch_filter(Run& run, const Value& in, const Args& args) {
  Params p("batch", args, {"linecount", "fill_with"}, 1);
  const Integer count = p.integer(0);
  const std::optional<Value> fill = p.given(1) ? std::optional(p[1]) : std::nullopt;
  auto cursor = std::make_shared<std::optional<Cursor>>();
  auto ahead = std::make_shared<std::optional<Value>>();
  auto started = std::make_shared<bool>(false);
  return run.iterator(
      [=](Run& run, Value& out) {
        std::vector<Value> row;
        if (!*cursor) cursor->emplace(run, in);
        // With a count of 0 the first row is empty and the second, which is never full, has the rest.
        if (!*started && count == 0) {
          *started = true;
          Value v;
          if (!(*cursor)->next(v)) return false;
          *ahead = std::move(v);
          out = run.list({});
          return true;
        }
        *started = true;
        if (*ahead) row.push_back(std::move(**ahead)), ahead->reset();
        for (Value v; (*cursor)->next(v);) {
          if (static_cast<Integer>(row.size()) == count) {
            *ahead = std::move(v);
            break;
          }
          run.check_items(row.size());
          row.push_back(std::move(v));
        }
        if (row.empty()) return false;
        if (fill && count > static_cast<Integer>(run.limits().items))
          raise("batch: {} items are over the limit", decimal(count));
        while (fill && !*ahead && static_cast<Integer>(row.size()) < count) row.push_back(*fill);
        out = run.list(std::move(row));
        return true;
      },
      in, args);
}

Value slice_filter(Run& run, const Value& in, const Args& args) {
  Params p("slice", args, {"slices", "fill_with"}, 1);
  const Integer slices = p.integer(0);
  const std::optional<Value> fill = p.given(1) ? std::optional(p[1]) : std::nullopt;
  auto items = std::make_shared<std::optional<Value>>();
  auto number = std::make_shared<Integer>(0);
  return run.iterator(
      [=](Run& run, Value& out) {
        if (!*items) *items = run.list(to_vector(run, in));
        const std::vector<Value>& all = (**items).items();
        if (slices == 0) raise("integer division or modulo by zero");
        if (*number >= slices) return false;
        const Integer n = static_cast<Integer>(all.size()), each = n / slices, extra = n % slices;
        const Integer i = (*number)++;
        const Integer from = i * each + std::min(i, extra), to = from + each + (i < extra ? 1 : 0);
        std::vector<Value> part(all.begin() + static_cast<std::ptrdiff_t>(from),
                                all.begin() + static_cast<std::ptrdiff_t>(to));
        if (fill && i >= extra) part.push_back(*fill);
        out = run.list(std::move(part));
        return true;
      },
      in, args);
}

Value map_filter(Run& run, const Value& in, const Args& args) {
  auto cursor = std::make_shared<std::optional<Cursor>>();
  auto get = std::make_shared<std::optional<Getter>>();
  return run.iterator(
      [=](Run& run, Value& out) {
        if (!*cursor) {
          if (!truth(in)) return false;
          if (args.positional.empty()) {
            Params p("map", args, {"attribute", "default"});
            if (!p.has(0)) raise("map requires a filter argument");
            get->emplace(run, &p[0], false, p.has(1) ? &p[1] : nullptr);
          }
          cursor->emplace(run, in);
        }
        Value v;
        if (!(*cursor)->next(v)) return false;
        if (*get) {
          out = (**get)(run, v);
          return true;
        }
        const Value& name = args.positional[0];
        const Filter filter = name.is_text() ? find_filter(name.str()) : nullptr;
        if (!filter) raise("No filter named {}.", repr(run, name).substr(0, 100));
        out = filter(run, v, Args{{args.positional.begin() + 1, args.positional.end()}, args.named});
        return true;
      },
      in, args);
}

template <bool kKeep, bool kAttribute>
Value select_filter(Run& run, const Value& in, const Args& args) {
  auto cursor = std::make_shared<std::optional<Cursor>>();
  auto get = std::make_shared<std::optional<Getter>>();
  return run.iterator(
      [=](Run& run, Value& out) {
        constexpr size_t kFirst = kAttribute ? 1 : 0;
        if (!*cursor) {
          if (!truth(in)) return false;
          if (args.positional.size() < kFirst) raise("Missing parameter for attribute name");
          get->emplace(run, kAttribute ? &args.positional[0] : nullptr, false);
          cursor->emplace(run, in);
        }
        while ((*cursor)->next(out)) {
          const Value v = (**get)(run, out);
          if (args.positional.size() == kFirst) {
            if (truth(v) == kKeep) return true;
            continue;
          }
          const Value& name = args.positional[kFirst];
          const Test test = name.is_text() ? find_test(name.str()) : nullptr;
          if (!test) raise("No test named {}.", repr(run, name).substr(0, 100));
          if (test(run, v, Args{{args.positional.begin() + kFirst + 1, args.positional.end()}, args.named}) ==
              kKeep)
            return true;
        }
        return false;
      },
      in, args);
}

// pprint.pformat: on one line where that fits in 80 columns, else one item a line. Keys are sorted.
void pretty(Run& run, const Value& v, size_t column, size_t after, std::string& out) {
  Level level(run);
  Value sorted = v;
  if (v.is(Kind::dict)) {
    std::vector<Keyed> items;
    for (const auto& [key, value] : v.dict().items)
      items.push_back({run.tuple({run.text(type_name(key)), key}), run.tuple({key, value})});
    merge_sort(run, items, false);
    auto dict = run.new_dict();
    for (const Keyed& k : items) run.put(*dict, k.value.items()[0], k.value.items()[1]);
    sorted = Value(Kind::dict, std::move(dict));
  }
  const std::string flat = repr(run, sorted);
  run.check_text(out.size() + flat.size());
  const bool container = v.is(Kind::dict) ? !v.dict().items.empty() : v.is_sequence() && !v.items().empty();
  if (!container || column + count_code_points(flat) + after <= 80) {
    out += flat;
    return;
  }
  out += v.is(Kind::dict) ? '{' : v.is(Kind::list) ? '[' : '(';
  const size_t n = *length(v);
  for (size_t i = 0; i < n; ++i) {
    if (i) out.append(",\n").append(column + 1, ' ');
    const size_t left = i + 1 < n ? 1 : after + 1;
    if (!v.is(Kind::dict)) {
      pretty(run, v.items()[i], column + 1, left, out);
      continue;
    }
    const auto& [key, value] = sorted.dict().items[i];
    const std::string name = repr(run, key);
    out += name + ": ";
    pretty(run, value, column + count_code_points(name) + 3, left, out);
  }
  if (v.is(Kind::tuple) && n == 1) out += ',';
  out += v.is(Kind::dict) ? '}' : v.is(Kind::list) ? ']' : ')';
}

Value pprint_filter(Run& run, const Value& in, const Args& args) {
  Params("pprint", args, {});
  std::string out;
  pretty(run, in, 0, 0, out);
  return run.text(std::move(out));
}

Value random_filter(Run&, const Value&, const Args&) {
  raise("the random filter is not offered: a template renders the same each time");
}

}  // namespace

const FilterTable& item_filters() {
  static const FilterTable table = {{"sort", sort_filter},
                                    {"dictsort", dict_sort},
                                    {"groupby", group_by},
                                    {"min", extreme<false>},
                                    {"max", extreme<true>},
                                    {"sum", sum_filter},
                                    {"unique", unique_filter},
                                    {"join", join_filter},
                                    {"first", first_filter},
                                    {"last", last_filter},
                                    {"reverse", reverse_filter},
                                    {"length", length_filter},
                                    {"count", length_filter},
                                    {"list", list_filter},
                                    {"items", items_filter},
                                    {"default", default_filter},
                                    {"d", default_filter},
                                    {"attr", attr_filter},
                                    {"batch", batch_filter},
                                    {"slice", slice_filter},
                                    {"map", map_filter},
                                    {"select", select_filter<true, false>},
                                    {"reject", select_filter<false, false>},
                                    {"selectattr", select_filter<true, true>},
                                    {"rejectattr", select_filter<false, true>},
                                    {"pprint", pprint_filter},
                                    {"random", random_filter}};
  return table;
}

Filter find_filter(std::string_view name) {
  for (const FilterTable* table : {&text_filters(), &item_filters()}) {
    const auto it = table->find(name);
    if (it != table->end()) return it->second;
  }
  return nullptr;
}

}  // namespace ridge::jinja

// The methods of list, tuple, range, dict, int, float and cycler, and the globals.
#include <algorithm>
#include <bit>
#include <cmath>

#include "text/jinja_methods.h"
#include "text/jinja_params.h"

namespace ridge::jinja {
namespace {

constexpr Integer kMaxRange = 100'000;  // jinja2.sandbox.MAX_RANGE

Value index_method(Run& run, const Value& self, const Args& args) {
  Params p("index", args, {"", "", ""}, 1);
  const std::vector<Value> items = to_vector(run, self);
  const Integer n = static_cast<Integer>(items.size());
  const auto bound = [&](size_t i, Integer otherwise) {
    const Integer v = p.integer(i, otherwise);
    return std::clamp<Integer>(v < 0 ? v + n : v, 0, n);
  };
  for (Integer i = bound(1, 0), end = bound(2, n); i < end; ++i) {
    if (equal(run, items[static_cast<size_t>(i)], p[0])) return Run::integer(i);
  }
  raise("{} is not in {}", repr(run, p[0]).substr(0, 100), type_name(self));
}

Value count_method(Run& run, const Value& self, const Args& args) {
  Params p("count", args, {""}, 1);
  Integer n = 0;
  Cursor cursor(run, self);
  for (Value v; cursor.next(v);) n += equal(run, v, p[0]);
  return Run::integer(n);
}

Value copy_method(Run&, const Value& self, const Args& args) {
  Params("copy", args, {});
  return self;  // nothing can change it
}

template <View::What kWhat>
Value view_method(Run& run, const Value& self, const Args& args) {
  Params("items", args, {});
  return run.view(kWhat, self);
}

Value get_method(Run& run, const Value& self, const Args& args) {
  Params p("get", args, {"", ""}, 1);
  const Value* v = run.find(self.dict(), p[0]);
  return v ? *v : p.has(1) ? p[1] : Value::none();
}

Value is_integer(Run&, const Value& self, const Args& args) {
  Params("is_integer", args, {});
  return Value(std::isfinite(self.real) && std::floor(self.real) == self.real);
}

Value bit_length(Run&, const Value& self, const Args& args) {
  Params("bit_length", args, {});
  auto rest = self.whole() < 0 ? -static_cast<unsigned __int128>(self.whole())
                               : static_cast<unsigned __int128>(self.whole());
  Integer n = 0;
  for (; rest; rest >>= 1) ++n;
  return Run::integer(n);
}

Value next_of_cycler(Run&, const Value& self, const Args& args) {
  Params("next", args, {});
  Cycler& c = self.as<Cycler>();
  const Value v = c.items[c.place];
  c.place = (c.place + 1) % c.items.size();
  return v;
}

Value reset_cycler(Run&, const Value& self, const Args& args) {
  Params("reset", args, {});
  self.as<Cycler>().place = 0;
  return Value::none();
}

// Globals

Value range_function(Run& run, const Args& args) {
  Params p("range", args, {"", "", ""}, 1);
  const Integer start = p.has(1) ? p.integer(0) : 0, stop = p.has(1) ? p.integer(1) : p.integer(0);
  const Integer step = p.integer(2, 1);
  if (step == 0) raise("range() arg 3 must not be zero");
  constexpr Integer kFar = Integer{1} << 100;
  for (Integer i : {start, stop, step}) {
    if (i > kFar || i < -kFar) raise("Python int too large to convert to C ssize_t");
  }
  Value r = run.range(start, stop, step);
  if (r.as<Range>().length() > kMaxRange)
    raise("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", decimal(kMaxRange));
  return r;
}

// The pairs of dict(...): a mapping or pairs first, then what is named.
std::vector<std::pair<Value, Value>> pairs(Run& run, const char* function, const Args& args) {
  std::vector<std::pair<Value, Value>> out;
  if (args.positional.size() > 1)
    raise("{} expected at most 1 argument, got {}", function, args.positional.size());
  if (!args.positional.empty()) {
    const Value& from = args.positional[0];
    if (from.is(Kind::dict)) {
      out = from.dict().items;
    } else {
      Cursor cursor(run, from);
      for (Value v; cursor.next(v);) {
        const std::vector<Value> pair = to_vector(run, v);
        if (pair.size() != 2)
          raise("dictionary update sequence element #{} has length {}; 2 is required", out.size(),
                pair.size());
        out.emplace_back(pair[0], pair[1]);
        run.check_items(out.size());
      }
    }
  }
  for (const auto& [name, value] : args.named) out.emplace_back(run.text(name), value);
  return out;
}

Value dict_function(Run& run, const Args& args) {
  auto dict = run.new_dict();
  for (const auto& [key, value] : pairs(run, "dict", args)) run.put(*dict, key, value);
  return Value(Kind::dict, std::move(dict));
}

Value namespace_function(Run& run, const Args& args) {
  Value space = run.space();
  Space& s = space.as<Space>();
  for (const auto& [key, value] : pairs(run, "namespace", args)) {
    const std::string name = to_string(run, key);
    if (Value* old = s.find(name)) {
      *old = value;
    } else {
      s.names.emplace_back(name, value);
    }
  }
  return space;
}

Value cycler_function(Run& run, const Args& args) {
  if (args.positional.empty() || !args.named.empty()) raise("at least one item has to be provided");
  const Value items = run.tuple(args.positional);
  auto c = std::make_shared<Cycler>(run.meter(), sizeof(Cycler));
  c->items = args.positional;
  c->depth = items.object->depth + 1;
  return Value(Kind::object, std::move(c));
}

Value joiner_function(Run& run, const Args& args) {
  Params p("joiner", args, {"sep"});
  const Value separator = p.has(0) ? p[0] : run.text(", ");
  Value f =
      run.function("<jinja2.utils.Joiner object>", [separator, used = false](Run& run, const Args&) mutable {
        if (used) return separator;
        used = true;
        return run.text("");
      });
  f.object->depth = separator.object ? separator.object->depth + 1 : 1;
  return f;
}

Value raise_exception(Run& run, const Args& args) {
  Params p("raise_exception", args, {"message"}, 1);
  raise("{}", to_string(run, p[0]));
}

std::tm local_time(const Run& run) {
  if (run.now()) return *run.now();
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

Value strftime_now(Run& run, const Args& args) {
  Params p("strftime_now", args, {"format"}, 1);
  // A naive datetime has no microseconds here, no zone name and no offset.
  std::string pattern;
  const std::string& given = p.text(0);
  if (given.size() > 4096) raise("strftime_now(): a format of {} bytes is over 4096", given.size());
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i] == '\0') raise("embedded null character");
    const char next = given[i] == '%' && i + 1 < given.size() ? given[i + 1] : '\0';
    if (next == 'f') pattern += "000000";
    if (next && next != 'f' && next != 'z' && next != 'Z') (pattern += '%') += next;
    if (next) {
      ++i;
    } else {
      pattern += given[i];
    }
  }
  if (pattern.empty()) return run.text("");
  std::tm local = local_time(run);
  std::string out(pattern.size() * 64 + 256, '\0');
  out.resize(std::strftime(out.data(), out.size(), pattern.c_str(), &local));
  return run.text(std::move(out));
}

Value lipsum(Run&, const Args&) { raise("lipsum() makes random text and is not offered"); }

std::optional<Value> from(Run& run, const Value& self, const std::string& name,
                          const std::unordered_map<std::string_view, Method>& methods) {
  const auto it = methods.find(name);
  if (it == methods.end()) return std::nullopt;
  return run.method(self, it->first.data(), it->second);
}

}  // namespace

std::optional<Value> find_method(Run& run, const Value& self, const std::string& name) {
  static const std::unordered_map<std::string_view, Method> list = {
      {"index", index_method}, {"count", count_method}, {"copy", copy_method}};
  static const std::unordered_map<std::string_view, Method> tuple = {{"index", index_method},
                                                                     {"count", count_method}};
  static const std::unordered_map<std::string_view, Method> dict = {{"keys", view_method<View::keys>},
                                                                    {"values", view_method<View::values>},
                                                                    {"items", view_method<View::items>},
                                                                    {"get", get_method},
                                                                    {"copy", copy_method}};
  static const std::unordered_map<std::string_view, Method> real = {{"is_integer", is_integer}};
  static const std::unordered_map<std::string_view, Method> whole = {{"bit_length", bit_length}};
  static const std::unordered_map<std::string_view, Method> cycler = {{"next", next_of_cycler},
                                                                      {"reset", reset_cycler}};
  switch (self.kind) {
    case Kind::text:
      return find_text_method(run, self, name);
    case Kind::list:
      return from(run, self, name, list);
    case Kind::tuple:
    case Kind::range:
      return from(run, self, name, tuple);
    case Kind::dict:
      return from(run, self, name, dict);
    case Kind::real:
      return from(run, self, name, real);
    case Kind::boolean:
    case Kind::integer:
      return from(run, self, name, whole);
    case Kind::object:
      if (name == "current") return self.as<Cycler>().items[self.as<Cycler>().place];
      return from(run, self, name, cycler);
    default:
      return std::nullopt;
  }
}

std::optional<Value> find_global(Run& run, const std::string& name) {
  static const std::unordered_map<std::string_view, Value (*)(Run&, const Args&)> globals = {
      {"range", range_function},   {"dict", dict_function},       {"namespace", namespace_function},
      {"cycler", cycler_function}, {"joiner", joiner_function},   {"raise_exception", raise_exception},
      {"lipsum", lipsum},          {"strftime_now", strftime_now}};
  const auto it = globals.find(name);
  if (it == globals.end()) return std::nullopt;
  return run.function("<function " + name + ">", it->second);
}

}  // namespace ridge::jinja

#include "text/jinja_value.h"

#include <algorithm>
#include <cmath>

#include "text/jinja_unicode.h"

namespace ridge::jinja {
namespace {

constexpr unsigned kDepth = 250;  // nesting of lists, mappings, iterators over iterators

unsigned nested(const Value& v) { return v.object && !v.is(Kind::space) ? v.object->depth + 1 : 1; }

unsigned nested(const std::vector<Value>& items) {
  unsigned depth = 1;
  for (const Value& v : items) depth = std::max(depth, nested(v));
  if (depth > kDepth) raise("values nested more than {} deep", kDepth);
  return depth;
}

size_t mix(size_t a, size_t b) { return a ^ (b + 0x9E3779B97F4A7C15u + (a << 6) + (a >> 2)); }

bool equal_items(Run& run, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!equal(run, a[i], b[i])) return false;
  }
  return true;
}

bool equal_dicts(Run& run, const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    const Value* other = run.find(b, key);
    if (!other || !equal(run, value, *other)) return false;
  }
  return true;
}

bool in_range(const Range& r, Integer i) {
  const Integer n = r.length();
  if (n == 0) return false;
  const Integer last = r.start + (n - 1) * r.step;
  return i >= std::min(r.start, last) && i <= std::max(r.start, last) && (i - r.start) % r.step == 0;
}

}  // namespace

const Text& Value::text() const { return static_cast<const Text&>(*object); }
const std::string& Value::str() const { return text().utf8; }
const std::vector<Value>& Value::items() const { return static_cast<const Items&>(*object).items; }
const Dict& Value::dict() const { return static_cast<const Dict&>(*object); }

Text::Text(Meter* m, std::string s, bool markup)
    : Object(m, s.size() + sizeof(Text)), utf8(std::move(s)), length(count_code_points(utf8)), safe(markup) {}

Integer Range::length() const {
  if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
  return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

const Value* Dict::find(std::string_view key) const {
  if (index.empty()) {
    for (const auto& [k, v] : items) {
      if (k.is_text() && k.str() == key) return &v;
    }
    return nullptr;
  }
  const auto [first, last] = index.equal_range(std::hash<std::string_view>()(key));
  for (auto it = first; it != last; ++it) {
    const auto& [k, v] = items[it->second];
    if (k.is_text() && k.str() == key) return &v;
  }
  return nullptr;
}

Value* Space::find(std::string_view name) {
  for (auto& [n, v] : names) {
    if (n == name) return &v;
  }
  return nullptr;
}

Run::Run(const TemplateLimits& limits, const std::optional<std::tm>& now)
    : limits_(limits),
      now_(now),
      end_(std::chrono::steady_clock::now() +
           std::chrono::microseconds(static_cast<int64_t>(std::clamp(limits.seconds, 0.0, 1e6) * 1e6))) {
  stack = static_cast<const char*>(__builtin_frame_address(0));
}

Run::~Run() {
  for (auto& [thing, empty] : kept_) empty();
}

void Run::check() {
  if (steps_ > limits_.steps)
    raise("stopped after {} steps: the template does too much, or loops for ever", limits_.steps);
  if (meter_.live > limits_.live_bytes)
    raise("stopped: its values take more than {} bytes", limits_.live_bytes);
  if (std::chrono::steady_clock::now() > end_) raise("stopped after {} seconds", limits_.seconds);
  next_check_ = std::min(steps_ + 1024, limits_.steps + 1);
}

void Run::check_text(size_t bytes) const {
  if (bytes > limits_.text_bytes)
    raise("a string of {} bytes is over the limit of {}", bytes, limits_.text_bytes);
  if (meter_.live + bytes > limits_.live_bytes)
    raise("stopped: its values take more than {} bytes", limits_.live_bytes);
}

void Run::check_items(size_t count) const {
  if (count > limits_.items) raise("{} items are over the limit of {}", count, limits_.items);
  if (meter_.live + count * sizeof(Value) > limits_.live_bytes) {
    raise("stopped: its values take more than {} bytes", limits_.live_bytes);
  }
}

Value Run::text(std::string utf8, bool safe) {
  check_text(utf8.size());
  work(utf8.size());
  return Value(Kind::text, std::make_shared<Text>(&meter_, std::move(utf8), safe));
}

Value Run::sequence(Kind kind, std::vector<Value> items) {
  check_items(items.size());
  step(items.size());
  const unsigned depth = nested(items);
  auto list = std::make_shared<Items>(&meter_, items.size() * sizeof(Value) + sizeof(Items));
  list->items = std::move(items);
  list->depth = depth;
  return Value(kind, std::move(list));
}

Value Run::range(Integer start, Integer stop, Integer step) {
  auto r = std::make_shared<Range>(&meter_, sizeof(Range));
  r->start = start, r->stop = stop, r->step = step;
  return Value(Kind::range, std::move(r));
}

Value Run::view(View::What what, const Value& dict) {
  auto v = std::make_shared<View>(&meter_, sizeof(View));
  v->what = what, v->dict = dict, v->depth = nested(dict);
  return Value(Kind::view, std::move(v));
}

Value Run::iterator(std::function<bool(Run&, Value&)> next, const Value& over, const Args& args,
                    const char* type) {
  auto it = std::make_shared<Iterator>(&meter_, 256);
  it->next = std::move(next), it->type = type, it->depth = std::max(nested(over), nested(args.positional));
  for (const auto& [name, value] : args.named) it->depth = std::max(it->depth, nested(value));
  if (it->depth > kDepth) raise("iterators nested more than {} deep", kDepth);
  return Value(Kind::iterator, std::move(it));
}

Value Run::function(std::string repr, std::function<Value(Run&, const Args&)> call) {
  auto f = std::make_shared<Function>(&meter_, 256);
  f->repr = std::move(repr), f->call = std::move(call);
  return Value(Kind::function, std::move(f));
}

Value Run::method(const Value& self, const char* name, Value (*call)(Run&, const Value&, const Args&)) {
  Value f = function(fmt::format("<built-in method {} of {} object>", name, type_name(self)),
                     [self, call](Run& run, const Args& args) { return call(run, self, args); });
  f.object->depth = nested(self);
  if (f.object->depth > kDepth) raise("values nested more than {} deep", kDepth);
  return f;
}

Value Run::space() {
  auto s = std::make_shared<Space>(&meter_, 256);
  keep(s, [space = s.get()] { space->names.clear(); });
  return Value(Kind::space, std::move(s));
}

Value Run::undefined(std::string why) {
  return Value(Kind::undefined, std::make_shared<Text>(&meter_, std::move(why), false));
}

void Run::keep(std::shared_ptr<void> thing, std::function<void()> empty) {
  step();
  kept_.emplace_back(std::move(thing), std::move(empty));
}

std::shared_ptr<Dict> Run::new_dict() { return std::make_shared<Dict>(&meter_, sizeof(Dict)); }

const Value* Run::find(const Dict& dict, const Value& key) {
  if (dict.index.empty()) {
    if (dict.items.empty() || key.is_text())
      return hash(*this, key), key.is_text() ? dict.find(key.str()) : nullptr;
    hash(*this, key);
    for (const auto& [k, v] : dict.items) {
      if (equal(*this, k, key)) return &v;
    }
    return nullptr;
  }
  const auto [first, last] = dict.index.equal_range(hash(*this, key));
  for (auto it = first; it != last; ++it) {
    step();
    if (equal(*this, dict.items[it->second].first, key)) return &dict.items[it->second].second;
  }
  return nullptr;
}

void Run::put(Dict& dict, const Value& key, const Value& value) {
  step();
  dict.depth = std::max({dict.depth, nested(key), nested(value)});
  if (dict.depth > kDepth) raise("values nested more than {} deep", kDepth);
  if (const Value* old = find(dict, key)) {
    const_cast<Value&>(*old) = value;
    return;
  }
  check_items(dict.items.size() + 1);
  constexpr size_t kItem = 2 * sizeof(Value) + 48;
  dict.bytes += kItem, meter_.live += kItem;
  dict.items.emplace_back(key, value);
  if (dict.items.size() < Dict::kSmall) return;
  for (size_t i = dict.index.size(); i < dict.items.size(); ++i) {
    dict.index.emplace(hash(*this, dict.items[i].first), static_cast<uint32_t>(i));
  }
}

void Level::too_deep() {
  --run_.depth;
  raise("nested too deeply: more than {} levels of evaluation", run_.limits().depth);
}

Cursor::Cursor(Run& run, const Value& over) : run_(run), over_(over) {
  if (!is_iterable(over)) raise("'{}' object is not iterable", type_name(over));
}

bool Cursor::next(Value& out) {
  run_.step();
  switch (over_.kind) {
    case Kind::text: {
      const std::string& s = over_.str();
      if (place_ >= s.size()) return false;
      const size_t from = place_;
      decode(s, place_);
      out = run_.text(s.substr(from, place_ - from));
      return true;
    }
    case Kind::list:
    case Kind::tuple:
      if (place_ >= over_.items().size()) return false;
      out = over_.items()[place_++];
      return true;
    case Kind::dict:
      if (place_ >= over_.dict().items.size()) return false;
      out = over_.dict().items[place_++].first;
      return true;
    case Kind::view: {
      const View& view = over_.as<View>();
      if (place_ >= view.dict.dict().items.size()) return false;
      const auto& [key, value] = view.dict.dict().items[place_++];
      out = view.what == View::keys ? key : view.what == View::values ? value : run_.tuple({key, value});
      return true;
    }
    case Kind::range: {
      const Range& r = over_.as<Range>();
      if (static_cast<Integer>(place_) >= r.length()) return false;
      out = Run::integer(r.start + static_cast<Integer>(place_++) * r.step);
      return true;
    }
    case Kind::iterator: {
      Level level(run_);
      return over_.as<Iterator>().next(run_, out);
    }
    default:
      return false;  // undefined: nothing
  }
}

bool is_iterable(const Value& v) {
  switch (v.kind) {
    case Kind::undefined:
    case Kind::text:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::range:
    case Kind::view:
    case Kind::iterator:
      return true;
    default:
      return false;
  }
}

std::vector<Value> to_vector(Run& run, const Value& over) {
  if (over.is_sequence()) {
    run.step(over.items().size());
    return over.items();
  }
  std::vector<Value> out;
  Cursor cursor(run, over);
  for (Value v; cursor.next(v);) {
    if (out.size() % 1024 == 0) run.check_items(out.size());
    out.push_back(std::move(v));
  }
  return out;
}

std::optional<size_t> length(const Value& v) {
  switch (v.kind) {
    case Kind::undefined:
      return 0;
    case Kind::text:
      return v.text().length;
    case Kind::list:
    case Kind::tuple:
      return v.items().size();
    case Kind::dict:
      return v.dict().items.size();
    case Kind::view:
      return v.as<View>().dict.dict().items.size();
    case Kind::range:
      return static_cast<size_t>(v.as<Range>().length());
    default:
      return std::nullopt;
  }
}

bool truth(const Value& v) {
  switch (v.kind) {
    case Kind::none:
    case Kind::undefined:
      return false;
    case Kind::boolean:
      return v.flag;
    case Kind::integer:
      return v.integer != 0;
    case Kind::real:
      return v.real != 0;
    default:
      return length(v).value_or(1) != 0;
  }
}

bool equal(Run& run, const Value& a, const Value& b) {
  run.step();
  if (a.is_number() && b.is_number()) {
    if (a.is_whole() && b.is_whole()) return a.whole() == b.whole();
    return a.number() == b.number();
  }
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::text:
      run.work(std::min(a.str().size(), b.str().size()));
      return a.str() == b.str();
    case Kind::list:
    case Kind::tuple: {
      Level level(run);
      return a.object == b.object || equal_items(run, a.items(), b.items());
    }
    case Kind::dict: {
      Level level(run);
      return a.object == b.object || equal_dicts(run, a.dict(), b.dict());
    }
    case Kind::range: {
      const Range &x = a.as<Range>(), &y = b.as<Range>();
      const Integer n = x.length();
      return n == y.length() && (n == 0 || (x.start == y.start && (n == 1 || x.step == y.step)));
    }
    default:
      return a.object == b.object;
  }
}

template <typename T>
static bool ordered(Order order, const T& a, const T& b) {
  switch (order) {
    case Order::lt:
      return a < b;
    case Order::le:
      return a <= b;
    case Order::gt:
      return a > b;
    default:
      return a >= b;
  }
}

bool compare(Run& run, Order order, const Value& a, const Value& b) {
  run.step();
  if (a.is_number() && b.is_number()) {
    return a.is_whole() && b.is_whole() ? ordered(order, a.whole(), b.whole())
                                        : ordered(order, a.number(), b.number());
  }
  if (a.is_undefined()) raise_undefined(a);
  if (b.is_undefined()) raise_undefined(b);
  if (a.is_text() && b.is_text()) {
    run.work(std::min(a.str().size(), b.str().size()));
    return ordered(order, a.str(), b.str());  // the order of UTF-8 is that of code points
  }
  if (!a.is_sequence() || a.kind != b.kind) {
    constexpr const char* kNames[] = {"<", "<=", ">", ">="};
    raise("'{}' not supported between instances of '{}' and '{}'", kNames[static_cast<int>(order)],
          type_name(a), type_name(b));
  }
  Level level(run);
  const auto &x = a.items(), &y = b.items();
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    if (!equal(run, x[i], y[i])) return compare(run, order, x[i], y[i]);
  }
  return ordered(order, x.size(), y.size());
}

bool contains(Run& run, const Value& whole, const Value& part) {
  switch (whole.kind) {
    case Kind::text:
      if (!part.is_text()) {
        raise("'in <string>' requires string as left operand, not {}", type_name(part));
      }
      run.work(whole.str().size() + part.str().size());
      return find(whole.str(), part.str()) != std::string::npos;
    case Kind::dict:
      return run.find(whole.dict(), part) != nullptr;
    case Kind::range:
      if (part.is_whole()) return in_range(whole.as<Range>(), part.whole());
      break;
    case Kind::view:
      if (whole.as<View>().what == View::keys) return run.find(whole.as<View>().dict.dict(), part) != nullptr;
      break;
    default:
      break;
  }
  if (!is_iterable(whole)) raise("argument of type '{}' is not iterable", type_name(whole));
  Cursor cursor(run, whole);
  for (Value v; cursor.next(v);) {
    if (equal(run, v, part)) return true;
  }
  return false;
}

size_t hash(Run& run, const Value& v) {
  switch (v.kind) {
    case Kind::undefined:
    case Kind::none:
      return static_cast<size_t>(v.kind);
    case Kind::boolean:
    case Kind::integer:
      return std::hash<int64_t>()(static_cast<int64_t>(v.whole()));
    case Kind::real:
      if (std::floor(v.real) == v.real && std::fabs(v.real) < 9e18)
        return std::hash<int64_t>()(static_cast<int64_t>(v.real));
      return std::hash<double>()(v.real);
    case Kind::text:
      run.work(v.str().size());
      return std::hash<std::string_view>()(v.str());
    case Kind::tuple: {
      Level level(run);
      size_t h = v.items().size();
      for (const Value& x : v.items()) run.step(), h = mix(h, hash(run, x));
      return h;
    }
    case Kind::list:
    case Kind::dict:
      raise("unhashable type: '{}'", type_name(v));
    default:
      return std::hash<const void*>()(v.object.get());
  }
}

}  // namespace ridge::jinja

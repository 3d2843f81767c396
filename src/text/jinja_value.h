// Values of the template language: Python's None, bool, int, float, str, list, tuple, dict and what jinja2
// adds to them. Values are immutable but for namespaces, loops and one-shot iterators, as in jinja2's
// ImmutableSandboxedEnvironment.
#pragma once
#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/chat_template.h"

namespace ridge::jinja {

// What a template may raise; the interpreter's caller adds the name of the template and the line.
struct Failure : std::exception {
  explicit Failure(std::string m) : message(std::move(m)) {}
  const char* what() const noexcept override { return message.c_str(); }
  std::string message;
};

template <typename... A>
[[noreturn]] void raise(fmt::format_string<A...> text, A&&... args) {
  throw Failure(fmt::format(text, std::forward<A>(args)...));
}

using Integer = __int128;  // Python's are unbounded; beyond this it is an error

enum class Kind : uint8_t {
  undefined,
  none,
  boolean,
  integer,
  real,
  text,
  list,
  tuple,
  dict,
  range,
  view,      // dict.keys(), .values(), .items()
  iterator,  // can be walked once: map, select, batch ...
  space,     // namespace()
  loop,
  function,  // macros, methods bound to a value, globals
  object,    // cycler
};

// All bytes that live values hold; outlives every value of a rendering.
struct Meter {
  size_t live = 0;
};

// What a value refers to. `depth` bounds recursion over nested values (and that of their destruction).
struct Object {
  explicit Object(Meter* m = nullptr, size_t n = 0) : meter(m), bytes(n) {
    if (meter) meter->live += bytes;
  }
  virtual ~Object() {
    if (meter) meter->live -= bytes;
  }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  Meter* meter;
  size_t bytes;
  unsigned depth = 0;
};

struct Text;
struct Items;
struct Dict;

struct Value {
  Kind kind = Kind::undefined;
  union {
    bool flag;
    Integer integer = 0;
    double real;
  };
  std::shared_ptr<Object> object;  // for undefined: why (Text), or nothing

  Value() {}
  explicit Value(bool b) : kind(Kind::boolean) { flag = b; }
  explicit Value(double d) : kind(Kind::real) { real = d; }
  explicit Value(Integer i) : kind(Kind::integer) { integer = i; }
  Value(Kind k, std::shared_ptr<Object> o) : kind(k), object(std::move(o)) {}
  static Value none() { return Value(Kind::none, nullptr); }

  bool is(Kind k) const { return kind == k; }
  bool is_undefined() const { return kind == Kind::undefined; }
  bool is_none() const { return kind == Kind::none; }
  bool is_text() const { return kind == Kind::text; }
  bool is_sequence() const { return kind == Kind::list || kind == Kind::tuple; }
  bool is_whole() const { return kind == Kind::integer || kind == Kind::boolean; }  // bool is an int
  bool is_number() const { return is_whole() || kind == Kind::real; }

  Integer whole() const { return kind == Kind::boolean ? Integer{flag} : integer; }
  double number() const { return kind == Kind::real ? real : static_cast<double>(whole()); }
  const Text& text() const;
  const std::string& str() const;  // of a text
  const std::vector<Value>& items() const;
  const Dict& dict() const;
  template <typename T>
  T& as() const {
    return static_cast<T&>(*object);
  }
};

struct Text : Object {
  Text(Meter* m, std::string s, bool markup);
  std::string utf8;  // valid UTF-8
  size_t length;     // in code points
  bool safe;         // markupsafe.Markup
  bool ascii() const { return length == utf8.size(); }
};

struct Items : Object {
  using Object::Object;
  std::vector<Value> items;
  bool grouped = false;  // a tuple of groupby: .grouper and .list
};

struct Dict : Object {
  using Object::Object;
  std::vector<std::pair<Value, Value>> items;       // in the order of insertion
  std::unordered_multimap<size_t, uint32_t> index;  // hash -> place, from kSmall items on
  static constexpr size_t kSmall = 8;
  const Value* find(std::string_view key) const;
};

struct Range : Object {
  using Object::Object;
  Integer start = 0, stop = 0, step = 1;
  Integer length() const;
};

struct View : Object {
  enum What { keys, values, items };
  using Object::Object;
  What what = keys;
  Value dict;
};

class Run;

struct Iterator : Object {
  using Object::Object;
  std::function<bool(Run&, Value&)> next;
  std::string type = "generator";
};

struct Space : Object {
  using Object::Object;
  std::vector<std::pair<std::string, Value>> names;
  Value* find(std::string_view name);
};

struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

struct Function : Object {
  using Object::Object;
  std::function<Value(Run&, const Args&)> call;
  std::string repr;
  // Of macros alone:
  bool macro = false, takes_kwargs = false, takes_varargs = false, takes_caller = false;
  std::string name;
  std::vector<std::string> arguments;
};

// What `loop` is inside a for: the items, one looked ahead, and the body to call again where the loop is
// recursive.
struct Loop : Object {
  using Object::Object;
  bool advance(Run& run);      // to the next item; false at the end
  bool peek(Run& run);         // is there another?
  size_t count(Run& run);      // of all items
  std::string repr(Run& run);  // <LoopContext 1/3>

  std::function<bool(Value&)> source;
  std::optional<size_t> total;
  std::optional<Value> current, before, after;
  std::vector<Value> ahead;  // items that count() had to walk, last first
  std::optional<Value> changed;
  size_t index0 = static_cast<size_t>(-1), level = 0;
  std::function<Value(Run&, const Args&)> recurse;
};

struct Cycler : Object {
  using Object::Object;
  std::vector<Value> items;
  size_t place = 0;
};

// One rendering: limits, what was used of them, and the making of values.
class Run {
 public:
  Run(const TemplateLimits& limits, const std::optional<std::tm>& now);
  ~Run();

  void step(size_t work = 1) {
    steps_ += work;
    if (steps_ >= next_check_) check();
  }
  void work(size_t bytes) { step(bytes / 64); }  // text that is read or copied
  void check_text(size_t bytes) const;           // before building a string of this size
  void check_items(size_t count) const;

  Value text(std::string utf8, bool safe = false);
  Value list(std::vector<Value> items) { return sequence(Kind::list, std::move(items)); }
  Value tuple(std::vector<Value> items) { return sequence(Kind::tuple, std::move(items)); }
  Value sequence(Kind kind, std::vector<Value> items);
  Value range(Integer start, Integer stop, Integer step);
  Value view(View::What what, const Value& dict);
  // `over` and `args`: what `next` refers to
  Value iterator(std::function<bool(Run&, Value&)> next, const Value& over, const Args& args,
                 const char* type = "generator");
  Value function(std::string repr, std::function<Value(Run&, const Args&)> call);
  Value method(const Value& self, const char* name, Value (*call)(Run&, const Value&, const Args&));
  Value space();
  Value undefined(std::string why);
  static Value integer(Integer i) { return Value(i); }
  static Value boolean(bool b) { return Value(b); }

  std::shared_ptr<Dict> new_dict();
  void put(Dict& dict, const Value& key, const Value& value);  // replaces; an unhashable key is an error
  const Value* find(const Dict& dict, const Value& key);

  // Kept until the rendering ends, when it is emptied: so closures and namespaces that refer to one another
  // go away, and none is destroyed through a long chain of others.
  void keep(std::shared_ptr<void> thing, std::function<void()> empty);

  Meter* meter() { return &meter_; }
  const TemplateLimits& limits() const { return limits_; }
  const std::optional<std::tm>& now() const { return now_; }

  size_t line = 0;   // of what is being evaluated
  size_t depth = 0;  // of nested evaluation
  const char* stack = nullptr;

 private:
  void check();
  TemplateLimits limits_;
  std::optional<std::tm> now_;
  size_t steps_ = 0, next_check_ = 1024;
  std::chrono::steady_clock::time_point end_;
  Meter meter_;
  std::vector<std::pair<std::shared_ptr<void>, std::function<void()>>> kept_;
};

// Counts a level of nested evaluation while it lives. Also looks at the stack itself: threads may have small
// ones.
class Level {
 public:
  explicit Level(Run& run) : run_(run) {
    if (++run_.depth > run_.limits().depth || used() > kStack) too_deep();
  }
  ~Level() { --run_.depth; }

 private:
  static constexpr std::ptrdiff_t kStack = 3 << 20;
  std::ptrdiff_t used() const {
    const char* here = static_cast<const char*>(__builtin_frame_address(0));
    return here < run_.stack ? run_.stack - here : here - run_.stack;
  }
  [[noreturn]] void too_deep();
  Run& run_;
};

// Walks what can be iterated: strings by code point, mappings by key.
class Cursor {
 public:
  Cursor(Run& run, const Value& over);  // "... is not iterable"
  bool next(Value& out);

 private:
  Run& run_;
  Value over_;
  size_t place_ = 0;
};

bool is_iterable(const Value& v);
std::vector<Value> to_vector(Run& run, const Value& over);
std::optional<size_t> length(const Value& v);  // len(); nothing where there is none

bool truth(const Value& v);
bool equal(Run& run, const Value& a, const Value& b);
enum class Order : uint8_t { lt, le, gt, ge };
bool compare(Run& run, Order order, const Value& a, const Value& b);  // an error where they have no order
inline bool less(Run& run, const Value& a, const Value& b) { return compare(run, Order::lt, a, b); }
bool contains(Run& run, const Value& whole, const Value& part);
size_t hash(Run& run, const Value& v);
const char* type_name(const Value& v);  // Python's

std::string to_string(Run& run, const Value& v);  // str()
std::string repr(Run& run, const Value& v);       // repr()
std::string repr(std::string_view utf8);          // of a string
std::string repr(double d);
std::string decimal(Integer i);

// Text of a text value, or str() of anything else.
std::string soft_string(Run& run, const Value& v);

// jinja2.Environment.getattr and .getitem
Value attribute(Run& run, const Value& of, const std::string& name);
Value item(Run& run, const Value& of, const Value& key);
Value slice(Run& run, const Value& of, const Value& start, const Value& stop, const Value& step);

enum class Op : uint8_t { add, sub, mul, div, floordiv, mod, pow };
Value binary(Run& run, Op op, const Value& a, const Value& b);
Value negate(const Value& v, bool minus);

Value call(Run& run, const Value& callee, const Args& args);
[[noreturn]] void raise_undefined(const Value& v);

// The "%" of strings and str.format. `mapping`: the one argument of format_map, or null.
Value percent_format(Run& run, const Value& pattern, const Value& args);
Value str_format(Run& run, const Value& pattern, const Args& args, const Value* mapping);
std::string escape_html(std::string_view utf8);
Value escape(Run& run, const Value& v);

// The methods of str, list, tuple, dict, ...; nothing where the type has none of that name.
std::optional<Value> find_method(Run& run, const Value& self, const std::string& name);

using Filter = Value (*)(Run&, const Value&, const Args&);
Filter find_filter(std::string_view name);  // or null
using Test = bool (*)(Run&, const Value&, const Args&);
Test find_test(std::string_view name);
std::optional<Value> find_global(Run& run, const std::string& name);

struct JsonStyle {
  bool ascii = false, sort = false;
  std::optional<std::string> indent;
  std::string item_separator = ", ", key_separator = ": ";
};
std::string to_json(Run& run, const Value& v, const JsonStyle& style);  // json.dumps

}  // namespace ridge::jinja

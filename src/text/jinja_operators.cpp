// Arithmetic, subscripts, attributes and calls.
#include <algorithm>
#include <cmath>

#include "text/jinja_unicode.h"
#include "text/jinja_value.h"

namespace ridge::jinja {
namespace {

constexpr const char* kSigns[] = {"+", "-", "*", "/", "//", "%", "**"};

[[noreturn]] void unsupported(Op op, const Value& a, const Value& b) {
  if (op == Op::add && a.is_text()) raise("can only concatenate str (not \"{}\") to str", type_name(b));
  raise("unsupported operand type(s) for {}: '{}' and '{}'", kSigns[static_cast<int>(op)], type_name(a),
        type_name(b));
}

Value checked(Integer i, bool overflow) {
  if (overflow) raise("an integer is too large (over 128 bits)");
  return Run::integer(i);
}

Integer floor_div(Integer a, Integer b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }

double real_mod(double a, double b) {
  const double m = std::fmod(a, b);
  return m != 0 && (m < 0) != (b < 0) ? m + b : m == 0 ? std::copysign(0.0, b) : m;
}

Value whole_power(Integer base, Integer exponent) {
  if (exponent < 0) {
    if (base == 0) raise("0.0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  Integer result = 1;
  bool overflow = false;
  while (exponent > 0 && !overflow) {
    if (exponent & 1) overflow = __builtin_mul_overflow(result, base, &result);
    exponent >>= 1;
    // The square past the last bit is not needed and may not fit.
    if (exponent > 0 && !overflow) overflow = __builtin_mul_overflow(base, base, &base);
  }
  return checked(result, overflow);
}

Value whole_arithmetic(Op op, Integer a, Integer b) {
  Integer r = 0;
  bool overflow = false;
  switch (op) {
    case Op::add:
      overflow = __builtin_add_overflow(a, b, &r);
      return checked(r, overflow);
    case Op::sub:
      overflow = __builtin_sub_overflow(a, b, &r);
      return checked(r, overflow);
    case Op::mul:
      overflow = __builtin_mul_overflow(a, b, &r);
      return checked(r, overflow);
    case Op::pow:
      return whole_power(a, b);
    default:
      break;
  }
  if (b == 0) raise("{}", op == Op::div ? "division by zero" : "integer division or modulo by zero");
  if (op == Op::div) return Value(static_cast<double>(a) / static_cast<double>(b));
  if (b == -1) {  // the one quotient that may not fit
    if (op == Op::mod) return Value(Integer{0});
    overflow = __builtin_sub_overflow(Integer{0}, a, &r);
    return checked(r, overflow);
  }
  const Integer quotient = floor_div(a, b);
  return Value(op == Op::floordiv ? quotient : a - quotient * b);
}

Value real_arithmetic(Op op, double a, double b) {
  switch (op) {
    case Op::add:
      return Value(a + b);
    case Op::sub:
      return Value(a - b);
    case Op::mul:
      return Value(a * b);
    case Op::pow: {
      if (a == 0 && b < 0) raise("0.0 cannot be raised to a negative power");
      const double r = std::pow(a, b);
      if (std::isnan(r) && !std::isnan(a) && !std::isnan(b)) raise("complex numbers are not supported");
      if (std::isinf(r) && std::isfinite(a) && std::isfinite(b))
        raise("(34, 'Numerical result out of range')");
      return Value(r);
    }
    default:
      break;
  }
  if (b == 0)
    raise("{}", op == Op::div   ? "float division by zero"
                : op == Op::mod ? "float modulo"
                                : "float floor division by zero");
  if (op == Op::div) return Value(a / b);
  if (op == Op::mod) return Value(real_mod(a, b));
  const double m = real_mod(a, b), q = (a - m) / b;
  double floor = std::floor(q);
  if (q - floor > 0.5) floor += 1;
  return Value(floor);
}

Value repeat(Run& run, const Value& what, Integer times) {
  if (times < 0) times = 0;
  const size_t size = what.is_text() ? what.str().size() : what.items().size();
  const size_t most = what.is_text() ? run.limits().text_bytes : run.limits().items;
  if (size && times > static_cast<Integer>(most / size)) {
    raise("{} repeated {} times is over the limit of {}", what.is_text() ? "a string" : "a list",
          decimal(times), most);
  }
  const size_t n = size ? static_cast<size_t>(times) : 0;
  if (what.is_text()) {
    run.check_text(size * n);
    std::string out;
    out.reserve(size * n);
    for (size_t i = 0; i < n; ++i) out += what.str();
    return run.text(std::move(out), what.text().safe);
  }
  run.check_items(size * n);
  std::vector<Value> out;
  out.reserve(size * n);
  for (size_t i = 0; i < n; ++i) out.insert(out.end(), what.items().begin(), what.items().end());
  return run.sequence(what.kind, std::move(out));
}

Value concatenate(Run& run, const Value& a, const Value& b) {
  if (a.is_text()) {
    const bool safe = a.text().safe || b.text().safe;
    const Value x = safe ? escape(run, a) : a, y = safe ? escape(run, b) : b;
    run.check_text(x.str().size() + y.str().size());
    return run.text(x.str() + y.str(), safe);
  }
  run.check_items(a.items().size() + b.items().size());
  std::vector<Value> out = a.items();
  out.insert(out.end(), b.items().begin(), b.items().end());
  return run.sequence(a.kind, std::move(out));
}

// The end points of a slice as Python's slice.indices gives them.
struct Indices {
  Integer start, stop, step;
  size_t count() const {
    if (step > 0) return start < stop ? static_cast<size_t>((stop - start - 1) / step + 1) : 0;
    return start > stop ? static_cast<size_t>((start - stop - 1) / -step + 1) : 0;
  }
};

Integer index_of(const Value& v) {
  if (v.is_undefined()) raise_undefined(v);
  if (!v.is_whole()) raise("slice indices must be integers or None or have an __index__ method");
  // Far outside of anything there is, and far from overflow.
  constexpr Integer kFar = Integer{1} << 80;
  return std::clamp(v.whole(), -kFar, kFar);
}

Indices indices(Integer n, const Value& start, const Value& stop, const Value& step) {
  Indices r{0, 0, step.is_none() ? 1 : index_of(step)};
  if (r.step == 0) raise("slice step cannot be zero");
  const Integer low = r.step < 0 ? -1 : 0, high = r.step < 0 ? n - 1 : n;
  const auto bound = [&](const Value& v, Integer otherwise) {
    if (v.is_none()) return otherwise;
    const Integer i = index_of(v);
    return i < 0 ? std::max(i + n, low) : std::min(i, high);
  };
  r.start = bound(start, r.step < 0 ? high : low);
  r.stop = bound(stop, r.step < 0 ? low : high);
  return r;
}

Value slice_text(Run& run, const Text& text, const Indices& at) {
  const size_t count = at.count();
  run.work(text.utf8.size());
  if (count == 0) return run.text("", text.safe);
  const size_t first = static_cast<size_t>(at.start);
  if (at.step == 1) {
    const size_t from = text.ascii() ? first : offset(text.utf8, first);
    const std::string_view rest = std::string_view(text.utf8).substr(from);
    return run.text(std::string(rest.substr(0, text.ascii() ? count : offset(rest, count))), text.safe);
  }
  std::vector<uint32_t> starts;  // of each code point
  for (size_t i = 0; i < text.utf8.size(); decode(text.utf8, i)) starts.push_back(static_cast<uint32_t>(i));
  std::string out;
  for (size_t k = 0; k < count; ++k) {
    size_t i = starts[static_cast<size_t>(at.start + static_cast<Integer>(k) * at.step)];
    append(out, decode(text.utf8, i));
  }
  return run.text(std::move(out), text.safe);
}

// An item by number, or nothing where it is outside.
std::optional<Value> nth(Run& run, const Value& of, Integer i) {
  const Integer n = static_cast<Integer>(*length(of));
  if (i < 0) i += n;
  if (i < 0 || i >= n) return std::nullopt;
  if (of.is_sequence()) return of.items()[static_cast<size_t>(i)];
  if (of.is(Kind::range)) return Run::integer(of.as<Range>().start + i * of.as<Range>().step);
  const Text& text = of.text();
  run.work(text.ascii() ? 0 : text.utf8.size());
  size_t at = text.ascii() ? static_cast<size_t>(i) : offset(text.utf8, static_cast<size_t>(i));
  std::string out;
  append(out, decode(text.utf8, at));
  return run.text(std::move(out), text.safe);
}

bool changes_its_object(const Value& of, const std::string& name) {
  static const char* const kList[] = {"append", "clear", "pop",    "reverse",
                                      "insert", "sort",  "extend", "remove"};
  static const char* const kDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  const auto among = [&](const auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  return (of.is(Kind::list) && among(kList)) || (of.is(Kind::dict) && among(kDict));
}

Value missing(Run& run, const Value& of, const Value& key) {
  if (!key.is_text())
    return run.undefined(fmt::format("{} object has no element {}", type_name(of), repr(run, key)));
  return run.undefined(
      fmt::format("'{} object' has no attribute {}", type_name(of), repr(key.str().substr(0, 200))));
}

Value loop_attribute(Run& run, const Value& self, const std::string& name) {
  Loop& loop = self.as<Loop>();
  const auto number = [](size_t n) { return Run::integer(static_cast<Integer>(n)); };
  if (name == "index") return number(loop.index0 + 1);
  if (name == "index0") return number(loop.index0);
  if (name == "first") return Value(loop.index0 == 0);
  if (name == "last") return Value(!loop.peek(run));
  if (name == "length") return number(loop.count(run));
  if (name == "revindex") return number(loop.count(run) - loop.index0);
  if (name == "revindex0") return number(loop.count(run) - loop.index0 - 1);
  if (name == "depth") return number(loop.level + 1);
  if (name == "depth0") return number(loop.level);
  if (name == "previtem")
    return loop.index0 == 0 || !loop.before ? run.undefined("there is no previous item") : *loop.before;
  if (name == "nextitem") return loop.peek(run) ? *loop.after : run.undefined("there is no next item");
  if (name == "cycle") {
    return run.function("<bound method LoopContext.cycle>", [&loop, self](Run&, const Args& args) {
      if (args.positional.empty()) raise("no items for cycling given");
      return args.positional[loop.index0 % args.positional.size()];
    });
  }
  if (name == "changed") {
    return run.function("<bound method LoopContext.changed>", [&loop, self](Run& run, const Args& args) {
      Value now = run.tuple(args.positional);
      if (loop.changed && equal(run, *loop.changed, now)) return Value(false);
      loop.changed = std::move(now);
      return Value(true);
    });
  }
  return run.undefined(fmt::format("'LoopContext object' has no attribute {}", repr(name)));
}

std::optional<Value> function_attribute(Run& run, const Function& f, const std::string& name) {
  if (!f.macro) return std::nullopt;
  if (name == "name") return run.text(f.name);
  if (name == "catch_kwargs") return Value(f.takes_kwargs);
  if (name == "catch_varargs") return Value(f.takes_varargs);
  if (name == "caller") return Value(f.takes_caller);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const auto& a : f.arguments) names.push_back(run.text(a));
  return run.tuple(std::move(names));
}

// What Python's getattr finds.
std::optional<Value> find_attribute(Run& run, const Value& of, const std::string& name) {
  if (name.rfind("__", 0) == 0 || changes_its_object(of, name)) {
    return run.undefined(
        fmt::format("access to attribute {} of '{}' object is unsafe.", repr(name), type_name(of)));
  }
  switch (of.kind) {
    case Kind::space:
      if (const Value* v = of.as<Space>().find(name)) return *v;
      return std::nullopt;
    case Kind::loop:
      return loop_attribute(run, of, name);
    case Kind::function:
      return function_attribute(run, of.as<Function>(), name);
    case Kind::tuple:
      if (of.as<Items>().grouped && name == "grouper") return of.items()[0];
      if (of.as<Items>().grouped && name == "list") return of.items()[1];
      break;
    case Kind::boolean:
    case Kind::integer:
      if (name == "real" || name == "numerator") return Run::integer(of.whole());
      if (name == "imag") return Run::integer(0);
      if (name == "denominator") return Run::integer(1);
      break;
    case Kind::real:
      if (name == "real") return of;
      if (name == "imag") return Value(0.0);
      break;
    case Kind::range:
      if (name == "start") return Run::integer(of.as<Range>().start);
      if (name == "stop") return Run::integer(of.as<Range>().stop);
      if (name == "step") return Run::integer(of.as<Range>().step);
      break;
    default:
      break;
  }
  return find_method(run, of, name);
}

std::optional<Value> find_item(Run& run, const Value& of, const Value& key) {
  switch (of.kind) {
    case Kind::dict:
      if (key.is(Kind::list) || key.is(Kind::dict)) return std::nullopt;
      if (const Value* v = run.find(of.dict(), key)) return *v;
      return std::nullopt;
    case Kind::text:
    case Kind::list:
    case Kind::tuple:
    case Kind::range:
      return key.is_whole() ? nth(run, of, key.whole()) : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

void raise_undefined(const Value& v) {
  raise("{}", v.object ? static_cast<const Text&>(*v.object).utf8 : std::string("value is undefined"));
}

Value binary(Run& run, Op op, const Value& a, const Value& b) {
  run.step();
  if (a.is_number() && b.is_number()) {
    if (a.is_whole() && b.is_whole()) return whole_arithmetic(op, a.whole(), b.whole());
    return real_arithmetic(op, a.number(), b.number());
  }
  if (op == Op::mod && a.is_text()) return percent_format(run, a, b);
  if (a.is_undefined()) raise_undefined(a);
  if (b.is_undefined()) raise_undefined(b);
  if (op == Op::add && a.kind == b.kind && (a.is_text() || a.is_sequence())) return concatenate(run, a, b);
  if (op == Op::mul && (a.is_text() || a.is_sequence()) && b.is_whole()) return repeat(run, a, b.whole());
  if (op == Op::mul && (b.is_text() || b.is_sequence()) && a.is_whole()) return repeat(run, b, a.whole());
  unsupported(op, a, b);
}

Value negate(const Value& v, bool minus) {
  if (v.is_undefined()) raise_undefined(v);
  if (v.is(Kind::real)) return Value(minus ? -v.real : v.real);
  if (!v.is_whole()) raise("bad operand type for unary {}: '{}'", minus ? '-' : '+', type_name(v));
  Integer r = v.whole();
  const bool overflow = minus && __builtin_sub_overflow(Integer{0}, r, &r);
  return checked(r, overflow);
}

Value slice(Run& run, const Value& of, const Value& start, const Value& stop, const Value& step) {
  if (of.is_undefined()) raise_undefined(of);
  if (!of.is_text() && !of.is_sequence() && !of.is(Kind::range))
    raise("'{}' object is not subscriptable", type_name(of));
  const Indices at = indices(static_cast<Integer>(*length(of)), start, stop, step);
  if (of.is_text()) return slice_text(run, of.text(), at);
  if (of.is(Kind::range)) {
    const Range& r = of.as<Range>();
    return run.range(r.start + at.start * r.step, r.start + at.stop * r.step, r.step * at.step);
  }
  std::vector<Value> out;
  out.reserve(at.count());
  for (size_t k = 0; k < at.count(); ++k) {
    out.push_back(of.items()[static_cast<size_t>(at.start + static_cast<Integer>(k) * at.step)]);
  }
  return run.sequence(of.kind, std::move(out));
}

Value attribute(Run& run, const Value& of, const std::string& name) {
  run.step();
  if (of.is_undefined()) raise_undefined(of);
  if (auto v = find_attribute(run, of, name)) return *v;
  if (of.is(Kind::dict)) {
    if (const Value* v = of.dict().find(name)) return *v;
  }
  return missing(run, of, run.text(name));
}

Value item(Run& run, const Value& of, const Value& key) {
  run.step();
  if (of.is_undefined()) raise_undefined(of);
  if (auto v = find_item(run, of, key)) return *v;
  if (key.is_text()) {
    if (auto v = find_attribute(run, of, key.str())) return *v;
  }
  return missing(run, of, key);
}

Value call(Run& run, const Value& callee, const Args& args) {
  if (callee.is_undefined()) raise_undefined(callee);
  Level level(run);
  if (callee.is(Kind::function)) return callee.as<Function>().call(run, args);
  if (callee.is(Kind::loop)) {
    if (!callee.as<Loop>().recurse)
      raise("The loop must have the 'recursive' marker to be called recursively.");
    return callee.as<Loop>().recurse(run, args);
  }
  raise("'{}' object is not callable", type_name(callee));
}

bool Loop::peek(Run&) {
  if (after) return true;
  Value next;
  if (!ahead.empty()) {
    next = std::move(ahead.back());
    ahead.pop_back();
  } else if (!source || !source(next)) {
    return false;
  }
  after = std::move(next);
  return true;
}

bool Loop::advance(Run& run) {
  if (!peek(run)) return false;
  ++index0;
  before = std::move(current);
  current = std::move(after);
  after.reset();
  return true;
}

size_t Loop::count(Run& run) {
  if (total) return *total;
  std::vector<Value> rest;
  for (Value v; source && source(v);) run.check_items(rest.size()), rest.push_back(std::move(v));
  source = nullptr;
  std::reverse(rest.begin(), rest.end());
  rest.insert(rest.end(), ahead.begin(), ahead.end());
  ahead = std::move(rest);
  total = ahead.size() + index0 + 1 + (after ? 1 : 0);
  return *total;
}

std::string Loop::repr(Run& run) { return fmt::format("<LoopContext {}/{}>", index0 + 1, count(run)); }

}  // namespace ridge::jinja

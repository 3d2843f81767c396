// The tests of jinja2: what may follow "is".
#include "text/jinja_params.h"
#include "text/jinja_unicode.h"

namespace ridge::jinja {
namespace {

void alone(const Args& args) { Params("test", args, {}); }

const Value& other(const Args& args) {
  if (args.positional.size() != 1 || !args.named.empty())
    raise("the test takes one argument ({} given)", args.positional.size() + args.named.size());
  return args.positional[0];
}

bool remainder_is(Run& run, const Value& in, const Value& divisor, Integer wanted) {
  return equal(run, binary(run, Op::mod, in, divisor), Run::integer(wanted));
}

template <Kind... kKinds>
bool is_kind(Run&, const Value& in, const Args& args) {
  alone(args);
  return (in.is(kKinds) || ...);
}

template <bool kWanted>
bool is_constant(Run&, const Value& in, const Args& args) {
  alone(args);
  return in.is(Kind::boolean) && in.flag == kWanted;
}

template <Order kOrder>
bool is_ordered(Run& run, const Value& in, const Args& args) {
  return compare(run, kOrder, in, other(args));
}

template <bool kUpper>
bool is_case(Run& run, const Value& in, const Args& args) {
  alone(args);
  const Value text = run.text(to_string(run, in));
  return truth(call(run, attribute(run, text, kUpper ? "isupper" : "islower"), {}));
}

bool is_same(Run&, const Value& in, const Args& args) {
  const Value& v = other(args);
  if (in.kind != v.kind) return false;
  switch (in.kind) {
    case Kind::none:
      return true;
    case Kind::boolean:
      return in.flag == v.flag;
    case Kind::integer:
      return in.integer == v.integer;
    case Kind::real:
      return in.real == v.real;
    case Kind::text:
      return in.str() == v.str();
    default:
      return in.object == v.object && in.object;
  }
}

bool is_defined(Run&, const Value& in, const Args& args) { return alone(args), !in.is_undefined(); }
bool is_odd(Run& run, const Value& in, const Args& args) {
  return alone(args), remainder_is(run, in, Run::integer(2), 1);
}
bool is_even(Run& run, const Value& in, const Args& args) {
  return alone(args), remainder_is(run, in, Run::integer(2), 0);
}
bool is_divisible(Run& run, const Value& in, const Args& args) {
  Params p("divisibleby", args, {"num"}, 1);
  return remainder_is(run, in, p[0], 0);
}
bool is_equal(Run& run, const Value& in, const Args& args) { return equal(run, in, other(args)); }
bool is_unequal(Run& run, const Value& in, const Args& args) { return !equal(run, in, other(args)); }
bool is_in(Run& run, const Value& in, const Args& args) {
  Params p("in", args, {"seq"}, 1);
  return contains(run, p[0], in);
}
bool is_callable(Run&, const Value& in, const Args& args) {
  return alone(args), in.is(Kind::function) || in.is(Kind::loop) || in.is_undefined();
}
bool is_sequence(Run&, const Value& in, const Args& args) {
  return alone(args),
         in.is_text() || in.is_sequence() || in.is(Kind::dict) || in.is(Kind::range) || in.is_undefined();
}
bool is_iterable_test(Run&, const Value& in, const Args& args) {
  return alone(args), is_iterable(in) || in.is(Kind::loop);
}
bool is_escaped(Run&, const Value& in, const Args& args) {
  return alone(args), in.is_text() && in.text().safe;
}
bool is_filter(Run&, const Value& in, const Args& args) {
  return alone(args), in.is_text() && find_filter(in.str());
}
bool is_test(Run&, const Value& in, const Args& args) {
  return alone(args), in.is_text() && find_test(in.str());
}

}  // namespace

Test find_test(std::string_view name) {
  static const std::unordered_map<std::string_view, Test> tests = {
      {"odd", is_odd},
      {"even", is_even},
      {"divisibleby", is_divisible},
      {"defined", is_defined},
      {"undefined", is_kind<Kind::undefined>},
      {"filter", is_filter},
      {"test", is_test},
      {"none", is_kind<Kind::none>},
      {"boolean", is_kind<Kind::boolean>},
      {"false", is_constant<false>},
      {"true", is_constant<true>},
      {"integer", is_kind<Kind::integer>},
      {"float", is_kind<Kind::real>},
      {"lower", is_case<false>},
      {"upper", is_case<true>},
      {"string", is_kind<Kind::text>},
      {"mapping", is_kind<Kind::dict>},
      {"number", is_kind<Kind::integer, Kind::real, Kind::boolean>},
      {"sequence", is_sequence},
      {"iterable", is_iterable_test},
      {"callable", is_callable},
      {"sameas", is_same},
      {"escaped", is_escaped},
      {"in", is_in},
      {"==", is_equal},
      {"eq", is_equal},
      {"equalto", is_equal},
      {"!=", is_unequal},
      {"ne", is_unequal},
      {">", is_ordered<Order::gt>},
      {"gt", is_ordered<Order::gt>},
      {"greaterthan", is_ordered<Order::gt>},
      {"ge", is_ordered<Order::ge>},
      {">=", is_ordered<Order::ge>},
      {"<", is_ordered<Order::lt>},
      {"lt", is_ordered<Order::lt>},
      {"lessthan", is_ordered<Order::lt>},
      {"<=", is_ordered<Order::le>},
      {"le", is_ordered<Order::le>}};
  const auto it = tests.find(name);
  return it == tests.end() ? nullptr : it->second;
}

}  // namespace ridge::jinja

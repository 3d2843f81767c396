// Expressions.
#include "text/jinja_interpreter.h"

namespace ridge::jinja {

Value Interpreter::lookup(Name name, const ScopePtr& scope) {
  const auto is_set = [](const Value& v) { return !v.is_undefined() || v.object; };
  const Scope* s = scope.get();
  for (;; s = s->parent.get()) {
    run_.step(1 + s->some.size() / 16);
    if (const Value* v = s->find(name)) {
      if (is_set(*v)) return *v;
      return run_.undefined(repr(tree_.names[name]) + " is undefined");
    }
    if (!s->parent) break;
  }
  // A block sees the template's own variables as far as they are set, and what was given.
  const Value* outside = s == root_.get() ? nullptr : root_->find(name);
  if (outside && is_set(*outside)) return *outside;
  if (context_[name]) return *context_[name];
  if (auto v = find_global(run_, tree_.names[name])) return *v;
  return run_.undefined(repr(tree_.names[name]) + " is undefined");
}

Value Interpreter::eval(const Expr& e, const ScopePtr& scope) {
  Level level(run_);
  run_.step();
  run_.line = e.line;
  switch (e.kind) {
    case ExprKind::constant:
      return e.constant;
    case ExprKind::name:
    case ExprKind::space:
      return lookup(e.name, scope);
    case ExprKind::tuple:
    case ExprKind::list:
    case ExprKind::dict:
      return collect(e, scope);
    case ExprKind::condition:
    case ExprKind::either:
    case ExprKind::both:
    case ExprKind::negation:
      return logic(e, scope);
    case ExprKind::minus:
    case ExprKind::plus: {
      const Value v = eval(*e.kids[0], scope);
      run_.line = e.line;
      return negate(v, e.kind == ExprKind::minus);
    }
    case ExprKind::compare:
      return compare_chain(e, scope);
    case ExprKind::arithmetic: {
      const Value a = eval(*e.kids[0], scope), b = eval(*e.kids[1], scope);
      run_.line = e.line;
      return binary(run_, e.op, a, b);
    }
    case ExprKind::concat:
      return concat(e, scope);
    case ExprKind::attribute: {
      const Value of = eval(*e.kids[0], scope);
      run_.line = e.line;
      return attribute(run_, of, e.text);
    }
    case ExprKind::item:
    case ExprKind::slice:
      return subscript(e, scope);
    case ExprKind::filter:
    case ExprKind::test:
      return apply(e, scope);
    case ExprKind::call:
      return call_expr(e, scope, nullptr);
  }
  return Value();
}

Value Interpreter::logic(const Expr& e, const ScopePtr& scope) {
  Value first = eval(*e.kids[0], scope);
  const bool yes = truth(first);
  switch (e.kind) {
    case ExprKind::negation:
      return Value(!yes);
    case ExprKind::either:
      return yes ? first : eval(*e.kids[1], scope);
    case ExprKind::both:
      return yes ? eval(*e.kids[1], scope) : first;
    default:
      break;
  }
  const Expr* chosen = e.kids[yes ? 1 : 2].get();
  if (chosen) return eval(*chosen, scope);
  return run_.undefined(fmt::format(
      "the inline if-expression on line {} evaluated to false and no else section was defined.", e.line));
}

Value Interpreter::compare_chain(const Expr& e, const ScopePtr& scope) {
  Value left = eval(*e.kids[0], scope);
  for (size_t i = 0; i < e.comparisons.size(); ++i) {
    Value right = eval(*e.kids[i + 1], scope);
    run_.line = e.line;
    bool holds = false;
    switch (e.comparisons[i]) {
      case Comparison::eq:
        holds = equal(run_, left, right);
        break;
      case Comparison::ne:
        holds = !equal(run_, left, right);
        break;
      case Comparison::lt:
        holds = compare(run_, Order::lt, left, right);
        break;
      case Comparison::le:
        holds = compare(run_, Order::le, left, right);
        break;
      case Comparison::gt:
        holds = compare(run_, Order::gt, left, right);
        break;
      case Comparison::ge:
        holds = compare(run_, Order::ge, left, right);
        break;
      case Comparison::in:
        holds = contains(run_, right, left);
        break;
      case Comparison::not_in:
        holds = !contains(run_, right, left);
        break;
    }
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Interpreter::concat(const Expr& e, const ScopePtr& scope) {
  std::string out;
  for (const auto& kid : e.kids) {
    const Value v = eval(*kid, scope);
    out += escaping_ ? escape(run_, v).str() : v.is_text() ? v.str() : to_string(run_, v);
    run_.check_text(out.size());
  }
  return run_.text(std::move(out), escaping_);
}

Value Interpreter::collect(const Expr& e, const ScopePtr& scope) {
  if (e.kind != ExprKind::dict) {
    std::vector<Value> items;
    items.reserve(e.kids.size());
    for (const auto& kid : e.kids) items.push_back(eval(*kid, scope));
    return run_.sequence(e.kind == ExprKind::list ? Kind::list : Kind::tuple, std::move(items));
  }
  auto dict = run_.new_dict();
  for (size_t i = 0; i < e.kids.size(); i += 2) {
    const Value key = eval(*e.kids[i], scope), value = eval(*e.kids[i + 1], scope);
    run_.line = e.line;
    run_.put(*dict, key, value);
  }
  return Value(Kind::dict, std::move(dict));
}

Value Interpreter::subscript(const Expr& e, const ScopePtr& scope) {
  const Value of = eval(*e.kids[0], scope);
  const auto part = [&](size_t i) { return e.kids[i] ? eval(*e.kids[i], scope) : Value::none(); };
  if (e.kind == ExprKind::slice) {
    const Value start = part(1), stop = part(2), step = part(3);
    run_.line = e.line;
    return slice(run_, of, start, stop, step);
  }
  const Value key = part(1);
  run_.line = e.line;
  return item(run_, of, key);
}

Value Interpreter::apply(const Expr& e, const ScopePtr& scope) {
  const Value in = e.kids[0] ? eval(*e.kids[0], scope) : std::move(block_text_);
  const Args args = arguments(e.args, scope);
  run_.line = e.line;
  if (e.kind == ExprKind::filter) {
    if (!e.filter) raise("No filter named {} found.", repr(std::string_view(e.text).substr(0, 80)));
    return e.filter(run_, in, args);
  }
  if (!e.test) raise("No test named {} found.", repr(std::string_view(e.text).substr(0, 80)));
  return Value(e.test(run_, in, args));
}

Args Interpreter::arguments(const CallArgs& from, const ScopePtr& scope) {
  Args args;
  args.positional.reserve(from.positional.size());
  for (const auto& e : from.positional) args.positional.push_back(eval(*e, scope));
  for (const auto& [name, e] : from.named) args.named.emplace_back(name, eval(*e, scope));
  if (from.star) {
    for (Value& v : to_vector(run_, eval(*from.star, scope))) args.positional.push_back(std::move(v));
  }
  if (from.stars) {
    const Value more = eval(*from.stars, scope);
    if (!more.is(Kind::dict)) raise("argument after ** must be a mapping, not {}", type_name(more));
    for (const auto& [key, value] : more.dict().items) {
      if (!key.is_text()) raise("keywords must be strings");
      for (const auto& [name, other] : from.named) {
        if (name == key.str()) raise("got multiple values for keyword argument {}", repr(name));
      }
      args.named.emplace_back(key.str(), value);
    }
  }
  return args;
}

Value Interpreter::call_expr(const Expr& e, const ScopePtr& scope, const Value* caller) {
  const Value callee = eval(*e.kids[0], scope);
  Args args = arguments(e.args, scope);
  if (caller) args.named.emplace_back("caller", *caller);
  // Arguments live on the stack of calls: they count as values do.
  struct Counted {
    ~Counted() { meter.live -= bytes; }
    Meter& meter;
    size_t bytes;
  } counted{*run_.meter(), (args.positional.size() + args.named.size()) * 2 * sizeof(Value)};
  counted.meter.live += counted.bytes;
  run_.check_items(args.positional.size());
  run_.line = e.line;
  Value v = call(run_, callee, args);
  run_.line = e.line;
  return v;
}

}  // namespace ridge::jinja

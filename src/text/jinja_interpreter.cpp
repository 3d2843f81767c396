// Statements. Expressions are in jinja_evaluate.cpp.
#include "text/jinja_interpreter.h"

#include <algorithm>

namespace ridge::jinja {

// Sends what is written to a string of its own while it lives.
class Interpreter::Capture {
 public:
  explicit Capture(Interpreter& in) : in_(in), outer_(in.out_), was_at_top_(in.at_top_) {
    in_.out_ = &text_;
    in_.at_top_ = false;
  }
  ~Capture() {
    in_.out_ = outer_;
    in_.at_top_ = was_at_top_;
    in_.run_.meter()->live -= text_.size();
  }
  Value value() { return in_.run_.text(text_, in_.escaping_); }

 private:
  Interpreter& in_;
  std::string* outer_;
  bool was_at_top_;
  std::string text_;
};

const Value* Scope::find(Name name) const {
  if (name < all.size() && all[name]) return &*all[name];
  for (const auto& [n, v] : some) {
    if (n == name) return &v;
  }
  return nullptr;
}

void Scope::set(Name name, Value v) {
  if (!all.empty()) {
    all[name] = std::move(v);
    return;
  }
  for (auto& [n, old] : some) {
    if (n == name) {
      old = std::move(v);
      return;
    }
  }
  some.emplace_back(name, std::move(v));
}

Interpreter::Interpreter(Run& run, const Tree& tree, std::vector<std::optional<Value>> context)
    : run_(run), tree_(tree), context_(std::move(context)), root_(std::make_shared<Scope>()) {
  const auto number = [&](std::string_view name) {
    return static_cast<Name>(std::find(tree.names.begin(), tree.names.end(), name) - tree.names.begin());
  };
  loop_name_ = number("loop"), caller_name_ = number("caller");
  kwargs_name_ = number("kwargs"), varargs_name_ = number("varargs");
  root_->all.resize(tree.names.size() + 1);  // one more for names that the template does not have
  for (Name hidden : tree.frame.hidden) root_->set(hidden, Value());
}

Interpreter::~Interpreter() { root_->clear(); }

std::string Interpreter::render() {
  std::string out;
  out_ = &out;
  body(tree_.body, root_);
  return out;
}

void Interpreter::write(std::string_view text) {
  run_.work(text.size());
  if (at_top_) {
    if (out_->size() + text.size() > run_.limits().output_bytes) {
      raise("the text is over the limit of {} bytes", run_.limits().output_bytes);
    }
  } else {
    run_.check_text(out_->size() + text.size());
    run_.meter()->live += text.size();
  }
  out_->append(text);
}

void Interpreter::output(const Value& v) {
  if (escaping_) return write(escape(run_, v).str());
  if (v.is_text()) return write(v.str());
  write(to_string(run_, v));
}

// What call and filter blocks give; unlike other output it has to be a string already.
void Interpreter::output_text(const Value& v) {
  if (!v.is_text()) raise("expected str instance, {} found", type_name(v));
  write(v.str());
}

ScopePtr Interpreter::new_scope(const ScopePtr& parent, const Frame& frame) {
  auto scope = std::make_shared<Scope>();
  scope->parent = parent;
  for (Name hidden : frame.hidden) scope->set(hidden, Value());
  return scope;
}

// A scope that a macro refers to: the macro may be in it.
void Interpreter::keep(const ScopePtr& scope) {
  if (scope->kept || scope == root_) return;
  scope->kept = true;
  run_.meter()->live += 256;  // until the end of the rendering
  run_.keep(scope, [s = scope.get()] { s->clear(); });
}

Interpreter::Flow Interpreter::body(const Body& statements, const ScopePtr& scope) {
  for (const auto& s : statements) {
    const Flow flow = statement(*s, scope);
    if (flow != Flow::on) return flow;
  }
  return Flow::on;
}

Interpreter::Flow Interpreter::inner(const Stmt& s, size_t i, const ScopePtr& scope) {
  return body(s.bodies[i], new_scope(scope, s.frames[i]));
}

Interpreter::Flow Interpreter::statement(const Stmt& s, const ScopePtr& scope) {
  Level level(run_);
  run_.line = s.line;
  run_.step();
  switch (s.kind) {
    case StmtKind::data:
      write(s.text);
      return Flow::on;
    case StmtKind::output:
      for (const auto& e : s.exprs) output(eval(*e, scope));
      return Flow::on;
    case StmtKind::branch:
      return branch(s, scope);
    case StmtKind::loop:
      if (!s.recursive) return loop(s, eval(*s.value, scope), scope, 0);
      output(recurse(s, eval(*s.value, scope), scope, 0));
      return Flow::on;
    case StmtKind::set:
      set(s, scope);
      return Flow::on;
    case StmtKind::set_block:
      return set_block(s, scope);
    case StmtKind::macro:
      scope->set(s.name, macro(s, scope, false));
      return Flow::on;
    case StmtKind::call_block:
      call_block(s, scope);
      return Flow::on;
    case StmtKind::filter_block:
      return filter_block(s, scope);
    case StmtKind::with:
      return with(s, scope);
    case StmtKind::escaping:
      return escaping(s, scope);
    case StmtKind::generation:
      write(call_macro(s, scope, true, {}).str());
      return Flow::on;
    case StmtKind::block:
      if (s.text != "block") raise("Required block {} not found", repr(tree_.names[s.name]));
      return inner(s, 0, nullptr);
    case StmtKind::stop:
      return Flow::stop;
    case StmtKind::skip:
      return Flow::skip;
    case StmtKind::other_template:
      raise("'{}' of another template: a chat template stands alone", s.text);
  }
  return Flow::on;
}

Interpreter::Flow Interpreter::branch(const Stmt& s, const ScopePtr& scope) {
  for (size_t i = 0; i < s.exprs.size(); ++i) {
    if (!s.exprs[i] || truth(eval(*s.exprs[i], scope))) return body(s.bodies[i], scope);
  }
  return Flow::on;
}

Interpreter::Flow Interpreter::loop(const Stmt& s, const Value& over, const ScopePtr& scope, size_t level) {
  run_.line = s.line;
  Cursor cursor(run_, over);
  const Value self(Kind::loop, std::make_shared<Loop>(run_.meter(), sizeof(Loop)));
  Loop& loop = self.as<Loop>();
  // Whoever kept the loop keeps an empty one: it may be part of what it holds.
  struct Emptied {
    ~Emptied() {
      loop.source = nullptr, loop.recurse = nullptr;
      loop.current = loop.before = loop.after = loop.changed = std::nullopt;
      loop.ahead.clear();
    }
    Loop& loop;
  } emptied{loop};
  loop.level = level;
  if (s.test) {
    loop.source = [&](Value& out) {
      while (cursor.next(out)) {
        const ScopePtr inside = new_scope(scope, s.frames[2]);
        assign(*s.target, out, inside);
        if (truth(eval(*s.test, inside))) return true;
      }
      return false;
    };
  } else {
    loop.source = [&](Value& out) { return cursor.next(out); };
    loop.total = length(over);
  }
  if (s.recursive) {
    loop.recurse = [this, &s, scope, level](Run&, const Args& args) {
      if (args.positional.size() != 1 || !args.named.empty())
        raise("a recursive loop is called with one iterable");
      return recurse(s, args.positional[0], scope, level + 1);
    };
  }
  bool completed = false;  // as in jinja2, "else" also runs where each round ended in break or continue
  while (loop.advance(run_)) {
    const ScopePtr inside = new_scope(scope, s.frames[0]);
    if (loop_name_ < tree_.names.size()) inside->set(loop_name_, self);
    assign(*s.target, *loop.current, inside);
    const Flow flow = body(s.bodies[0], inside);
    if (flow == Flow::stop) break;
    completed = completed || flow == Flow::on;
    run_.line = s.line;
  }
  return s.otherwise && !completed ? inner(s, 1, scope) : Flow::on;
}

Value Interpreter::recurse(const Stmt& s, const Value& over, const ScopePtr& scope, size_t level) {
  Capture capture(*this);
  loop(s, over, scope, level);
  return capture.value();
}

void Interpreter::set(const Stmt& s, const ScopePtr& scope) {
  check_spaces(*s.target, scope);
  const Value v = eval(*s.value, scope);
  run_.line = s.line;
  assign(*s.target, v, scope);
}

Interpreter::Flow Interpreter::set_block(const Stmt& s, const ScopePtr& scope) {
  check_spaces(*s.target, scope);
  const ScopePtr inside = new_scope(scope, s.frames[0]);
  Value v;
  {
    Capture capture(*this);
    const Flow flow = body(s.bodies[0], inside);
    if (flow != Flow::on) return flow;
    v = capture.value();
  }
  if (s.value) {
    block_text_ = std::move(v);
    v = eval(*s.value, inside);
  }
  assign(*s.target, v, scope);
  return Flow::on;
}

Interpreter::Flow Interpreter::filter_block(const Stmt& s, const ScopePtr& scope) {
  const ScopePtr inside = new_scope(scope, s.frames[0]);
  {
    Capture capture(*this);
    const Flow flow = body(s.bodies[0], inside);
    if (flow != Flow::on) return flow;
    block_text_ = capture.value();
  }
  output_text(eval(*s.value, inside));
  return Flow::on;
}

Interpreter::Flow Interpreter::with(const Stmt& s, const ScopePtr& scope) {
  const ScopePtr inside = new_scope(scope, s.frames[0]);
  for (size_t i = 0; i < s.exprs.size(); ++i) assign(*s.exprs[i], eval(*s.values[i], scope), inside);
  return body(s.bodies[0], inside);
}

Interpreter::Flow Interpreter::escaping(const Stmt& s, const ScopePtr& scope) {
  struct Restored {
    ~Restored() { flag = was; }
    bool& flag;
    bool was;
  } restored{escaping_, escaping_};
  const ScopePtr inside = new_scope(scope, s.frames[0]);
  escaping_ = truth(eval(*s.value, inside));
  return body(s.bodies[0], inside);
}

void Interpreter::assign(const Expr& target, const Value& v, const ScopePtr& scope) {
  run_.step(1 + scope->some.size() / 16);
  if (target.kind == ExprKind::name) return scope->set(target.name, v);
  if (target.kind == ExprKind::space) {
    const Value space = lookup(target.name, scope);
    if (!space.is(Kind::space)) raise("cannot assign attribute on non-namespace object");
    Space& s = space.as<Space>();
    if (Value* old = s.find(target.text)) {
      *old = v;
      return;
    }
    run_.step(1 + s.names.size() / 16);
    s.names.emplace_back(target.text, v);
    s.bytes += sizeof(Value) + target.text.size(), run_.meter()->live += sizeof(Value) + target.text.size();
    return;
  }
  if (!is_iterable(v)) raise("cannot unpack non-iterable {} object", type_name(v));
  const size_t wanted = target.kids.size();
  std::vector<Value> items;
  Cursor cursor(run_, v);
  for (Value item; items.size() <= wanted && cursor.next(item);) items.push_back(item);
  if (items.size() > wanted) raise("too many values to unpack (expected {})", wanted);
  if (items.size() < wanted) raise("not enough values to unpack (expected {}, got {})", wanted, items.size());
  for (size_t i = 0; i < wanted; ++i) assign(*target.kids[i], items[i], scope);
}

// Refused before the value is computed.
void Interpreter::check_spaces(const Expr& target, const ScopePtr& scope) {
  for (const auto& kid : target.kids) check_spaces(*kid, scope);
  if (target.kind == ExprKind::space && !lookup(target.name, scope).is(Kind::space)) {
    raise("cannot assign attribute on non-namespace object");
  }
}

// Macros

std::string Interpreter::macro_name(const Stmt& s, bool caller) const {
  return caller ? "caller" : tree_.names[s.name];
}

Value Interpreter::macro(const Stmt& s, const ScopePtr& scope, bool caller) {
  keep(scope);
  Value v =
      run_.function(caller ? "<Macro anonymous>" : "<Macro " + repr(tree_.names[s.name]) + ">", nullptr);
  Function& f = v.as<Function>();
  f.call = [this, &s, scope, caller](Run&, const Args& args) { return call_macro(s, scope, caller, args); };
  f.macro = true;
  f.name = caller ? "" : tree_.names[s.name];
  f.takes_caller = s.takes_caller, f.takes_kwargs = s.takes_kwargs, f.takes_varargs = s.takes_varargs;
  for (const Parameter& p : s.parameters) f.arguments.push_back(tree_.names[p.name]);
  return v;
}

// jinja2.runtime.Macro.__call__
Value Interpreter::call_macro(const Stmt& s, const ScopePtr& scope, bool caller, const Args& args) {
  const ScopePtr inside = new_scope(scope, s.frames[0]);
  std::vector<std::pair<std::string, Value>> named = args.named;
  const auto pull = [&](const std::string& name) -> std::optional<Value> {
    const auto it = std::find_if(named.begin(), named.end(), [&](const auto& n) { return n.first == name; });
    if (it == named.end()) return std::nullopt;
    Value v = std::move(it->second);
    named.erase(it);
    return v;
  };
  const size_t taken = std::min(args.positional.size(), s.parameters.size());
  bool explicit_caller = false, found_caller = false;
  std::vector<std::optional<Value>> given;
  for (size_t i = 0; i < s.parameters.size(); ++i) {
    const bool is_caller = s.parameters[i].name == caller_name_;
    explicit_caller = explicit_caller || is_caller;
    found_caller = found_caller || (is_caller && i >= taken);
    given.push_back(i < taken ? args.positional[i] : pull(tree_.names[s.parameters[i].name]));
    inside->set(s.parameters[i].name,
                given[i] ? *given[i] : Value());  // not set until its default is computed
  }
  if (taken == s.parameters.size()) found_caller = explicit_caller;
  if (s.takes_caller && !found_caller) {
    const auto v = pull("caller");
    inside->set(caller_name_, v && !v->is_none() ? *v : run_.undefined("No caller defined"));
  }
  if (s.takes_kwargs) {
    auto dict = run_.new_dict();
    for (const auto& [name, value] : named) run_.put(*dict, run_.text(name), value);
    inside->set(kwargs_name_, Value(Kind::dict, std::move(dict)));
  } else if (!named.empty()) {
    raise("macro {} takes no keyword argument {}", repr(macro_name(s, caller)), repr(named[0].first));
  }
  if (s.takes_varargs) {
    inside->set(varargs_name_, run_.tuple({args.positional.begin() + static_cast<std::ptrdiff_t>(taken),
                                           args.positional.end()}));
  } else if (args.positional.size() > s.parameters.size()) {
    raise("macro {} takes not more than {} argument(s)", repr(macro_name(s, caller)), s.parameters.size());
  }
  Capture capture(*this);
  for (size_t i = 0; i < s.parameters.size(); ++i) {
    const Parameter& p = s.parameters[i];
    if (given[i]) continue;
    inside->set(p.name, p.otherwise
                            ? eval(*p.otherwise, inside)
                            : run_.undefined("parameter " + repr(tree_.names[p.name]) + " was not provided"));
  }
  body(s.bodies[0], inside);
  return capture.value();
}

void Interpreter::call_block(const Stmt& s, const ScopePtr& scope) {
  const Value caller = macro(s, scope, true);
  output_text(call_expr(*s.value, scope, &caller));
}

}  // namespace ridge::jinja

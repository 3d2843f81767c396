// Runs the syntax tree of a template.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "text/jinja_ast.h"

namespace ridge::jinja {

// Names bound in a frame. The frame of the template itself has a place for each name; others are searched.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::optional<Value>> all;
  std::vector<std::pair<Name, Value>> some;
  bool kept = false;

  const Value* find(Name name) const;
  void set(Name name, Value v);
  void clear() { all.clear(), some.clear(); }
};
using ScopePtr = std::shared_ptr<Scope>;

class Interpreter {
 public:
  // `context`: the variables given, by name; nothing where a name is not among them.
  Interpreter(Run& run, const Tree& tree, std::vector<std::optional<Value>> context);
  ~Interpreter();

  std::string render();

 private:
  enum class Flow { on, stop, skip };
  class Capture;

  Flow body(const Body& statements, const ScopePtr& scope);
  Flow statement(const Stmt& s, const ScopePtr& scope);
  Flow branch(const Stmt& s, const ScopePtr& scope);
  Flow loop(const Stmt& s, const Value& over, const ScopePtr& scope, size_t level);
  Flow inner(const Stmt& s, size_t i, const ScopePtr& scope);
  void set(const Stmt& s, const ScopePtr& scope);
  Flow set_block(const Stmt& s, const ScopePtr& scope);
  Flow filter_block(const Stmt& s, const ScopePtr& scope);
  Flow with(const Stmt& s, const ScopePtr& scope);
  Flow escaping(const Stmt& s, const ScopePtr& scope);
  void recursive_loop(const Stmt& s, const ScopePtr& scope);
  Value recurse(const Stmt& s, const Value& over, const ScopePtr& scope, size_t level);
  void call_block(const Stmt& s, const ScopePtr& scope);
  Value macro(const Stmt& s, const ScopePtr& scope, bool caller);
  Value call_macro(const Stmt& s, const ScopePtr& scope, bool caller, const Args& args);
  std::string macro_name(const Stmt& s, bool caller) const;

  void write(std::string_view text);
  void output(const Value& v);
  void output_text(const Value& v);

  Value eval(const Expr& e, const ScopePtr& scope);
  Value lookup(Name name, const ScopePtr& scope);
  Value logic(const Expr& e, const ScopePtr& scope);
  Value compare_chain(const Expr& e, const ScopePtr& scope);
  Value concat(const Expr& e, const ScopePtr& scope);
  Value collect(const Expr& e, const ScopePtr& scope);
  Value subscript(const Expr& e, const ScopePtr& scope);
  Value apply(const Expr& e, const ScopePtr& scope);
  Value call_expr(const Expr& e, const ScopePtr& scope, const Value* caller);
  Args arguments(const CallArgs& args, const ScopePtr& scope);

  void assign(const Expr& target, const Value& v, const ScopePtr& scope);
  void check_spaces(const Expr& target, const ScopePtr& scope);
  ScopePtr new_scope(const ScopePtr& parent, const Frame& frame);
  void keep(const ScopePtr& scope);

  Run& run_;
  const Tree& tree_;
  std::vector<std::optional<Value>> context_;
  ScopePtr root_;
  Name loop_name_ = 0, caller_name_ = 0, kwargs_name_ = 0, varargs_name_ = 0;
  std::string* out_ = nullptr;
  bool at_top_ = true;     // out_ is the rendered text itself
  bool escaping_ = false;  // inside autoescape
  Value block_text_;       // what the filters of a block are applied to
};

}  // namespace ridge::jinja

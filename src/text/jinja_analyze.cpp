// What jinja2's compiler works out before anything runs: the names of each frame, what macros take, and
// refusals.
#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "text/jinja_ast.h"
#include "text/jinja_lexer.h"

namespace ridge::jinja {
namespace {

template <typename F>
void walk_expr(const Expr* e, const F& name) {
  if (!e) return;
  if (e->kind == ExprKind::name || e->kind == ExprKind::space) name(*e, false);
  for (const auto& kid : e->kids) walk_expr(kid.get(), name);
  for (const auto& arg : e->args.positional) walk_expr(arg.get(), name);
  for (const auto& arg : e->args.named) walk_expr(arg.second.get(), name);
  walk_expr(e->args.star.get(), name);
  walk_expr(e->args.stars.get(), name);
}

template <typename F>
void walk_target(const Expr& e, const F& name) {
  if (e.kind == ExprKind::tuple) {
    for (const auto& kid : e.kids) walk_target(*kid, name);
  } else {
    name(e, e.kind == ExprKind::name);  // a namespace is read, not bound
  }
}

// All names below a body, in the order in which jinja2 visits them: name(expr, is stored). Blocks are not
// entered.
using EachName = std::function<void(const Expr&, bool)>;

void walk_body(const Body& body, const EachName& name);

void walk_stmt(const Stmt& s, const EachName& name) {
  if (s.kind == StmtKind::block) return;
  const auto parameters = [&] {
    for (const Parameter& p : s.parameters) {
      Expr stored(ExprKind::name, s.line);
      stored.name = p.name;
      name(stored, true);
    }
    for (const Parameter& p : s.parameters) walk_expr(p.otherwise.get(), name);
  };
  switch (s.kind) {
    case StmtKind::branch:
      for (size_t i = 0; i < s.exprs.size(); ++i) {
        walk_expr(s.exprs[i].get(), name);
        walk_body(s.bodies[i], name);
      }
      return;
    case StmtKind::filter_block:
      walk_body(s.bodies[0], name);
      walk_expr(s.value.get(), name);
      return;
    case StmtKind::with:
      for (const auto& e : s.exprs) walk_target(*e, name);
      for (const auto& e : s.values) walk_expr(e.get(), name);
      walk_body(s.bodies[0], name);
      return;
    default:
      break;
  }
  if (s.target) walk_target(*s.target, name);
  walk_expr(s.value.get(), name);
  for (const auto& e : s.exprs) walk_expr(e.get(), name);
  parameters();
  for (const Body& b : s.bodies) walk_body(b, name);
  walk_expr(s.test.get(), name);
}

void walk_body(const Body& body, const EachName& name) {
  for (const auto& s : body) walk_stmt(*s, name);
}

// jinja2.idtracking: how each name of a frame begins.
struct Symbols {
  enum Load { parameter, resolve, alias, undefined };

  explicit Symbols(const Symbols* p) : parent(p) {}

  bool known(Name n) const { return loads.count(n) || (parent && parent->known(n)); }
  void declare(Name n) { stores.insert(n), loads[n] = parameter; }
  void load(Name n) {
    if (!known(n)) loads[n] = resolve;
  }
  void store(Name n) {
    stores.insert(n);
    if (!loads.count(n)) loads[n] = parent && parent->known(n) ? alias : undefined;
  }

  // After the branches of an if: what only some of them store keeps its value from outside.
  void merge(const std::vector<Symbols>& branches) {
    std::set<Name> stored;
    for (const Symbols& b : branches) stored.insert(b.stores.begin(), b.stores.end());
    for (Name n : stores) stored.erase(n);
    for (const Symbols& b : branches) {
      for (const auto& [n, how] : b.loads) loads[n] = how;
      stores.insert(b.stores.begin(), b.stores.end());
    }
    for (Name n : stored) loads[n] = parent && parent->known(n) ? alias : resolve;
  }

  void visit(const Expr* e) {
    walk_expr(e, [this](const Expr& name, bool) { load(name.name); });
  }
  void visit_target(const Expr& e, bool as_parameter = false) {
    walk_target(e, [&](const Expr& name, bool stored) {
      if (!stored) return load(name.name);
      as_parameter ? declare(name.name) : store(name.name);
    });
  }
  void visit(const Body& body) {
    for (const auto& s : body) visit(*s);
  }

  void visit(const Stmt& s) {
    switch (s.kind) {
      case StmtKind::data:
      case StmtKind::generation:
      case StmtKind::escaping:
      case StmtKind::block:
      case StmtKind::stop:
      case StmtKind::skip:
        return;
      case StmtKind::output:
        for (const auto& e : s.exprs) visit(e.get());
        return;
      case StmtKind::branch:
        return visit_branch(s);
      case StmtKind::set:
        visit(s.value.get());
        visit_target(*s.target);
        return;
      case StmtKind::set_block:
        return visit_target(*s.target);
      case StmtKind::macro:
        return store(s.name);
      case StmtKind::with:
        for (const auto& e : s.values) visit(e.get());
        return;
      case StmtKind::loop:
      case StmtKind::call_block:
      case StmtKind::filter_block:
      case StmtKind::other_template:
        return visit(s.value.get());
    }
  }

  void visit_branch(const Stmt& s) {
    visit(s.exprs[0].get());
    std::vector<Symbols> branches(3, *this);
    branches[0].visit(s.bodies[0]);
    for (size_t i = 1; i < s.exprs.size(); ++i) {
      if (!s.exprs[i]) {
        branches[2].visit(s.bodies[i]);
        continue;
      }
      branches[1].visit(s.exprs[i].get());
      std::vector<Symbols> inner(1, branches[1]);
      inner[0].visit(s.bodies[i]);
      branches[1].merge(inner);
    }
    merge(branches);
  }

  Frame frame() const {
    Frame f;
    for (const auto& [n, how] : loads) {
      if (how == undefined) f.hidden.push_back(n);
    }
    return f;
  }

  const Symbols* parent;
  std::map<Name, Load> loads;
  std::set<Name> stores;
};

class Analysis {
 public:
  explicit Analysis(Tree& tree) : tree_(tree) {
    for (size_t i = 0; i < tree.names.size(); ++i) {
      for (size_t k = 0; k < 4; ++k) {
        if (tree.names[i] == kSpecial[k]) special_[k] = static_cast<int64_t>(i);
      }
    }
  }

  void run() {
    Symbols root(nullptr);
    root.visit(tree_.body);
    tree_.frame = root.frame();
    body(tree_.body, root, {});
  }

 private:
  // Where a statement stands: below an if, where an unknown filter may never be reached; inside a loop.
  struct Place {
    bool soft = false, loop = false;
  };

  [[noreturn]] static void failure(const std::string& message, size_t line) {
    throw SyntaxFailure(message, line);
  }

  static constexpr std::string_view kSpecial[] = {"caller", "kwargs", "varargs", "loop"};
  bool is_special(size_t k, Name n) const { return special_[k] == static_cast<int64_t>(n); }

  void bind(Expr* e, bool soft) {
    if (!e) return;
    if (e->kind == ExprKind::filter) e->filter = find_filter(e->text);
    if (e->kind == ExprKind::test) e->test = find_test(e->text);
    if ((e->kind == ExprKind::filter && !e->filter) || (e->kind == ExprKind::test && !e->test)) {
      const char* what = e->kind == ExprKind::filter ? "filter" : "test";
      if (!soft)
        failure(fmt::format("No {} named {}.", what, repr(std::string_view(e->text).substr(0, 80))), e->line);
    }
    const bool below = soft || e->kind == ExprKind::condition;
    for (auto& kid : e->kids) bind(kid.get(), below);
    for (auto& arg : e->args.positional) bind(arg.get(), below);
    for (auto& arg : e->args.named) bind(arg.second.get(), below);
    bind(e->args.star.get(), below);
    bind(e->args.stars.get(), below);
  }

  void body(Body& statements, const Symbols& symbols, Place place) {
    for (auto& s : statements) statement(*s, symbols, place);
  }

  // A body that is a frame of its own.
  void inner(Stmt& s, size_t i, Symbols symbols, Place place) {
    s.frames.push_back(symbols.frame());
    body(s.bodies[i], symbols, place);
  }

  void statement(Stmt& s, const Symbols& outside, Place place) {
    Symbols inside(s.kind == StmtKind::block ? nullptr : &outside);
    const Place same{false, place.loop}, function{false, false};
    switch (s.kind) {
      case StmtKind::branch:
        for (size_t i = 0; i < s.exprs.size(); ++i) {
          bind(s.exprs[i].get(), true);
          body(s.bodies[i], outside, {true, place.loop});
        }
        return;
      case StmtKind::loop:
        return loop(s, outside, place);
      case StmtKind::macro:
      case StmtKind::call_block:
      case StmtKind::generation:
        return macro(s, outside, place);
      case StmtKind::stop:
      case StmtKind::skip:
        if (!place.loop) failure("'" + s.text + "' outside loop", s.line);
        return;
      case StmtKind::filter_block:
        inside.visit(s.bodies[0]);
        inside.visit(s.value.get());
        bind(s.value.get(), false);
        return inner(s, 0, inside, same);
      case StmtKind::set_block:
        inside.visit(s.bodies[0]);
        bind(s.value.get(), false);
        return inner(s, 0, inside, same);
      case StmtKind::with:
        for (auto& e : s.exprs) inside.visit_target(*e, true);
        for (auto& e : s.values) bind(e.get(), place.soft);
        inside.visit(s.bodies[0]);
        return inner(s, 0, inside, same);
      case StmtKind::escaping:
        inside.visit(s.value.get());
        inside.visit(s.bodies[0]);
        bind(s.value.get(), false);
        return inner(s, 0, inside, same);
      case StmtKind::block:
        inside.visit(s.bodies[0]);
        return inner(s, 0, inside, function);
      default:
        break;
    }
    bind(s.value.get(), place.soft);
    for (auto& e : s.exprs) bind(e.get(), place.soft);
  }

  void loop(Stmt& s, const Symbols& outside, Place place) {
    walk_stmt(s, [&](const Expr& name, bool stored) {
      if (stored && is_special(3, name.name))
        failure("Can't assign to special loop variable in for-loop target", name.line);
    });
    bool uses_loop = s.recursive;
    walk_body(s.bodies[0], [&](const Expr& name, bool stored) {
      uses_loop = uses_loop || (!stored && is_special(3, name.name));
    });
    Symbols inside(&outside), otherwise(&outside), test(&outside);
    if (uses_loop && special_[3] >= 0) inside.declare(static_cast<Name>(special_[3]));
    inside.visit_target(*s.target, true);
    inside.visit(s.bodies[0]);
    otherwise.visit(s.bodies[1]);
    test.visit_target(*s.target, true);
    test.visit(s.test.get());
    bind(s.value.get(), place.soft);
    bind(s.test.get(), false);
    inner(s, 0, inside, {false, true});
    inner(s, 1, otherwise, {false, place.loop && !s.recursive});
    s.frames.push_back(test.frame());
  }

  // Which of caller, kwargs and varargs the body of a macro reads without having bound them.
  void find_special(Stmt& s) {
    bool* const takes[] = {&s.takes_caller, &s.takes_kwargs, &s.takes_varargs};
    bool bound[3] = {};
    walk_body(s.bodies[0], [&](const Expr& name, bool stored) {
      for (size_t k = 0; k < 3; ++k) {
        if (!is_special(k, name.name)) continue;
        if (stored) bound[k] = true;
        if (!stored && !bound[k]) *takes[k] = true;
      }
    });
    for (const Parameter& p : s.parameters) {
      if (is_special(0, p.name) && s.takes_caller && !p.otherwise) {
        failure("the special \"caller\" argument of a macro must be omitted or be given a default", s.line);
      }
      if (is_special(1, p.name)) s.takes_kwargs = false;
      if (is_special(2, p.name)) s.takes_varargs = false;
    }
  }

  void macro(Stmt& s, const Symbols& outside, Place place) {
    find_special(s);
    Symbols inside(&outside);
    for (const Parameter& p : s.parameters) inside.declare(p.name);
    const bool takes[] = {s.takes_caller, s.takes_kwargs, s.takes_varargs};
    for (size_t k = 0; k < 3; ++k) {
      if (takes[k]) inside.declare(static_cast<Name>(special_[k]));
    }
    for (const Parameter& p : s.parameters) inside.visit(p.otherwise.get());
    inside.visit(s.bodies[0]);
    for (Parameter& p : s.parameters) bind(p.otherwise.get(), false);
    bind(s.value.get(), place.soft);
    inner(s, 0, inside, {false, false});
  }

  Tree& tree_;
  int64_t special_[4] = {-1, -1, -1, -1};
};

}  // namespace

void analyze(Tree& tree) { Analysis(tree).run(); }

}  // namespace ridge::jinja

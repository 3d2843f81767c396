// The grammar of expressions in jinja2 3.1, by recursive descent. Included by the parser of statements alone.
#pragma once
#include <algorithm>
#include <unordered_map>

#include "text/jinja_ast.h"
#include "text/jinja_lexer.h"

namespace ridge::jinja {

class ExpressionParser {
 protected:
  static constexpr unsigned kHeight = 400;   // of an expression
  static constexpr unsigned kNesting = 200;  // of blocks, and of brackets

  explicit ExpressionParser(std::string_view source) : tokens_(tokenize(source)) {}

  struct Nested {
    explicit Nested(ExpressionParser& p) : parser(p) {
      if (++parser.nesting_ > kNesting) parser.failure("nested too deeply");
    }
    ~Nested() { --parser.nesting_; }
    ExpressionParser& parser;
  };

  // Tokens

  const Token& now() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }

  bool skip_sign(std::string_view s) {
    if (!now().is_sign(s)) return false;
    take();
    return true;
  }
  bool skip_name(std::string_view s) {
    if (!now().is_name(s)) return false;
    take();
    return true;
  }

  [[noreturn]] void failure(const std::string& message, size_t line) const {
    throw SyntaxFailure(message, line);
  }
  [[noreturn]] void failure(const std::string& message) const { failure(message, now().line); }

  static std::string describe(const Token& t) {
    switch (t.kind) {
      case TokenKind::data:
        return "template text";
      case TokenKind::variable_begin:
        return "'{{'";
      case TokenKind::variable_end:
        return "'}}'";
      case TokenKind::block_begin:
        return "'{%'";
      case TokenKind::block_end:
        return "'%}'";
      case TokenKind::integer:
        return decimal(t.whole);
      case TokenKind::real:
        return repr(t.real);
      case TokenKind::end:
        return "end of template";
      default:
        return repr(std::string_view(t.text).substr(0, 80));
    }
  }

  void expect_sign(std::string_view s) {
    if (!skip_sign(s)) failure(fmt::format("expected '{}', got {}", s, describe(now())));
  }
  void expect_name(std::string_view s) {
    if (!skip_name(s)) failure(fmt::format("expected '{}', got {}", s, describe(now())));
  }
  std::string expect_name() {
    if (!now().is(TokenKind::name)) failure("expected a name, got " + describe(now()));
    return take().text;
  }
  void expect(TokenKind kind, const char* what) {
    if (!now().is(kind)) failure(fmt::format("expected '{}', got {}", what, describe(now())));
    take();
  }

  Name intern(const std::string& name) {
    const auto [it, fresh] = names_.emplace(name, static_cast<Name>(tree_.names.size()));
    if (fresh) tree_.names.push_back(name);
    return it->second;
  }

  // Expressions

  static ExprPtr make(ExprKind kind, size_t line) { return std::make_unique<Expr>(kind, line); }

  void adopt(Expr& parent, ExprPtr child) {
    if (child) grow(parent, *child);
    parent.kids.push_back(std::move(child));
  }

  void grow(Expr& parent, const Expr& child) const {
    parent.height = std::max(parent.height, child.height + 1);
    if (parent.height > kHeight) failure("an expression is nested too deeply", child.line);
  }

  ExprPtr constant(Value v, size_t line) const {
    auto e = make(ExprKind::constant, line);
    e->constant = std::move(v);
    return e;
  }

  ExprPtr join(ExprKind kind, size_t line, ExprPtr a, ExprPtr b) {
    auto e = make(kind, line);
    adopt(*e, std::move(a));
    adopt(*e, std::move(b));
    return e;
  }

  ExprPtr expression(bool with_condition = true) {
    Nested nested(*this);
    return with_condition ? condition() : either();
  }

  ExprPtr condition() {
    size_t line = now().line;
    ExprPtr first = either();
    while (skip_name("if")) {
      ExprPtr test = either();
      ExprPtr other;
      if (skip_name("else")) {
        Nested nested(*this);
        other = condition();
      }
      auto e = make(ExprKind::condition, line);
      adopt(*e, std::move(test));
      adopt(*e, std::move(first));
      adopt(*e, std::move(other));
      first = std::move(e);
      line = now().line;
    }
    return first;
  }

  ExprPtr either() {
    ExprPtr left = both();
    for (size_t line = now().line; skip_name("or"); line = now().line)
      left = join(ExprKind::either, line, std::move(left), both());
    return left;
  }

  ExprPtr both() {
    ExprPtr left = negation();
    for (size_t line = now().line; skip_name("and"); line = now().line)
      left = join(ExprKind::both, line, std::move(left), negation());
    return left;
  }

  ExprPtr negation() {
    if (!now().is_name("not")) return comparison();
    Nested nested(*this);
    auto e = make(ExprKind::negation, take().line);
    adopt(*e, negation());
    return e;
  }

  bool comparison_sign(Comparison& out) {
    static const std::pair<std::string_view, Comparison> kSigns[] = {
        {"==", Comparison::eq}, {"!=", Comparison::ne}, {"<", Comparison::lt},
        {"<=", Comparison::le}, {">", Comparison::gt},  {">=", Comparison::ge}};
    for (const auto& [sign, what] : kSigns) {
      if (skip_sign(sign)) return out = what, true;
    }
    if (skip_name("in")) return out = Comparison::in, true;
    if (!now().is_name("not") || !ahead().is_name("in")) return false;
    take(), take();
    return out = Comparison::not_in, true;
  }

  ExprPtr comparison() {
    const size_t line = now().line;
    ExprPtr first = sum();
    ExprPtr e;
    for (Comparison what; comparison_sign(what);) {
      if (!e) e = make(ExprKind::compare, line), adopt(*e, std::move(first));
      e->comparisons.push_back(what);
      adopt(*e, sum());
    }
    return e ? std::move(e) : std::move(first);
  }

  ExprPtr arithmetic(Op op, size_t line, ExprPtr a, ExprPtr b) {
    auto e = join(ExprKind::arithmetic, line, std::move(a), std::move(b));
    e->op = op;
    return e;
  }

  ExprPtr sum() {
    ExprPtr left = concat();
    while (now().is_sign("+") || now().is_sign("-")) {
      const Token& t = take();
      const size_t line = t.line;
      const Op op = t.text == "+" ? Op::add : Op::sub;
      left = arithmetic(op, line, std::move(left), concat());
    }
    return left;
  }

  ExprPtr concat() {
    ExprPtr first = product();
    if (!now().is_sign("~")) return first;
    auto e = make(ExprKind::concat, now().line);
    adopt(*e, std::move(first));
    while (skip_sign("~")) adopt(*e, product());
    return e;
  }

  ExprPtr product() {
    ExprPtr left = power();
    for (;;) {
      const Token& t = now();
      if (!t.is(TokenKind::sign)) return left;
      const Op op = t.text == "*"    ? Op::mul
                    : t.text == "/"  ? Op::div
                    : t.text == "//" ? Op::floordiv
                    : t.text == "%"  ? Op::mod
                                     : Op::add;
      if (op == Op::add) return left;
      const size_t line = take().line;
      left = arithmetic(op, line, std::move(left), power());
    }
  }

  ExprPtr power() {
    ExprPtr left = unary();
    for (size_t line = now().line; skip_sign("**"); line = now().line)
      left = arithmetic(Op::pow, line, std::move(left), unary());
    return left;
  }

  ExprPtr unary(bool with_filter = true) {
    ExprPtr e;
    if (now().is_sign("-") || now().is_sign("+")) {
      Nested nested(*this);
      const Token& t = take();
      e = make(t.text == "-" ? ExprKind::minus : ExprKind::plus, t.line);
      adopt(*e, unary(false));
    } else {
      e = primary();
    }
    e = postfix(std::move(e));
    return with_filter ? filters(std::move(e)) : std::move(e);
  }

  ExprPtr primary(bool with_space = false) {
    const Token& t = now();
    switch (t.kind) {
      case TokenKind::name:
        return named(with_space);
      case TokenKind::string: {
        std::string s;
        while (now().is(TokenKind::string)) s += take().text;
        return constant(Value(Kind::text, std::make_shared<Text>(nullptr, std::move(s), false)), t.line);
      }
      case TokenKind::integer:
        return constant(Value(take().whole), t.line);
      case TokenKind::real:
        return constant(Value(take().real), t.line);
      default:
        break;
    }
    if (t.is_sign("(")) {
      take();
      Nested nested(*this);
      ExprPtr e = tuple(Tuple::parentheses);
      expect_sign(")");
      return e;
    }
    if (t.is_sign("[")) return list();
    if (t.is_sign("{")) return dict();
    failure("unexpected " + describe(t));
  }

  ExprPtr named(bool with_space) {
    const Token& t = take();
    if (t.text == "true" || t.text == "True") return constant(Value(true), t.line);
    if (t.text == "false" || t.text == "False") return constant(Value(false), t.line);
    if (t.text == "none" || t.text == "None") return constant(Value::none(), t.line);
    auto e = make(ExprKind::name, t.line);
    e->name = intern(t.text);
    if (with_space && skip_sign(".")) e->kind = ExprKind::space, e->text = expect_name();
    return e;
  }

  enum class Tuple { open, parentheses, no_condition, target, set_target };

  bool tuple_ends(std::string_view stop) const {
    return now().is(TokenKind::variable_end) || now().is(TokenKind::block_end) || now().is_sign(")") ||
           (!stop.empty() && now().is_name(stop));
  }

  // One expression, or several with commas between them.
  ExprPtr tuple(Tuple how = Tuple::open, std::string_view stop = {}) {
    const size_t line = now().line;
    auto e = make(ExprKind::tuple, line);
    bool comma = false;
    for (;;) {
      if (!e->kids.empty()) expect_sign(",");
      if (tuple_ends(stop)) break;
      adopt(*e, how == Tuple::target || how == Tuple::set_target ? primary(how == Tuple::set_target)
                                                                 : expression(how != Tuple::no_condition));
      if (!now().is_sign(",")) break;
      comma = true;
    }
    if (comma) return e;
    if (!e->kids.empty()) return std::move(e->kids[0]);
    if (how != Tuple::parentheses) failure("expected an expression, got " + describe(now()));
    return e;
  }

  ExprPtr list() {
    Nested nested(*this);
    auto e = make(ExprKind::list, take().line);
    while (!now().is_sign("]")) {
      if (!e->kids.empty()) expect_sign(",");
      if (now().is_sign("]")) break;
      adopt(*e, expression());
    }
    expect_sign("]");
    return e;
  }

  ExprPtr dict() {
    Nested nested(*this);
    auto e = make(ExprKind::dict, take().line);
    while (!now().is_sign("}")) {
      if (!e->kids.empty()) expect_sign(",");
      if (now().is_sign("}")) break;
      adopt(*e, expression());
      expect_sign(":");
      adopt(*e, expression());
    }
    expect_sign("}");
    return e;
  }

  ExprPtr postfix(ExprPtr e) {
    for (;;) {
      if (now().is_sign(".") || now().is_sign("[")) {
        e = subscript(std::move(e));
      } else if (now().is_sign("(")) {
        e = call(std::move(e));
      } else {
        return e;
      }
    }
  }

  ExprPtr filters(ExprPtr e) {
    for (;;) {
      if (now().is_sign("|")) {
        take();
        e = filter(std::move(e));
      } else if (now().is_name("is")) {
        e = test(std::move(e));
      } else if (now().is_sign("(")) {
        e = call(std::move(e));
      } else {
        return e;
      }
    }
  }

  ExprPtr subscript(ExprPtr of) {
    const Token& t = take();
    if (t.text == ".") {
      if (now().is(TokenKind::name)) {
        auto e = make(ExprKind::attribute, t.line);
        e->text = take().text;
        adopt(*e, std::move(of));
        return e;
      }
      if (!now().is(TokenKind::integer)) failure("expected name or number");
      return join(ExprKind::item, t.line, std::move(of), constant(Value(take().whole), t.line));
    }
    Nested nested(*this);
    auto e = make(ExprKind::item, t.line);
    adopt(*e, std::move(of));
    auto several = make(ExprKind::tuple, t.line);
    bool sliced = false;
    while (!now().is_sign("]")) {
      if (sliced) failure("slices in a tuple of subscripts are not supported");
      if (!several->kids.empty()) expect_sign(",");
      ExprPtr first = now().is_sign(":") ? nullptr : expression();
      if (now().is_sign(":")) {
        if (!several->kids.empty()) failure("slices in a tuple of subscripts are not supported");
        e->kind = ExprKind::slice, sliced = true;
        adopt(*e, std::move(first));
        slice_rest(*e);
      } else {
        adopt(*several, std::move(first));
      }
    }
    expect_sign("]");
    if (!sliced) adopt(*e, several->kids.size() == 1 ? std::move(several->kids[0]) : std::move(several));
    return e;
  }

  void slice_rest(Expr& e) {
    for (int i = 0; i < 2; ++i) {
      const bool more = skip_sign(":");
      const bool given = more && !now().is_sign(":") && !now().is_sign("]") && !now().is_sign(",");
      adopt(e, given ? expression() : nullptr);
    }
  }

  void call_args(Expr& e) {
    Nested nested(*this);
    const size_t line = now().line;
    expect_sign("(");
    CallArgs& args = e.args;
    const auto ensure = [&](bool ok) {
      if (!ok) failure("invalid syntax for function call expression", line);
    };
    const auto given = [&](ExprPtr& slot) {
      slot = expression();
      grow(e, *slot);
    };
    for (bool first = true; !now().is_sign(")"); first = false) {
      if (!first) {
        expect_sign(",");
        if (now().is_sign(")")) break;
      }
      if (skip_sign("*")) {
        ensure(!args.star && !args.stars);
        given(args.star);
      } else if (skip_sign("**")) {
        ensure(!args.stars);
        given(args.stars);
      } else if (now().is(TokenKind::name) && ahead().is_sign("=")) {
        ensure(!args.stars);
        const std::string name = take().text;
        take();
        for (const auto& [other, value] : args.named) {
          if (other == name) failure("keyword argument repeated: " + name, line);
        }
        given(args.named.emplace_back(name, nullptr).second);
      } else {
        ensure(!args.star && !args.stars && args.named.empty());
        given(args.positional.emplace_back());
      }
    }
    expect_sign(")");
  }

  ExprPtr call(ExprPtr of) {
    auto e = make(ExprKind::call, now().line);
    adopt(*e, std::move(of));
    call_args(*e);
    return e;
  }

  std::string dotted_name() {
    std::string name = expect_name();
    while (skip_sign(".")) name += "." + expect_name();
    return name;
  }

  ExprPtr filter(ExprPtr input) {
    auto e = make(ExprKind::filter, now().line);
    e->text = dotted_name();
    adopt(*e, std::move(input));
    if (now().is_sign("(")) call_args(*e);
    return e;
  }

  // The filters of a block: "upper | trim".
  ExprPtr block_filters() {
    ExprPtr e = filter(nullptr);
    while (skip_sign("|")) e = filter(std::move(e));
    return e;
  }

  ExprPtr test(ExprPtr of) {
    const size_t line = take().line;
    const bool negated = skip_name("not");
    auto e = make(ExprKind::test, line);
    e->text = dotted_name();
    adopt(*e, std::move(of));
    const Token& t = now();
    if (t.is_sign("(")) {
      call_args(*e);
    } else if ((t.is(TokenKind::name) && !t.is_name("else") && !t.is_name("or") && !t.is_name("and")) ||
               t.is(TokenKind::string) || t.is(TokenKind::integer) || t.is(TokenKind::real) ||
               t.is_sign("[") || t.is_sign("{")) {
      if (t.is_name("is")) failure("You cannot chain multiple tests with is");
      ExprPtr argument = postfix(primary());
      grow(*e, *argument);
      e->args.positional.push_back(std::move(argument));
    }
    if (!negated) return e;
    auto n = make(ExprKind::negation, line);
    adopt(*n, std::move(e));
    return n;
  }

  // Targets of assignments

  void check_target(const Expr& e) const {
    if (e.kind == ExprKind::tuple) {
      for (const auto& kid : e.kids) check_target(*kid);
    } else if (e.kind != ExprKind::name && e.kind != ExprKind::space) {
      failure("can't assign to an expression", e.line);
    }
  }

  ExprPtr target(Tuple how, std::string_view stop = {}) {
    ExprPtr e = tuple(how, stop);
    check_target(*e);
    return e;
  }

  Name name_target() {
    const std::string name = expect_name();
    static constexpr std::string_view kConstants[] = {"true", "false", "none", "True", "False", "None"};
    if (std::find(std::begin(kConstants), std::end(kConstants), name) != std::end(kConstants))
      failure("can't assign to " + name);
    return intern(name);
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  unsigned nesting_ = 0;
  Tree tree_;
  std::unordered_map<std::string, Name> names_;
};

}  // namespace ridge::jinja

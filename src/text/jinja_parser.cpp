// The grammar of statements.
#include "text/jinja_expression_parser.h"

namespace ridge::jinja {
namespace {

using Ends = std::initializer_list<std::string_view>;

class Parser : private ExpressionParser {
 public:
  explicit Parser(std::string_view source) : ExpressionParser(source) {}

  Tree parse() {
    tree_.body = body({});
    return std::move(tree_);
  }

 private:
  using StmtPtr = std::unique_ptr<Stmt>;

  // Statements up to one of `ends`, which is left as the current token.
  Body body(Ends ends) {
    Nested nested(*this);
    Body out;
    for (;;) {
      const Token& t = now();
      if (t.is(TokenKind::data)) {
        auto s = std::make_unique<Stmt>(StmtKind::data, t.line);
        s->text = take().text;
        out.push_back(std::move(s));
      } else if (t.is(TokenKind::variable_begin)) {
        take();
        auto s = std::make_unique<Stmt>(StmtKind::output, t.line);
        s->exprs.push_back(tuple());
        expect(TokenKind::variable_end, "}}");
        out.push_back(std::move(s));
      } else if (t.is(TokenKind::block_begin)) {
        take();
        for (std::string_view end : ends) {
          if (now().is_name(end)) return out;
        }
        out.push_back(statement(ends));
        expect(TokenKind::block_end, "%}");
      } else if (ends.size() == 0) {
        return out;
      } else {
        failure(fmt::format("Unexpected end of template. Jinja was looking for '{}'.", *(ends.end() - 1)));
      }
    }
  }

  // The body of a tag, from the end of the tag on.
  Body block(Ends ends) {
    skip_sign(":");
    expect(TokenKind::block_end, "%}");
    return body(ends);
  }

  void whole_block(Stmt& s, std::string_view end) {
    s.bodies.push_back(block({end}));
    take();
  }

  StmtPtr statement(Ends ends) {
    using Parse = void (Parser::*)(Stmt&);
    static const std::unordered_map<std::string_view, std::pair<StmtKind, Parse>> kTags = {
        {"for", {StmtKind::loop, &Parser::for_tag}},
        {"if", {StmtKind::branch, &Parser::if_tag}},
        {"set", {StmtKind::set, &Parser::set_tag}},
        {"macro", {StmtKind::macro, &Parser::macro_tag}},
        {"call", {StmtKind::call_block, &Parser::call_tag}},
        {"filter", {StmtKind::filter_block, &Parser::filter_tag}},
        {"with", {StmtKind::with, &Parser::with_tag}},
        {"block", {StmtKind::block, &Parser::block_tag}},
        {"print", {StmtKind::output, &Parser::print_tag}},
        {"generation", {StmtKind::generation, &Parser::generation_tag}},
        {"autoescape", {StmtKind::escaping, &Parser::escaping_tag}},
        {"break", {StmtKind::stop, nullptr}},
        {"continue", {StmtKind::skip, nullptr}},
        {"include", {StmtKind::other_template, &Parser::other_template_tag}},
        {"extends", {StmtKind::other_template, &Parser::other_template_tag}},
        {"import", {StmtKind::other_template, &Parser::import_tag}},
        {"from", {StmtKind::other_template, &Parser::from_tag}}};
    if (!now().is(TokenKind::name)) failure("tag name expected");
    const auto it = kTags.find(now().text);
    if (it == kTags.end()) {
      std::string message = "Encountered unknown tag " + describe(now()) + ".";
      if (ends.size()) message += fmt::format(" Jinja was looking for '{}'.", *(ends.end() - 1));
      failure(message);
    }
    auto s = std::make_unique<Stmt>(it->second.first, now().line);
    s->text = take().text;
    if (it->second.second) (this->*it->second.second)(*s);
    return s;
  }

  void for_tag(Stmt& s) {
    s.target = target(Tuple::target, "in");
    expect_name("in");
    s.value = tuple(Tuple::no_condition, "recursive");
    if (skip_name("if")) s.test = expression();
    s.recursive = skip_name("recursive");
    s.bodies.push_back(block({"else", "endfor"}));
    s.bodies.emplace_back();
    if (take().text == "else") {
      s.otherwise = true;
      s.bodies[1] = block({"endfor"});
      take();
    }
  }

  void if_tag(Stmt& s) {
    for (bool more = true; more;) {
      s.exprs.push_back(tuple(Tuple::no_condition));
      s.bodies.push_back(block({"elif", "else", "endif"}));
      const Token& t = take();
      more = t.text == "elif";
      if (t.text == "else") {
        s.exprs.push_back(nullptr);
        whole_block(s, "endif");
      }
    }
  }

  void set_tag(Stmt& s) {
    s.target = target(Tuple::set_target);
    if (skip_sign("=")) {
      s.value = tuple();
      return;
    }
    s.kind = StmtKind::set_block;
    if (skip_sign("|")) s.value = block_filters();
    whole_block(s, "endset");
  }

  void signature(Stmt& s) {
    expect_sign("(");
    while (!now().is_sign(")")) {
      if (!s.parameters.empty()) expect_sign(",");
      const size_t line = now().line;
      const Name name = name_target();
      for (const Parameter& p : s.parameters) {
        if (p.name == name) failure("duplicate argument " + tree_.names[name], line);
      }
      ExprPtr otherwise;
      if (skip_sign("=")) {
        otherwise = expression();
      } else if (!s.parameters.empty() && s.parameters.back().otherwise) {
        failure("non-default argument follows default argument", line);
      }
      s.parameters.push_back({name, std::move(otherwise)});
    }
    expect_sign(")");
  }

  void macro_tag(Stmt& s) {
    s.name = name_target();
    signature(s);
    whole_block(s, "endmacro");
  }

  void call_tag(Stmt& s) {
    if (now().is_sign("(")) signature(s);
    s.value = expression();
    if (s.value->kind != ExprKind::call) failure("expected call", s.line);
    whole_block(s, "endcall");
  }

  void filter_tag(Stmt& s) {
    s.value = block_filters();
    whole_block(s, "endfilter");
  }

  void with_tag(Stmt& s) {
    while (!now().is(TokenKind::block_end)) {
      if (!s.exprs.empty()) expect_sign(",");
      s.exprs.push_back(target(Tuple::target));
      expect_sign("=");
      s.values.push_back(expression());
    }
    whole_block(s, "endwith");
  }

  void block_tag(Stmt& s) {
    s.name = intern(expect_name());
    skip_name("scoped");
    const bool required = skip_name("required");
    if (required) s.text = "required block";
    whole_block(s, "endblock");
    skip_name(tree_.names[s.name]);
    if (!blocks_.emplace(s.name, true).second)
      failure(fmt::format("block {} defined twice", repr(tree_.names[s.name])), s.line);
    for (const auto& inside : s.bodies[0]) {
      const bool blank =
          inside->kind == StmtKind::data && inside->text.find_first_not_of(" \t\n") == std::string::npos;
      if (required && !blank) failure("Required blocks can only contain comments or whitespace", s.line);
    }
  }

  void print_tag(Stmt& s) {
    while (!now().is(TokenKind::block_end)) {
      if (!s.exprs.empty()) expect_sign(",");
      s.exprs.push_back(expression());
    }
  }

  void generation_tag(Stmt& s) { whole_block(s, "endgeneration"); }

  void escaping_tag(Stmt& s) {
    s.value = expression();
    whole_block(s, "endautoescape");
  }

  void skip_context() {
    if ((now().is_name("with") || now().is_name("without")) && ahead().is_name("context")) take(), take();
  }

  void other_template_tag(Stmt& s) {
    s.value = expression();
    if (s.text == "include" && now().is_name("ignore") && ahead().is_name("missing")) take(), take();
    if (s.text == "include") skip_context();
  }

  void import_tag(Stmt& s) {
    s.value = expression();
    expect_name("as");
    name_target();
    skip_context();
  }

  void from_tag(Stmt& s) {
    s.value = expression();
    expect_name("import");
    for (bool first = true; first || now().is_sign(",");) {
      if (!first) expect_sign(",");
      first = false;
      if ((now().is_name("with") || now().is_name("without")) && ahead().is_name("context")) break;
      name_target();
      if (skip_name("as")) name_target();
    }
    skip_context();
  }

  std::unordered_map<Name, bool> blocks_;
};

}  // namespace

Tree parse(std::string_view source) {
  Tree tree = Parser(source).parse();
  analyze(tree);
  return tree;
}

}  // namespace ridge::jinja

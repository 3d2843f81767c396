// The syntax tree of a template.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "text/jinja_value.h"

namespace ridge::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;
using Name = uint32_t;  // a number of Tree::names

struct CallArgs {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star, stars;  // *star, **stars
};

enum class ExprKind : uint8_t {
  constant,
  name,
  space,  // a target "name.text"
  tuple,
  list,
  dict,       // kids: key, value, key, value ...
  condition,  // kids: test, then, else (or null)
  either,
  both,
  negation,  // not
  minus,
  plus,
  compare,
  arithmetic,
  concat,
  attribute,
  item,
  slice,   // kids: of, start, stop, step (null where left out)
  filter,  // kids: input, or null for the text of a block
  test,
  call,
};

enum class Comparison : uint8_t { eq, ne, lt, le, gt, ge, in, not_in };

struct Expr {
  Expr(ExprKind k, size_t l) : kind(k), line(l) {}
  ExprKind kind;
  size_t line;
  unsigned height = 1;  // of the tree below: bounds recursion
  Name name = 0;
  Op op = Op::add;
  std::string text;  // attribute, filter, test
  Value constant;
  std::vector<ExprPtr> kids;
  std::vector<Comparison> comparisons;
  CallArgs args;
  Filter filter = nullptr;
  Test test = nullptr;
};

struct Stmt;
using Body = std::vector<std::unique_ptr<Stmt>>;

// A frame: where names are bound. Names that jinja2's compiler takes for unset at the beginning, whatever is
// outside: what is stored here first, and in no frame outside.
struct Frame {
  std::vector<Name> hidden;
};

struct Parameter {
  Name name;
  ExprPtr otherwise;  // or null
};

enum class StmtKind : uint8_t {
  data,
  output,
  branch,  // if: tests and bodies; the last test may be null
  loop,
  set,
  set_block,
  macro,
  call_block,
  generation,
  filter_block,
  with,
  escaping,  // autoescape
  block,
  stop,            // break
  skip,            // continue
  other_template,  // include, import, from, extends
};

struct Stmt {
  Stmt(StmtKind k, size_t l) : kind(k), line(l) {}
  StmtKind kind;
  size_t line;
  Name name = 0;     // macro, block
  std::string text;  // data; the tag of other_template
  ExprPtr target, value, test;
  std::vector<ExprPtr> exprs;   // output; tests of branch; targets of with
  std::vector<ExprPtr> values;  // of with
  std::vector<Body> bodies;     // branch: as exprs; loop: body, else; others: one
  std::vector<Frame> frames;    // of bodies; of a loop: body, else, test
  std::vector<Parameter> parameters;
  bool recursive = false, otherwise = false;
  bool takes_caller = false, takes_kwargs = false, takes_varargs = false;
};

struct Tree {
  std::vector<std::string> names;
  Body body;
  Frame frame;
};

// Throws SyntaxFailure.
Tree parse(std::string_view source);

// Binds filters and tests, finds the names of each frame and what macros take, and refuses what jinja2's
// compiler refuses.
void analyze(Tree& tree);

}  // namespace ridge::jinja

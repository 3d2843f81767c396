// ridge kernels: the ops, what computes them, and what this processor can run.
#include <fmt/format.h>

#include <algorithm>

#include "base/cpu.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/model_support.h"
#include "context/op.h"
#include "formats/dots.h"

namespace ridge {
namespace {

struct KernelsCommand {
  std::vector<std::string> ops;
  ModelOptions model;
  void add(Options& o) {
    o.arguments(ops, "OP", "show these ops (\"dot\": the products with weight formats); without it all",
                false);
    model.add_json(o);
  }
};

const char* rounding_name(Rounding r) {
  switch (r) {
    case Rounding::f32:
      return "f32";
    case Rounding::bf16_activation:
      return "bf16";
    default:
      return "int8";
  }
}

std::string why_not_here(uint64_t needs) {
  const uint64_t missing = needs & ~cpu_info().features;
  return missing ? "needs " + cpu_feature_names(missing) : "";
}

struct Row {
  std::string name, needs, why, source;
  int rank;
  const char* rounding;
};

OrderedJson row_json(const Row& r) {
  OrderedJson j = {{"name", r.name},
                   {"rank", r.rank},
                   {"activations", r.rounding},
                   {"needs", r.needs},
                   {"runs_here", r.why.empty()}};
  if (!r.why.empty()) j["why_not"] = r.why;
  if (!r.source.empty()) j["source"] = r.source;
  return j;
}

void print_rows(std::vector<Row> rows) {
  for (const Row& r : rows)
    fmt::print("  {:<30} {:>4}  {:<11} {:<34} {}\n", r.name, r.rank, r.rounding,
               r.why.empty() ? "yes" : "no: " + r.why, r.source);
}

void by_rank(std::vector<Row>& rows) {
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.rank > b.rank; });
}

std::vector<Row> rows_of(const Op& op) {
  std::vector<Row> rows;
  for (const Kernel* k : kernel_table())
    if (std::string(op.name) == k->op)
      rows.push_back({k->name, cpu_feature_names(k->needs), why_not_here(k->needs),
                      k->source ? k->source : "", k->rank, rounding_name(k->rounding)});
  by_rank(rows);
  return rows;
}

std::vector<Row> dot_rows(const std::string& format) {
  std::vector<Row> rows;
  for (const DotKernel* d : dot_table())
    if (format == d->format)
      rows.push_back({fmt::format("{}.{}", d->format, d->isa), cpu_feature_names(d->needs),
                      why_not_here(d->needs), "", d->rank, rounding_name(d->rounding)});
  by_rank(rows);
  return rows;
}

int kernels(const KernelsCommand& o) {
  std::vector<const Op*> ops;
  bool dots = o.ops.empty();
  if (o.ops.empty()) ops.assign(op_table().begin(), op_table().end());
  for (const std::string& name : o.ops) {
    const auto table = op_table();
    const auto it = std::find_if(table.begin(), table.end(), [&](const Op* op) { return name == op->name; });
    if (name == "dot") {
      dots = true;
    } else if (it != table.end()) {
      ops.push_back(*it);
    } else {
      std::vector<std::string> known{"dot"};
      for (const Op* op : table) known.emplace_back(op->name);
      fail(Fault::usage, "no op {} (known: {})", printable(name), fmt::join(known, ", "));
    }
  }
  std::vector<std::string> formats;
  for (const DotKernel* d : dot_table())
    if (std::find(formats.begin(), formats.end(), d->format) == formats.end())
      formats.emplace_back(d->format);
  const uint64_t masked = cpu_info().found & ~cpu_info().features;
  if (o.model.json) {
    OrderedJson list = OrderedJson::array(), products = OrderedJson::array();
    for (const Op* op : ops) {
      OrderedJson rows = OrderedJson::array();
      for (const Row& r : rows_of(*op)) rows.push_back(row_json(r));
      list.push_back({{"op", op->name}, {"formula", op->formula}, {"kernels", rows}});
    }
    if (dots)
      for (const auto& f : formats) {
        OrderedJson rows = OrderedJson::array();
        for (const Row& r : dot_rows(f)) rows.push_back(row_json(r));
        products.push_back({{"format", f}, {"kernels", rows}});
      }
    print_json({{"processor", cpu_info().model},
                {"features", cpu_feature_names(cpu_info().features)},
                {"masked", masked ? cpu_feature_names(masked) : ""},
                {"ops", list},
                {"dots", products}});
    return 0;
  }
  fmt::print("{}: {}\n", cpu_info().model, cpu_feature_names(cpu_info().features));
  if (masked) fmt::print("masked by RIDGE_ISA: {}\n", cpu_feature_names(masked));
  fmt::print("\n  {:<30} {:>4}  {:<11} {:<34} {}\n", "kernel", "rank", "activations", "runs here", "source");
  for (const Op* op : ops) {
    fmt::print("{}: {}\n", op->name, op->formula);
    print_rows(rows_of(*op));
  }
  if (dots) {
    fmt::print("dot kernels, which `linear` takes for a weight's format:\n");
    for (const auto& f : formats) print_rows(dot_rows(f));
  }
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_kernels;
const Command command_kernels{"kernels",
                              "the ops, their kernels, and which of them this processor runs",
                              "Of the kernels that take a call's types and shapes, the one of the highest "
                              "rank runs; the reference has rank 0. "
                              "--kernel OP=NAME of other commands takes one by name, or a technique (flash "
                              "for flash.avx512). Activations: what a "
                              "kernel rounds them to.",
                              kMachineGroup,
                              "ridge kernels\n"
                              "ridge kernels attention\n"
                              "ridge run -n 8 --kernel attention=reference --temperature 0",
                              [](Options& o) -> CommandRun {
                                auto options = std::make_shared<KernelsCommand>();
                                options->add(o);
                                return [options] { return kernels(*options); };
                              }};
}  // namespace tables
}  // namespace ridge

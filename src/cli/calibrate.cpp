// ridge calibrate: measures this machine's profile.
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/plan_support.h"
#include "plan/calibrate.h"

namespace ridge {
namespace {

struct Arguments {
  int threads = 0;
  std::string output;
  std::vector<std::string> formats;
  bool json = false;
};

int run(const Arguments& a) {
  const auto formats = a.formats.empty()
                           ? std::vector<std::string>{"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k"}
                           : a.formats;
  const std::string path = a.output.empty() ? machine_path() : a.output;
  if (path.empty())
    fail(Fault::usage, "calibrate: no home folder to put the profile in; name a file with -o");
  const bool terminal = ::isatty(STDERR_FILENO);
  const Machine m = calibrate(a.threads, formats, [&](const std::string& what, double done) {
    if (terminal)
      fmt::print(stderr, "\r\033[K{:3.0f} %  {}", done * 100, what);
    else
      fmt::print(stderr, "{:3.0f} %  {}\n", done * 100, what);
  });
  if (terminal) fmt::print(stderr, "\r\033[K");
  save_machine(m, path);
  if (a.json) {
    Json j = machine_json(m);
    j["file"] = path;
    for (const auto& [format, points] : m.product)
      for (const auto& [rows, s] : points) j["product"][format][std::to_string(rows)] = s;
    fmt::print("{}\n", j.dump(1));
    return 0;
  }
  fmt::print("{}, {} threads\n", m.model, m.threads);
  fmt::print("read bandwidth    {}/s\n", bytes_text(m.bandwidth));
  for (const auto& [rate, value] : m.peak) fmt::print("peak {:<12} {}\n", rate, count_text(value, "op/s"));
  fmt::print("an op takes       {} at least\n\n", seconds_text(m.overhead));
  fmt::print("  {:<14} {:>12} {:>14} {:>16} {:>16}\n", "weights", "1 row", "of bandwidth", "512 rows",
             "of f32 peak");
  for (const auto& [format, points] : m.product) {
    // "q4_0.tiles": the kernels that are for prompts only.
    const DType d = find_dtype(format.substr(0, format.find('.')).c_str());
    const double bytes = static_cast<double>(d->bytes) / d->block / points.at(1),
                 ops = 2 * 512 / points.at(512);
    fmt::print("  {:<14} {:>12} {:>12.0f} % {:>16} {:>14.0f} %\n", format, bytes_text(bytes) + "/s",
               100 * bytes / m.bandwidth, count_text(ops, "op/s"), 100 * ops / m.peak_of(Rate::f32));
  }
  fmt::print("\nwritten to {}\n", path);
  return 0;
}

}  // namespace

namespace tables {
extern const Command command_calibrate;
const Command command_calibrate{
    "calibrate",
    "measures this machine's profile",
    "Measures the read bandwidth, the peaks of the instructions and what the kernels reach of them, and "
    "keeps the profile where "
    "explain, profile and bench find it ($XDG_CONFIG_HOME/ridge/machine.json). Takes about a minute; other "
    "programs "
    "should be quiet meanwhile.",
    kMachineGroup,
    "ridge calibrate\n"
    "# Two formats only, on one thread, into a file of your own\n"
    "ridge calibrate -t 1 --format bf16 --format q4_0 -o machine.json",
    [](Options& o) -> CommandRun {
      auto a = std::make_shared<Arguments>();
      o.integer(a->threads, "-t,--threads", 0, 1024, "N", "threads (default: one a core)");
      o.texts(a->formats, "--format", "NAME", "weight format to measure; may be given several times");
      o.text(a->output, "-o,--output", "FILE", "where the profile goes", Options::Hint::file);
      o.flag(a->json, "--json", "print JSON");
      return [=] { return run(*a); };
    }};
}  // namespace tables
}  // namespace ridge

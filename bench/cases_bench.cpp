// Times the benchmark cases of ops by every kernel of theirs that runs here, in turns, and says how far each
// is from the reference: time of the fastest of the repeats, speed-up over the first kernel listed, and the
// normalised mean squared error |y - ref|^2 / |ref|^2 of the worst output.
//   cases_bench OP[,OP...] [--threads N] [--repeats N] [--no-reference]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "context/cases.h"

namespace {

using namespace ridge;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Timed {
  std::string kernel;
  double seconds = 1e30;
  std::vector<std::vector<float>> out;
};

// The time of the op's own launches alone: inputs are made anew each time, since states are written.
void once(const Case& c, const std::string& op, int threads, Timed& t) {
  ContextOptions options;
  options.threads = threads;
  options.kernels[op] = t.kernel;
  Context cx(cpu_device(), options);
  Trace trace;
  cx.trace = &trace;
  CaseInputs in(cx, 42);
  const auto out = c.run(cx, in);
  double seconds = 0;
  for (const auto& e : trace.events)
    if (op == e.op->name) seconds += e.seconds;
  t.seconds = std::min(t.seconds, seconds);
  t.out.clear();
  for (const Tensor& y : out) t.out.emplace_back(y.ptr<float>(), y.ptr<float>() + y.count());
}

double nmse(const Timed& t, const Timed& reference) {
  double worst = 0;
  for (size_t i = 0; i < t.out.size(); ++i) {
    double error = 0, norm = 0;
    for (size_t j = 0; j < t.out[i].size(); ++j) {
      const double r = reference.out[i][j], d = t.out[i][j] - r;
      error += d * d, norm += r * r;
    }
    worst = std::max(worst, norm > 0 ? error / norm : error);
  }
  return worst;
}

std::vector<Timed> able(const Case& c, const std::string& op) {
  std::vector<Timed> found;
  for (const Kernel* k : kernel_table())
    if (op == k->op) found.push_back({k->name, 1e30, {}});
  std::erase_if(found, [&](Timed& t) {
    try {
      once(c, op, 1, t);
      t.seconds = 1e30;
      return false;
    } catch (const Error&) {
      return true;
    }
  });
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  std::string ops;
  int threads = 2, repeats = 5;
  bool reference = true;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "--threads") && i + 1 < argc)
      threads = std::atoi(argv[++i]);
    else if (!std::strcmp(argv[i], "--repeats") && i + 1 < argc)
      repeats = std::atoi(argv[++i]);
    else if (!std::strcmp(argv[i], "--no-reference"))
      reference = false;
    else
      ops = argv[i];
  }
  std::istringstream names(ops);
  for (std::string op; std::getline(names, op, ',');)
    for (const CaseList* list : case_table()) {
      if (op != list->op) continue;
      for (const Case& c : list->make()) {
        if (!c.benchmark) continue;
        std::vector<Timed> kernels = able(c, op);
        if (!reference) std::erase_if(kernels, [](const Timed& t) { return t.kernel == "reference"; });
        for (int r = 0; r < repeats; ++r)
          for (Timed& t : kernels)
            if (t.kernel != "reference" || r == 0) once(c, op, threads, t);
        const auto ref = std::find_if(kernels.begin(), kernels.end(),
                                      [](const Timed& t) { return t.kernel == "reference"; });
        std::printf("%s / %s, %d threads\n", op.c_str(), c.name.c_str(), threads);
        for (const Timed& t : kernels)
          std::printf("  %-20s %9.3f ms  nmse %.1e\n", t.kernel.c_str(), t.seconds * 1e3,
                      ref == kernels.end() ? NAN : nmse(t, *ref));
      }
    }
}

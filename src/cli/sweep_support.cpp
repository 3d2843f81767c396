#include "cli/sweep_support.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/model_support.h"
#include "cli/plan_support.h"

namespace ridge {
namespace {

// What a length costs. A pass that the model does not have leaves its figures at 0.
struct Point {
  int64_t length = 0;
  double flops = 0, whole_seconds = 0, whole_bytes = 0, activations = 0;  // prompt, source or input
  double token_seconds = 0, token_bytes = 0;                              // one token after it
  double state = 0;
};

int64_t length_of(const std::string& text, const std::string& range) {
  size_t used = 0;
  double n = 0;
  try {
    n = std::stod(text, &used);
  } catch (const std::exception&) {
  }
  std::string unit = text.substr(used);
  if (unit == "k" || unit == "K") n *= 1024, unit.clear();
  if (unit == "m" || unit == "M") n *= 1024 * 1024, unit.clear();
  if (!unit.empty() || !(n >= 1) || n > 1 << 24)
    fail(Fault::usage, "--sweep {}: expected FROM:TO with lengths up to 16m, such as 1k:64k",
         printable(range));
  return static_cast<int64_t>(n);
}

std::string short_length(int64_t n) {
  if (n >= 1 << 20 && n % (1 << 20) == 0) return fmt::format("{}m", n >> 20);
  if (n >= 1024 && n % 1024 == 0) return fmt::format("{}k", n >> 10);
  return fmt::format("{}", n);
}

Point price_at(Model& model, int64_t length, DType kv, const Machine& machine, int batch) {
  Point p;
  p.length = length;
  for (const Pass& pass : passes_of(model, length, length + 1, batch)) {
    const Reading r = price(model, pass, kv, machine.features);
    const double s = predicted_seconds(r, machine);
    p.state = static_cast<double>(r.state_bytes);
    if (pass.name == "decode") {
      p.token_seconds = s;
      p.token_bytes = static_cast<double>(r.total.bytes());
    } else {
      p.flops = static_cast<double>(r.total.flops);
      p.whole_seconds = s;
      p.whole_bytes = static_cast<double>(r.total.bytes());
      p.activations = static_cast<double>(r.activation_peak);
    }
  }
  return p;
}

// One panel of the plot: a curve by length, both axes logarithmic.
struct Panel {
  const char* title;
  double Point::*value;
  std::string (*label)(double);
};
const Panel kPanels[] = {
    {"time of the whole", &Point::whole_seconds, seconds_text},
    {"time of a token after it", &Point::token_seconds, seconds_text},
    {"state", &Point::state, bytes_text},
};

std::string panel_svg(const std::vector<Point>& points, const Panel& panel, double left) {
  constexpr double kTop = 50, kWidth = 220, kHeight = 200;
  double least = INFINITY, most = 0;
  for (const Point& p : points)
    if (p.*panel.value > 0) least = std::min(least, p.*panel.value), most = std::max(most, p.*panel.value);
  std::string s = fmt::format("<text x='{}' y='{}' class='title'>{}</text>", left, kTop - 12, panel.title);
  if (!(most > 0)) return s + fmt::format("<text x='{}' y='{}'>none</text>\n", left, kTop + kHeight / 2);
  // Whole decades, at least one.
  const double low = std::floor(std::log10(least)), high = std::max(std::ceil(std::log10(most)), low + 1);
  const double first = std::log2(static_cast<double>(points.front().length)),
               last = std::max(std::log2(static_cast<double>(points.back().length)), first + 1);
  const auto x = [&](double length) { return left + (std::log2(length) - first) / (last - first) * kWidth; };
  const auto y = [&](double v) { return kTop + kHeight - (std::log10(v) - low) / (high - low) * kHeight; };
  for (double decade = low; decade <= high; ++decade) {
    const double at = y(std::pow(10, decade));
    s += fmt::format(
        "<line x1='{}' y1='{:.1f}' x2='{}' y2='{:.1f}' class='grid'/><text x='{}' y='{:.1f}' "
        "class='y'>{}</text>",
        left, at, left + kWidth, at, left - 6, at + 4, panel.label(std::pow(10, decade)));
  }
  std::string line;
  const size_t every = points.size() > 6 ? 2 : 1;
  for (size_t i = 0; i < points.size(); ++i) {
    const Point& p = points[i];
    const double px = x(static_cast<double>(p.length));
    if (i % every == 0)
      s += fmt::format("<text x='{:.1f}' y='{}' class='x'>{}</text>", px, kTop + kHeight + 16,
                       short_length(p.length));
    if (!(p.*panel.value > 0)) continue;
    line += fmt::format("{:.1f},{:.1f} ", px, y(p.*panel.value));
    s += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='3'><title>{}: {}</title></circle>", px,
                     y(p.*panel.value), short_length(p.length), panel.label(p.*panel.value));
  }
  return s + fmt::format("<polyline points='{}'/>\n", line);
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

std::string plot(const std::vector<Point>& points, const std::string& heading) {
  std::string s =
      "<svg xmlns='http://www.w3.org/2000/svg' width='1020' height='300' font-family='sans-serif' "
      "font-size='11'>\n"
      "<style>.title{font-size:13px} .x{text-anchor:middle} .y{text-anchor:end} .grid{stroke:#ddd} "
      "polyline{fill:none;stroke:#1f6feb;stroke-width:2} circle{fill:#1f6feb}</style>\n"
      "<rect width='100%' height='100%' fill='white'/>\n";
  s += fmt::format("<text x='20' y='20' class='title'>{}</text>\n", escaped(heading));
  double left = 80;
  for (const Panel& panel : kPanels) {
    s += panel_svg(points, panel, left);
    left += 330;
  }
  return s + "</svg>\n";
}

void print_table(const std::vector<Point>& points) {
  fmt::print("{:>8} {:>14} {:>12} {:>12} {:>14} {:>12} {:>12}\n", "length", "whole", "time", "activations",
             "a token reads", "time", "state");
  for (const Point& p : points)
    fmt::print("{:>8} {:>14} {:>12} {:>12} {:>14} {:>12} {:>12}\n", short_length(p.length),
               count_text(p.flops, "flop"), seconds_text(p.whole_seconds), bytes_text(p.activations),
               p.token_bytes > 0 ? bytes_text(p.token_bytes) : "-",
               p.token_seconds > 0 ? seconds_text(p.token_seconds) : "-",
               p.state > 0 ? bytes_text(p.state) : "-");
}

// The growth of a figure from the last length but one to the last, as a power of the length.
double exponent(const std::vector<Point>& points, double Point::*value) {
  if (points.size() < 2) return 0;
  const Point &a = points[points.size() - 2], &b = points.back();
  if (!(a.*value > 0) || !(b.*value > 0)) return 0;
  return std::log(b.*value / a.*value) /
         std::log(static_cast<double>(b.length) / static_cast<double>(a.length));
}

}  // namespace

int sweep(Model& model, const std::string& name, const std::string& range, const std::string& svg, DType kv,
          const Machine& machine, int batch, bool json) {
  const size_t colon = range.find(':');
  if (colon == std::string::npos)
    fail(Fault::usage, "--sweep {}: expected FROM:TO, such as 1k:64k", printable(range));
  const int64_t from = length_of(range.substr(0, colon), range),
                to = length_of(range.substr(colon + 1), range);
  if (from > to) fail(Fault::usage, "--sweep {}: {} is more than {}", printable(range), from, to);
  std::vector<Point> points;
  for (int64_t n = from; n <= to; n *= 2) points.push_back(price_at(model, n, kv, machine, batch));
  if (!svg.empty())
    write_file(svg, plot(points, fmt::format("{} on {} ({}), {} at once", name, machine.name,
                                             machine.calibrated() ? "calibrated" : "roofline", batch)));
  if (json) {
    OrderedJson list = OrderedJson::array();
    for (const Point& p : points)
      list.push_back({{"length", p.length},
                      {"flops", p.flops},
                      {"bytes", p.whole_bytes},
                      {"seconds", p.whole_seconds},
                      {"activation_peak_bytes", p.activations},
                      {"token_bytes", p.token_bytes},
                      {"token_seconds", p.token_seconds},
                      {"state_bytes", p.state}});
    print_json({{"model", name}, {"machine", machine.name}, {"batch", batch}, {"lengths", list}});
    return 0;
  }
  fmt::print("{} on {}{}, {} at once\n", name, machine.name, machine.calibrated() ? "" : " (roofline)",
             batch);
  print_table(points);
  fmt::print("growth at the end, as a power of the length: flops {:.2f}, state {:.2f}\n",
             exponent(points, &Point::flops), exponent(points, &Point::state));
  if (!svg.empty()) fmt::print("plot in {}\n", svg);
  return 0;
}

}  // namespace ridge

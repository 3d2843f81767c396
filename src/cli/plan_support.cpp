#include "cli/plan_support.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "formats/bf16/bf16.h"
#include "formats/f16/f16.h"
#include "formats/mixes.h"
#include "models/load.h"

namespace ridge {
namespace {

// What a mix gives each weight; vectors and routers keep f32.
FormatOf mix_format(const Mix& mix, std::string arch, int layers) {
  return [&mix, arch = std::move(arch), layers](const WeightSpec& spec) {
    if (spec.optional) return DType();
    MixModel m;
    m.architecture = arch;
    m.layers = layers;
    MixTensor t;
    t.name = spec.gguf;
    t.columns = spec.shape[-1];
    t.rows = spec.shape.rank() > 1 ? spec.shape[-2] : 1;
    t.experts = spec.shape.rank() > 2 ? spec.shape[0] : 1;
    const DType d = mix_type(mix, m, t);
    return d ? d : DType(f32);
  };
}

FormatOf format_by_name(const std::string& name, const std::string& arch, int layers) {
  const DType d = find_dtype(name.c_str());
  if (d && d->kind != FormatKind::integer) return one_format(d);
  if (const Mix* mix = find_mix(name)) return mix_format(*mix, arch, layers);
  fail(Fault::usage, "{}: neither a weight format nor a mix (such as bf16, q8_0, q4_k_m)", printable(name));
}

const char* gguf_name(const ConfigKeys& keys) {
  const ModelInfo& info = find_model(keys);
  return info.gguf ? info.gguf : info.name;
}

int layers_of(ConfigKeys& keys) {
  auto model = make_model(keys);
  return static_cast<int>(model->size().layers);
}

}  // namespace

struct ShapeSettings::Source {
  std::string name;
  Json config;
  std::optional<Checkpoint> checkpoint;
};

ShapeSettings::ShapeSettings(const std::string& shape) : source_(std::make_unique<Source>()) {
  source_->name = shape;
  if (const std::string text = known_shape(shape); !text.empty())
    source_->config = parse_json(text, shape);
  else if (std::filesystem::exists(shape))
    source_->checkpoint = Checkpoint::open(shape);
  else
    fail(Fault::usage, "--random {}: neither a config.json nor a known shape (known: {})",
         printable(shape, 200), known_shape_names());
}

ShapeSettings::~ShapeSettings() = default;

ConfigKeys ShapeSettings::keys() const {
  return source_->checkpoint ? ConfigKeys::reading(*source_->checkpoint)
                             : ConfigKeys::reading_json(source_->config, source_->name);
}

std::unique_ptr<Model> random_model_of(const std::string& shape, const std::string& type) {
  const ShapeSettings settings(shape);
  ConfigKeys keys = settings.keys();
  const FormatOf formats = format_by_name(type, gguf_name(keys), layers_of(keys));
  return random_model(keys, formats, 1);
}

Priced priced_model(const std::string& what, const std::string& weights) {
  Priced p;
  p.name = what;
  if (const std::string shape = known_shape(what); !shape.empty()) {
    const Json config = parse_json(shape, what);
    ConfigKeys keys = ConfigKeys::reading_json(config, what);
    p.weights = weights.empty() ? "bf16" : weights;
    p.model = shape_model(keys, format_by_name(p.weights, gguf_name(keys), layers_of(keys)));
    return p;
  }
  if (!std::filesystem::exists(what))
    fail(Fault::usage, "{}: neither a file nor a known shape (known: {})", printable(what, 200),
         known_shape_names());
  const Checkpoint checkpoint = Checkpoint::open(what);
  ConfigKeys keys = ConfigKeys::reading(checkpoint);
  if (!weights.empty() || !checkpoint.has_weights()) {
    p.weights = weights.empty() ? "bf16" : weights;
    p.model = shape_model(keys, format_by_name(p.weights, gguf_name(keys), layers_of(keys)));
    return p;
  }
  p.weights = "as in the file";
  const bool hf = checkpoint.layout() == Checkpoint::Layout::huggingface;
  p.model = shape_model(keys, [&](const WeightSpec& spec) {
    const auto* info =
        hf ? spec.hf.empty() ? nullptr : checkpoint.info(spec.hf[0]) : checkpoint.info(spec.gguf);
    if (spec.optional && !info) return DType();
    return info && info->dtype && spec.shape[-1] % info->dtype->block == 0 ? info->dtype : DType(bf16);
  });
  return p;
}

DType kv_format(const std::string& name) {
  const DType d = find_dtype(name.c_str());
  if (!d || !d.is_real())
    fail(Fault::usage, "--kv {}: keys and values are kept in f32, f16 or bf16", printable(name));
  return d;
}

double predicted_seconds(const Reading& reading, const Machine& machine) {
  double s = 0;
  for (const auto& e : reading.events) s += predict(machine, e).seconds;
  return s;
}

std::string bytes_text(double b) {
  const char* const units[] = {"B", "kB", "MB", "GB", "TB"};
  int u = 0;
  while (b >= 1000 && u < 4) b /= 1000, ++u;
  return fmt::format("{:.{}f} {}", b, u == 0 || b >= 100 ? 0 : b >= 10 ? 1 : 2, units[u]);
}

std::string count_text(double n, const char* unit) {
  const char* const prefixes[] = {"", "k", "M", "G", "T", "P"};
  int u = 0;
  while (n >= 1000 && u < 5) n /= 1000, ++u;
  return fmt::format("{:.{}f} {}{}", n, u == 0 || n >= 100 ? 0 : n >= 10 ? 1 : 2, prefixes[u], unit);
}

std::string seconds_text(double s) {
  if (s >= 1) return fmt::format("{:.2f} s", s);
  if (s >= 1e-3) return fmt::format("{:.2f} ms", s * 1e3);
  return fmt::format("{:.1f} us", s * 1e6);
}

std::string table_text(const Reading& reading, const Machine& machine, bool each) {
  const bool timed = reading.seconds > 0;
  std::string out =
      fmt::format("  {:<22} {:>6} {:>11} {:>9} {:>9} {:>10} {}{:<10} {}\n", "op", "calls", "flops", "bytes",
                  "flops/B", "predicted", timed ? fmt::format("{:>10} {:>7} ", "measured", "meas/pr") : "",
                  "bound by", each ? "shapes" : "");
  std::vector<Line> lines = summarize(reading, machine);
  if (!each) {  // one line an op and format
    std::vector<Line> merged;
    for (const Line& l : lines) {
      auto it = std::find_if(merged.begin(), merged.end(), [&](const Line& m) { return m.key == l.key; });
      if (it == merged.end()) {
        merged.push_back(l);
        continue;
      }
      it->calls += l.calls, it->cost += l.cost, it->measured += l.measured, it->roofline += l.roofline;
      if (l.predicted > it->predicted) it->bound = l.bound;
      it->predicted += l.predicted;
    }
    lines = std::move(merged);
  }
  Line sum;
  const auto row = [&](const Line& l, const std::string& name, const char* bound) {
    const double bytes = static_cast<double>(l.cost.bytes());
    out += fmt::format("  {:<22} {:>6} {:>11} {:>9} {:>9.2f} {:>10} {}{:<10} {}\n", name, l.calls,
                       count_text(static_cast<double>(l.cost.flops), "flop"), bytes_text(bytes),
                       bytes > 0 ? static_cast<double>(l.cost.flops) / bytes : 0.0, seconds_text(l.predicted),
                       timed ? fmt::format("{:>10} {:>7.2f} ", seconds_text(l.measured),
                                           l.predicted > 0 ? l.measured / l.predicted : 0.0)
                             : "",
                       bound, each ? l.shapes + "  " + l.kernel : "");
  };
  for (const Line& l : lines) {
    row(l, l.key, bound_name(l.bound));
    sum.calls += l.calls, sum.cost += l.cost, sum.predicted += l.predicted, sum.measured += l.measured,
        sum.roofline += l.roofline;
  }
  row(sum, "total", "");
  return out;
}

Json reading_json(const Reading& r, const Machine& machine) {
  Json ops = Json::array();
  double predicted = 0, roofline = 0;
  for (const Line& l : summarize(r, machine)) {
    Json o = {{"op", l.key},
              {"kernel", l.kernel},
              {"shapes", l.shapes},
              {"calls", l.calls},
              {"flops", l.cost.flops},
              {"bytes_read", l.cost.read},
              {"bytes_written", l.cost.written},
              {"weight_bytes", l.cost.weights},
              {"state_bytes", l.cost.state},
              {"predicted_seconds", l.predicted},
              {"roofline_seconds", l.roofline},
              {"bound", bound_name(l.bound)}};
    if (r.seconds > 0) o["measured_seconds"] = l.measured;
    predicted += l.predicted, roofline += l.roofline;
    ops.push_back(std::move(o));
  }
  Json j = {{"pass", r.pass.name},
            {"rows", r.pass.rows},
            {"past", r.pass.past},
            {"sequences", r.pass.sequences},
            {"flops", r.total.flops},
            {"bytes_read", r.total.read},
            {"bytes_written", r.total.written},
            {"weight_bytes", r.total.weights},
            {"activation_peak_bytes", r.activation_peak},
            {"state_bytes", r.state_bytes},
            {"predicted_seconds", predicted},
            {"roofline_seconds", roofline},
            {"ops", std::move(ops)}};
  if (r.seconds > 0) j["measured_seconds"] = r.seconds;
  return j;
}

Json machine_json(const Machine& m) {
  return {{"name", m.name},           {"kind", m.kind},     {"model", m.model},
          {"threads", m.threads},     {"source", m.source}, {"calibrated", m.calibrated()},
          {"bandwidth", m.bandwidth}, {"peak", m.peak}};
}

}  // namespace ridge

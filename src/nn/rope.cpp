#include "nn/rope.h"

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"
#include "ops/rope/rope.h"

namespace ridge {
namespace {

using std::numbers::pi;

// Older configs: rope_theta and rope_scaling {type or rope_type, ...}; newer: rope_parameters, one or one a
// layer type.
void read_json(RopeConfig& r, const Json& config, const std::string& what, const char* group) {
  const auto number = [&](const Json& from, const char* key, double& value) {
    const auto it = from.find(key);
    if (it == from.end() || it->is_null()) return;
    if (!it->is_number()) fail(Fault::file, "{}: {} of the RoPE parameters is not a number", what, key);
    value = it->get<double>();
  };
  number(config, "rope_theta", r.theta);
  number(config, "rotary_emb_base", r.theta);
  number(config, "partial_rotary_factor", r.partial);
  number(config, "rotary_pct", r.partial);
  const Json* p = nullptr;
  for (const char* name : {"rope_parameters", "rope_scaling"}) {
    const auto it = config.find(name);
    if (it != config.end() && it->is_object() && !p) p = &*it;
  }
  if (p && group && p->contains(group) && (*p)[group].is_object()) p = &(*p)[group];
  if (!p) return;
  number(*p, "rope_theta", r.theta);
  number(*p, "partial_rotary_factor", r.partial);
  for (const char* name : {"rope_type", "type"}) {
    const auto it = p->find(name);
    if (it != p->end() && it->is_string()) {
      r.type = it->get<std::string>();
      break;
    }
  }
  if (r.type == "su") r.type = "longrope";
  number(*p, "factor", r.factor);
  number(*p, "low_freq_factor", r.low_freq_factor);
  number(*p, "high_freq_factor", r.high_freq_factor);
  number(*p, "beta_fast", r.beta_fast);
  number(*p, "beta_slow", r.beta_slow);
  number(*p, "mscale", r.mscale);
  number(*p, "mscale_all_dim", r.mscale_all_dim);
  number(*p, "attention_factor", r.attention_factor);
  double original = static_cast<double>(r.original_context);
  number(config, "original_max_position_embeddings", original);
  number(*p, "original_max_position_embeddings", original);
  if (original < 0 || original > 1e12)
    fail(Fault::file, "{}: original_max_position_embeddings is out of range", what);
  r.original_context = static_cast<int64_t>(original);
  for (const auto& [key, list] :
       {std::pair{"long_factor", &r.long_factor}, {"short_factor", &r.short_factor}}) {
    const auto it = p->find(key);
    if (it == p->end() || !it->is_array()) continue;
    for (const Json& x : *it) {
      if (!x.is_number())
        fail(Fault::file, "{}: {} of the RoPE parameters holds something that is not a number", what, key);
      list->push_back(x.get<double>());
    }
  }
}

void write_json(const RopeConfig& r, Json& config, const char* group) {
  Json p = {{"rope_theta", r.theta}, {"rope_type", r.type}};
  if (r.partial != 1) p["partial_rotary_factor"] = r.partial;
  if (r.type != "default") {
    p["factor"] = r.factor;
    if (r.original_context) p["original_max_position_embeddings"] = r.original_context;
    if (r.type == "llama3")
      p["low_freq_factor"] = r.low_freq_factor, p["high_freq_factor"] = r.high_freq_factor;
    if (r.type == "yarn") {
      p["beta_fast"] = r.beta_fast, p["beta_slow"] = r.beta_slow;
      if (r.mscale != 0) p["mscale"] = r.mscale;
      if (r.mscale_all_dim != 0) p["mscale_all_dim"] = r.mscale_all_dim;
    }
    if (r.attention_factor != 0) p["attention_factor"] = r.attention_factor;
    if (!r.long_factor.empty()) p["long_factor"] = r.long_factor, p["short_factor"] = r.short_factor;
  }
  if (group)
    config["rope_parameters"][group] = p;
  else
    config["rope_parameters"] = p;
}

}  // namespace

void RopeConfig::config(ConfigKeys& keys, int64_t head_dim, int64_t context, const char* group) {
  if (keys.json_out()) return write_json(*this, *keys.json_out(), group);
  if (keys.json_in()) {
    read_json(*this, *keys.json_in(), keys.what(), group);
    if (original_context == 0) original_context = context;
    static const char* const known[] = {"default", "linear", "llama3", "yarn", "longrope"};
    bool fine = false;
    for (const char* k : known) fine = fine || type == k;
    if (!fine) fail(Fault::file, "{}: RoPE of type \"{}\" is not supported", keys.what(), printable(type));
  } else {
    const bool local = group && std::string(group) == "sliding_attention";
    keys.real(theta, nullptr, local ? "rope.freq_base_swa" : "rope.freq_base", local ? 10000.0 : theta);
    int64_t dims = static_cast<int64_t>(std::lround(partial * static_cast<double>(head_dim)));
    keys.integer(dims, nullptr, "rope.dimension_count", head_dim);
    if (!local) {
      std::string kind = type == "default" ? "none" : type;
      if (keys.is_reading()) {
        partial = static_cast<double>(dims) / static_cast<double>(head_dim);
        keys.text(kind, nullptr, "rope.scaling.type", "none");
        type = kind == "none" ? "default" : kind;
        keys.real(factor, nullptr, "rope.scaling.factor", 1.0);
        keys.integer(original_context, nullptr, "rope.scaling.original_context_length", context,
                     int64_t{1} << 40);
        keys.real(attention_factor, nullptr, "rope.scaling.attn_factor", 0.0);
        keys.real(mscale_all_dim, nullptr, "rope.scaling.yarn_log_multiplier", 0.0);
        mscale_all_dim *= 10;  // files hold a tenth of it
        mscale = mscale_all_dim;
      } else if (type == "linear" || type == "yarn") {
        keys.text(kind, nullptr, "rope.scaling.type");
        keys.real(factor, nullptr, "rope.scaling.factor");
        keys.integer(original_context, nullptr, "rope.scaling.original_context_length");
        double tenth = mscale_all_dim / 10;
        if (mscale_all_dim != 0) keys.real(tenth, nullptr, "rope.scaling.yarn_log_multiplier");
      }
    }
  }
  if (!(theta > 0) || !(partial > 0) || partial > 1 || !(factor > 0))
    fail(Fault::file, "{}: RoPE with theta {}, factor {} and a rotated share of {} cannot be", keys.what(),
         theta, factor, partial);
}

std::vector<double> RopeConfig::inverse_frequencies(int64_t dims, int64_t context) const {
  std::vector<double> f(static_cast<size_t>(dims / 2));
  const auto d = static_cast<double>(dims);
  for (size_t i = 0; i < f.size(); ++i) f[i] = 1 / std::pow(theta, 2 * static_cast<double>(i) / d);
  if (!divisors.empty()) {
    if (divisors.size() != f.size())
      fail(Fault::file, "RoPE: {} frequency divisors for {} frequencies", divisors.size(), f.size());
    for (size_t i = 0; i < f.size(); ++i) f[i] /= divisors[i];
    return f;
  }
  const auto original = static_cast<double>(original_context);
  if (type == "linear") {
    for (double& x : f) x /= factor;
  } else if (type == "llama3") {
    // Waves shorter than original / high keep their frequency, longer than original / low are slowed by
    // `factor`.
    for (double& x : f) {
      const double wave = 2 * pi / x;
      if (wave > original / low_freq_factor)
        x /= factor;
      else if (wave >= original / high_freq_factor) {
        const double smooth = (original / wave - low_freq_factor) / (high_freq_factor - low_freq_factor);
        x = (1 - smooth) * x / factor + smooth * x;
      }
    }
  } else if (type == "yarn") {
    const auto dimension_of = [&](double rotations) {
      return d * std::log(original / (rotations * 2 * pi)) / (2 * std::log(theta));
    };
    const double low = std::max(std::floor(dimension_of(beta_fast)), 0.0);
    double high = std::min(std::ceil(dimension_of(beta_slow)), d - 1);
    if (low == high) high += 0.001;
    for (size_t i = 0; i < f.size(); ++i) {
      const double ramp = std::min(std::max((static_cast<double>(i) - low) / (high - low), 0.0), 1.0);
      f[i] = f[i] / factor * ramp + f[i] * (1 - ramp);
    }
  } else if (type == "longrope") {
    const auto& list = context > original_context ? long_factor : short_factor;
    if (list.size() != f.size())
      fail(Fault::file, "RoPE: {} LongRoPE factors for {} frequencies", list.size(), f.size());
    for (size_t i = 0; i < f.size(); ++i) f[i] /= list[i];
  }
  return f;
}

double RopeConfig::magnitude(int64_t context) const {
  if (attention_factor != 0) return attention_factor;
  if (type == "yarn") {
    const auto m = [](double scale, double weight) {
      return scale <= 1 ? 1.0 : 0.1 * weight * std::log(scale) + 1;
    };
    if (mscale != 0 && mscale_all_dim != 0) return m(factor, mscale) / m(factor, mscale_all_dim);
    return m(factor, 1);
  }
  if (type == "longrope") {
    const double s = static_cast<double>(context) / static_cast<double>(original_context);
    return s <= 1 ? 1 : std::sqrt(1 + std::log(s) / std::log(static_cast<double>(original_context)));
  }
  return 1;
}

void Rope::make(Device& device, const RopeConfig& config, int64_t dims, int64_t context, bool in_pairs) {
  interleaved = in_pairs;
  factor = static_cast<float>(config.magnitude(context));
  const auto f = config.inverse_frequencies(dims, context);
  inverse_frequencies = device.make(f32, {static_cast<int64_t>(f.size())});
  if (inverse_frequencies.has_data())
    for (size_t i = 0; i < f.size(); ++i) inverse_frequencies.ptr<float>()[i] = static_cast<float>(f[i]);
}

Tensor Rope::operator()(Context& cx, const Tensor& x, const Tensor& positions) const {
  return rope(cx, x, positions, inverse_frequencies, {interleaved, factor});
}

}  // namespace ridge

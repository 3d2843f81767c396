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

double yarn_magnitude(double scale, double weight) {
  return scale <= 1 ? 1.0 : 0.1 * weight * std::log(scale) + 1;
}

class JsonReader {
 public:
  explicit JsonReader(const std::string& what) : what_(what) {}
  bool number(const Json& from, const char* key, double& value) const {
    const auto it = from.find(key);
    if (it == from.end() || it->is_null()) return false;
    if (!it->is_number()) fail(Fault::file, "{}: {} of the RoPE parameters is not a number", what_, key);
    value = it->get<double>();
    if (!std::isfinite(value)) fail(Fault::file, "{}: {} of the RoPE parameters is not finite", what_, key);
    return true;
  }
  void numbers(const Json& from, const char* key, std::vector<double>& list) const {
    const auto it = from.find(key);
    if (it == from.end() || it->is_null()) return;
    if (!it->is_array()) fail(Fault::file, "{}: {} of the RoPE parameters is not a list", what_, key);
    list.clear();
    for (const Json& x : *it) {
      if (!x.is_number())
        fail(Fault::file, "{}: {} of the RoPE parameters holds something that is not a number", what_, key);
      list.push_back(x.get<double>());
    }
  }

 private:
  const std::string& what_;
};

const Json* object(const Json& config, const char* name) {
  const auto it = config.find(name);
  return it != config.end() && it->is_object() && !it->empty() ? &*it : nullptr;
}

// The parameters of one kind of layer: older configs have rope_scaling, newer ones rope_parameters, one set
// or one a layer type.
const Json* parameters(const Json& config, const char* group, bool local) {
  for (const char* name : {"rope_scaling", "rope_parameters"}) {
    const Json* p = object(config, name);
    if (!p) continue;
    if (!group) return p;
    if (const Json* q = object(*p, group)) return q;
    const bool grouped = p->contains("full_attention") || p->contains("sliding_attention");
    if (!grouped && !local) return p;  // rope_scaling of older Gemma 3: of the global layers alone
  }
  return nullptr;
}

void read_json(RopeConfig& r, const Json& config, const std::string& what, const char* group) {
  const JsonReader read(what);
  const bool local = group && std::string(group) == "sliding_attention";
  if (local) {
    read.number(config, "rope_local_base_freq", r.theta);
  } else {
    read.number(config, "rotary_emb_base", r.theta);
    read.number(config, "rope_theta", r.theta);
  }
  r.has_partial = read.number(config, "rotary_pct", r.partial);
  r.has_partial |= read.number(config, "partial_rotary_factor", r.partial);
  const Json* p = parameters(config, group, local);
  if (!p) return;
  read.number(*p, "rope_theta", r.theta);
  r.has_partial |= read.number(*p, "partial_rotary_factor", r.partial);
  for (const char* name : {"rope_type", "type"}) {
    const auto it = p->find(name);
    if (it == p->end() || it->is_null()) continue;
    if (!it->is_string()) fail(Fault::file, "{}: {} of the RoPE parameters is not a text", what, name);
    r.type = it->get<std::string>();
    break;
  }
  if (read.number(*p, "factor", r.factor) && !(r.factor > 0))
    fail(Fault::file, "{}: a RoPE factor of {}", what, r.factor);
  read.number(*p, "low_freq_factor", r.low_freq_factor);
  read.number(*p, "high_freq_factor", r.high_freq_factor);
  read.number(*p, "beta_fast", r.beta_fast);
  read.number(*p, "beta_slow", r.beta_slow);
  read.number(*p, "mscale", r.mscale);
  read.number(*p, "mscale_all_dim", r.mscale_all_dim);
  read.number(*p, "attention_factor", r.attention_factor);
  if (const auto it = p->find("truncate"); it != p->end() && it->is_boolean()) r.truncate = it->get<bool>();
  double original = 0;
  read.number(*p, "original_max_position_embeddings", original);
  read.number(config, "original_max_position_embeddings", original);
  if (original < 0 || original > 1e12)
    fail(Fault::file, "{}: original_max_position_embeddings is out of range", what);
  r.original_context = static_cast<int64_t>(original);
  read.numbers(*p, "long_factor", r.long_factor);
  read.numbers(*p, "short_factor", r.short_factor);
  // Early Phi-3 checkpoints call LongRoPE by other names.
  if (r.type == "su" || (r.type == "yarn" && !r.long_factor.empty())) r.type = "longrope";
}

// A share whose product with the head's width, rounded down, gives back `dims`.
double share(int64_t dims, int64_t head_dim) {
  double p = static_cast<double>(dims) / static_cast<double>(head_dim);
  while (static_cast<int64_t>(p * static_cast<double>(head_dim)) < dims) p = std::nextafter(p, 2.0);
  return p;
}

Json json_parameters(const RopeConfig& r) {
  Json p = {{"rope_theta", r.theta}, {"rope_type", r.type}};
  if (r.has_partial || r.partial != 1) p["partial_rotary_factor"] = r.partial;
  if (r.factor != 0) p["factor"] = r.factor;
  if (r.type == "llama3" || r.type == "yarn" || r.type == "longrope")
    p["original_max_position_embeddings"] = r.original_context;
  if (r.type == "llama3")
    p["low_freq_factor"] = r.low_freq_factor, p["high_freq_factor"] = r.high_freq_factor;
  if (r.type == "yarn") {
    p["beta_fast"] = r.beta_fast, p["beta_slow"] = r.beta_slow;
    if (r.mscale != 0) p["mscale"] = r.mscale;
    if (r.mscale_all_dim != 0) p["mscale_all_dim"] = r.mscale_all_dim;
    if (!r.truncate) p["truncate"] = false;
  }
  if (r.attention_factor != 0) p["attention_factor"] = r.attention_factor;
  if (r.type == "longrope") p["long_factor"] = r.long_factor, p["short_factor"] = r.short_factor;
  return p;
}

void write_json(const RopeConfig& given, Json& config, const char* group) {
  RopeConfig r = given;
  if (!r.divisors
           .empty()) {  // what bands or factors a GGUF was made with is not known: the factors say it all
    r.type = "longrope";
    r.long_factor = r.short_factor = r.divisors;
    r.attention_factor = 1;
    if (r.original_context == 0) r.original_context = r.context;
  }
  const Json p = json_parameters(r);
  // Readers before rope_parameters look for rope_theta and rope_scaling.
  const bool local = group && std::string(group) == "sliding_attention";
  config[local ? "rope_local_base_freq" : "rope_theta"] = r.theta;
  if (!local && r.type != "default") config["rope_scaling"] = p;
  if (!local && p.contains("partial_rotary_factor")) config["partial_rotary_factor"] = r.partial;
  if (group)
    config["rope_parameters"][group] = p;
  else
    config["rope_parameters"] = p;
}

}  // namespace

void RopeConfig::config_gguf(ConfigKeys& keys, int64_t head_dim, bool local) {
  keys.real(theta, nullptr, local ? "rope.freq_base_swa" : "rope.freq_base", local ? 10000.0 : theta);
  if (keys.is_reading()) dims = head_dim;
  keys.integer(dims, nullptr, "rope.dimension_count", head_dim);
  if (local) return;
  if (!keys.is_reading()) {
    if (type == "dynamic") keys.text(type, nullptr, "/ridge.rope.type");
    if (type == "linear" || type == "yarn") {
      keys.text(type, nullptr, "rope.scaling.type");
      keys.real(factor, nullptr, "rope.scaling.factor");
      keys.integer(original_context, nullptr, "rope.scaling.original_context_length");
    } else if (type == "dynamic") {
      keys.real(factor, nullptr, "/ridge.rope.factor");
    } else if (type == "longrope") {
      double m = magnitude();
      keys.real(m, nullptr, "rope.scaling.attn_factor");
      keys.integer(original_context, nullptr, "rope.scaling.original_context_length");
      keys.text(type, nullptr, "rope.scaling.type");
    }
    if (type == "yarn") {
      // The published factor stands beside the rule's own.
      if (attention_factor != 0) {
        double beside = attention_factor / yarn_magnitude(factor, 1);
        keys.real(beside, nullptr, "rope.scaling.attn_factor");
      }
      if (beta_fast != 32) keys.real(beta_fast, nullptr, "rope.scaling.yarn_beta_fast");
      if (beta_slow != 1) keys.real(beta_slow, nullptr, "rope.scaling.yarn_beta_slow");
      double tenth = mscale_all_dim / 10;
      if (mscale_all_dim != 0) keys.real(tenth, nullptr, "rope.scaling.yarn_log_multiplier");
      if (mscale != mscale_all_dim) keys.real(mscale, nullptr, "/ridge.rope.mscale");
      if (!truncate) keys.flag(truncate, nullptr, "/ridge.rope.truncate");
    }
    return;
  }
  std::string scaling;
  keys.text(scaling, nullptr, "rope.scaling.type", "");
  keys.real(factor, nullptr, "rope.scaling.factor", 0.0);
  keys.text(type, nullptr, "/ridge.rope.type",
            scaling.empty() ? (factor > 1 ? "linear" : "default") : scaling);
  if (type == "none") type = "default";
  if (keys.has_tensor("rope_factors_long.weight")) type = "longrope";  // Phi-3's files do not name it
  if (type == "dynamic") keys.real(factor, nullptr, "/ridge.rope.factor");
  keys.integer(original_context, nullptr, "rope.scaling.original_context_length", context, int64_t{1} << 40);
  double beside = 0;
  keys.real(beside, nullptr, "rope.scaling.attn_factor", 0.0);
  if (type == "yarn") {
    keys.real(beta_fast, nullptr, "rope.scaling.yarn_beta_fast", 32.0);
    keys.real(beta_slow, nullptr, "rope.scaling.yarn_beta_slow", 1.0);
    keys.real(mscale_all_dim, nullptr, "rope.scaling.yarn_log_multiplier", 0.0);
    mscale_all_dim *= 10;  // files hold a tenth of it
    keys.real(mscale, nullptr, "/ridge.rope.mscale", mscale_all_dim);
    keys.flag(truncate, nullptr, "/ridge.rope.truncate", true);
    if (beside != 0) attention_factor = beside * yarn_magnitude(factor, 1);
  } else {
    attention_factor = beside;
  }
  if (dims < 1 || dims > head_dim)
    fail(Fault::file, "{}: {} is {}, expected 1 to {}", keys.what(), keys.gguf_key("rope.dimension_count"),
         dims, head_dim);
  partial = share(dims, head_dim);
}

void RopeConfig::config(ConfigKeys& keys, int64_t head_dim, int64_t max_positions, const char* group) {
  if (keys.is_reading()) context = max_positions;
  if (keys.json_out()) return write_json(*this, *keys.json_out(), group);
  if (keys.json_in()) {
    read_json(*this, *keys.json_in(), keys.what(), group);
    dims = partial > 0 && partial <= 1 ? static_cast<int64_t>(static_cast<double>(head_dim) * partial) : 0;
    if (original_context == 0) original_context = max_positions;
  } else {
    config_gguf(keys, head_dim, group && std::string(group) == "sliding_attention");
  }
  if (!keys.is_reading()) return;
  static const char* const known[] = {"default", "linear", "dynamic", "llama3", "yarn", "longrope"};
  bool fine = false;
  for (const char* k : known) fine = fine || type == k;
  if (!fine)
    fail(Fault::file,
         "{}: RoPE of type \"{}\" is not supported (known: default, linear, dynamic, llama3, yarn, longrope)",
         keys.what(), printable(type));
  const bool by_context = type == "yarn" || type == "longrope";
  if (type != "default" && factor == 0) {
    if (!by_context || original_context < 1)
      fail(Fault::file, "{}: RoPE of type {} without a factor", keys.what(), type);
    factor = static_cast<double>(max_positions) / static_cast<double>(original_context);
  }
  if (type != "default" && original_context < 1)
    fail(Fault::file, "{}: RoPE of type {} with an original context of {}", keys.what(), type,
         original_context);
  if (!(theta > 0) || dims < 1 || (type != "default" && !(factor > 0)))
    fail(Fault::file, "{}: RoPE with theta {}, factor {} and a rotated share of {} cannot be", keys.what(),
         theta, factor, partial);
  const size_t half = static_cast<size_t>((dims + 1) / 2);
  if (type == "longrope" && keys.json_in() && (long_factor.size() != half || short_factor.size() != half))
    fail(Fault::file, "{}: {} long and {} short LongRoPE factors for {} frequencies", keys.what(),
         long_factor.size(), short_factor.size(), half);
}

std::vector<double> RopeConfig::inverse_frequencies(int64_t reach) const {
  std::vector<double> f(static_cast<size_t>((dims + 1) / 2));
  const auto d = static_cast<double>(dims);
  const auto original = static_cast<double>(original_context);
  double base = theta;
  if (type == "dynamic" && reach > context && dims > 2) {
    const double stretched =
        factor * static_cast<double>(reach) / static_cast<double>(context) - (factor - 1);
    base *= std::pow(stretched, d / (d - 2));
  }
  for (size_t i = 0; i < f.size(); ++i) f[i] = 1 / std::pow(base, 2 * static_cast<double>(i) / d);
  const auto divide = [&f](const std::vector<double>& by) {
    if (by.size() != f.size())
      fail(Fault::file, "RoPE: {} frequency factors for {} frequencies", by.size(), f.size());
    for (size_t i = 0; i < f.size(); ++i) f[i] /= by[i];
  };
  if (!divisors.empty()) {
    divide(divisors);
  } else if (type == "linear") {
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
    double low = dimension_of(beta_fast), high = dimension_of(beta_slow);
    if (truncate) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0);
    high = std::min(high, d - 1);
    if (low == high) high += 0.001;
    for (size_t i = 0; i < f.size(); ++i) {
      const double ramp = std::min(std::max((static_cast<double>(i) - low) / (high - low), 0.0), 1.0);
      f[i] = f[i] / factor * ramp + f[i] * (1 - ramp);
    }
  } else if (type == "longrope") {
    divide(reach > original_context ? long_factor : short_factor);
  }
  return f;
}

std::vector<double> RopeConfig::band_divisors() const {
  if (!divisors.empty()) return divisors;
  if (type != "llama3") return {};
  RopeConfig plain = *this;
  plain.type = "default";
  std::vector<double> by = plain.inverse_frequencies(0);
  const std::vector<double> f = inverse_frequencies(0);
  for (size_t i = 0; i < f.size(); ++i) by[i] /= f[i];
  return by;
}

double RopeConfig::magnitude() const {
  if (attention_factor != 0) return attention_factor;
  if (type == "yarn") {
    if (mscale != 0 && mscale_all_dim != 0)
      return yarn_magnitude(factor, mscale) / yarn_magnitude(factor, mscale_all_dim);
    return yarn_magnitude(factor, 1);
  }
  if (type == "longrope" && factor > 1)
    return std::sqrt(1 + std::log(factor) / std::log(static_cast<double>(original_context)));
  return 1;
}

void Rope::visit(WeightVisitor& v, const RopeConfig& config) {
  const Shape shape{(config.dims + 1) / 2};
  if (config.type == "longrope") {
    v.vector(long_factors_, "rope_factors_long.weight", "", shape, {.optional = true});
    v.vector(short_factors_, "rope_factors_short.weight", "", shape, {.optional = true});
  } else {
    v.vector(divisors_, "rope_freqs.weight", "", shape, {.optional = true});
  }
}

namespace {

Tensor to_tensor(Device& device, const std::vector<double>& values) {
  const Tensor t = device.make(f32, {static_cast<int64_t>(values.size())});
  if (t.has_data())
    for (size_t i = 0; i < values.size(); ++i) t.ptr<float>()[i] = static_cast<float>(values[i]);
  return t;
}

// A factor divides: what is not a positive number cannot be one.
void take(const Tensor& t, std::vector<double>& values) {
  if (!t || !t.has_data()) return;
  values.assign(t.ptr<float>(), t.ptr<float>() + t.count());
  for (const double x : values)
    if (!(x > 0) || !std::isfinite(x)) fail(Fault::file, "RoPE: a frequency factor of {}", x);
}

}  // namespace

void Rope::ready(Device& device, RopeConfig& config, bool interleaved) {
  take(divisors_, config.divisors);
  take(long_factors_, config.long_factor);
  take(short_factors_, config.short_factor);
  if (config.type == "longrope" && (config.long_factor.empty() || config.short_factor.empty()))
    fail(Fault::file, "RoPE: LongRoPE without its factors");
  config_ = config;
  interleaved_ = interleaved;
  factor_ = static_cast<float>(config.magnitude());
  inverse_frequencies_ = to_tensor(device, config.inverse_frequencies(0));
  if (config.type == "longrope") {
    long_frequencies_ = to_tensor(device, config.inverse_frequencies(config.original_context + 1));
    long_factors_ = to_tensor(device, config.long_factor);
    short_factors_ = to_tensor(device, config.short_factor);
  } else if (const auto by = config.band_divisors(); !by.empty()) {
    divisors_ = to_tensor(device, by);
  }
}

void Rope::round_to(DType dtype) {
  if (!inverse_frequencies_.has_data()) return;
  std::vector<std::byte> narrow(static_cast<size_t>(dtype.bytes_of(inverse_frequencies_.count())));
  dtype->encode(inverse_frequencies_.ptr<float>(), narrow.data(), inverse_frequencies_.count(), nullptr);
  dtype->decode(narrow.data(), inverse_frequencies_.ptr<float>(), inverse_frequencies_.count());
}

Tensor Rope::frequencies(Context& cx, int64_t reach) const {
  if (config_.type == "longrope" && reach > config_.original_context) return long_frequencies_;
  if (config_.type == "dynamic" && reach > config_.context) {
    const auto f = config_.inverse_frequencies(reach);
    const std::vector<float> narrow(f.begin(), f.end());
    return cx.from_host(narrow.data(), {static_cast<int64_t>(narrow.size())});
  }
  return inverse_frequencies_;
}

Tensor Rope::operator()(Context& cx, const Tensor& x, const Step& step) const {
  return rope(cx, x, step.positions, frequencies(cx, step.reach), {interleaved_, factor_});
}

}  // namespace ridge

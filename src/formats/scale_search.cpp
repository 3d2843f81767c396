#include "formats/scale_search.h"

#include <algorithm>
#include <cmath>

namespace ridge::formats {
namespace {

constexpr int kMostGroup = 32;  // elements of the largest group that shares a scale

// Weighted sums of x * q and q * q: x is projected on the codes q by xq / qq, and xq^2 / qq of its energy is
// explained.
struct Projection {
  float xq = 0, qq = 0;
  void add(float w, float x, float q) { xq += w * x * q, qq += w * q * q; }
  float scale() const { return qq > 0 ? xq / qq : 0.0f; }
};

int symmetric_code(float x, float inverse, int half) {
  return std::clamp(round_even(inverse * x), -half, half - 1);
}

Projection project_symmetric(const float* x, const float* weights, int n, int half, float inverse) {
  Projection p;
  for (int i = 0; i < n; ++i)
    p.add(weights[i], x[i], static_cast<float>(symmetric_code(x[i], inverse, half)));
  return p;
}

// Coordinate descent on the codes: for each element in turn, the best code given the projection of all the
// others; it is taken if the explained energy grows. Up to five sweeps, or until none changes a code.
void descend(const float* x, const float* weights, int n, int lowest, int highest, bool positive_rest,
             Projection& p, int* codes) {
  for (int sweep = 0; sweep < 5; ++sweep) {
    bool changed = false;
    for (int i = 0; i < n; ++i) {
      const float w = weights[i], old = static_cast<float>(codes[i]);
      Projection rest{p.xq - w * x[i] * old, p.qq - w * old * old};
      if (!(rest.xq > 0) || (positive_rest && !(rest.qq > 0))) continue;
      const int code = std::clamp(round_even(x[i] * rest.qq / rest.xq), lowest, highest);
      if (code == codes[i]) continue;
      rest.add(w, x[i], static_cast<float>(code));
      if (rest.qq > 0 && rest.xq * rest.xq * p.qq > p.xq * p.xq * rest.qq) {
        codes[i] = code, p = rest;
        changed = true;
      }
    }
    if (!changed) break;
  }
}

}  // namespace

float extreme_of(const float* x, int n) {
  float most = 0, extreme = 0;
  for (int i = 0; i < n; ++i)
    if (std::fabs(x[i]) > most) most = std::fabs(x[i]), extreme = x[i];
  return extreme;
}

float energy(const float* x, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

void importance_weights(const float* x, const float* importance, int n, float spread, float* weights) {
  for (int i = 0; i < n; ++i) weights[i] = importance[i] * std::sqrt(spread + x[i] * x[i]);
}

float fit_symmetric(const float* x, const float* weights, int n, int half, uint8_t* codes) {
  const float extreme = extreme_of(x, n);
  if (std::fabs(extreme) < kZeroGroup) {
    std::fill_n(codes, n, uint8_t{0});
    return 0;
  }
  float inverse = static_cast<float>(-half) / extreme;
  const Projection first = project_symmetric(x, weights, n, half, inverse);
  float scale = first.qq != 0 ? first.xq / first.qq : 0.0f;
  float explained = scale * first.xq;
  for (int t = -9; t <= 9; ++t) {
    if (t == 0) continue;
    const float trial = -(static_cast<float>(half) + 0.1f * static_cast<float>(t)) / extreme;
    const Projection p = project_symmetric(x, weights, n, half, trial);
    if (p.qq > 0 && p.xq * p.xq > explained * p.qq) {
      inverse = trial;
      scale = p.xq / p.qq;
      explained = scale * p.xq;
    }
  }
  for (int i = 0; i < n; ++i) codes[i] = static_cast<uint8_t>(half + symmetric_code(x[i], inverse, half));
  return scale;
}

float fit_symmetric_descent(const float* x, int n, int half, uint8_t* codes) {
  const float extreme = extreme_of(x, n);
  if (std::fabs(extreme) < kZeroGroup) {
    std::fill_n(codes, n, uint8_t{0});
    return 0;
  }
  const float inverse = static_cast<float>(-half) / extreme;
  float weights[kMostGroup] = {};
  int q[kMostGroup] = {};
  Projection p;
  for (int i = 0; i < n; ++i) {
    weights[i] = x[i] * x[i];
    q[i] = symmetric_code(x[i], inverse, half);
    p.add(weights[i], x[i], static_cast<float>(q[i]));
  }
  descend(x, weights, n, -half, half - 1, false, p, q);
  for (int i = 0; i < n; ++i) codes[i] = static_cast<uint8_t>(q[i] + half);
  return p.scale();
}

float fit_unsigned(const float* x, const float* weights, int n, int top, uint8_t* codes) {
  float most = 0;
  for (int i = 0; i < n; ++i) most = std::max(most, x[i]);
  if (most < kZeroGroup) {
    std::fill_n(codes, n, uint8_t{0});
    return 0;
  }
  const auto code = [&](int i, float inverse) { return std::clamp(round_even(inverse * x[i]), 0, top); };
  const auto error = [&](float inverse) {
    const float scale = 1 / inverse;
    float sum = 0;
    for (int i = 0; i < n; ++i) {
      const float difference = x[i] - scale * static_cast<float>(code(i, inverse));
      sum += weights[i] * difference * difference;
    }
    return sum;
  };
  float inverse = static_cast<float>(top) / most;
  float least = error(inverse);
  for (int t = -4; t <= 4; ++t) {
    if (t == 0) continue;
    const float trial = (0.1f * static_cast<float>(t) + static_cast<float>(top)) / most;
    const float e = error(trial);
    if (e < least) least = e, inverse = trial;
  }
  int q[kMostGroup];
  Projection p;
  for (int i = 0; i < n; ++i) {
    q[i] = code(i, inverse);
    p.add(weights[i], x[i], static_cast<float>(q[i]));
  }
  descend(x, weights, n, 0, top, true, p, q);
  for (int i = 0; i < n; ++i) codes[i] = static_cast<uint8_t>(q[i]);
  return p.scale();
}

namespace {

// The state of an affine search: sums over the group that do not depend on the codes, and the best found.
struct AffineSearch {
  const float* x;
  const float* weights;
  int n, top;
  bool absolute;
  float sum_w = 0, sum_x = 0;
  int q[kMostGroup];

  void code(float inverse, float low) {
    for (int i = 0; i < n; ++i) q[i] = std::clamp(round_even(inverse * (x[i] - low)), 0, top);
  }
  float error(float scale, float low) const {
    float sum = 0;
    for (int i = 0; i < n; ++i) {
      const float difference = scale * static_cast<float>(q[i]) + low - x[i];
      sum += weights[i] * (absolute ? std::fabs(difference) : difference * difference);
    }
    return sum;
  }
  // The weighted least-squares line through (q, x); false where all codes are equal. The offset may not be
  // positive: then the line goes through zero.
  bool regress(float& scale, float& low) const {
    float sum_q = 0, sum_qq = 0, sum_xq = 0;
    for (int i = 0; i < n; ++i) {
      const float w = weights[i], code = static_cast<float>(q[i]);
      sum_q += w * code;
      sum_qq += w * code * code;
      sum_xq += w * code * x[i];
    }
    const float determinant = sum_w * sum_qq - sum_q * sum_q;
    if (!(determinant > 0)) return false;
    scale = (sum_w * sum_xq - sum_x * sum_q) / determinant;
    low = (sum_qq * sum_x - sum_q * sum_xq) / determinant;
    if (low > 0) low = 0, scale = sum_xq / sum_qq;
    return true;
  }
};

}  // namespace

AffineFit fit_affine(const float* x, const float* weights, int n, int top, const AffineTrials& trials,
                     uint8_t* codes) {
  AffineSearch s{x, weights, n, top, trials.absolute};
  float low = x[0], high = x[0];
  for (int i = 0; i < n; ++i) {
    low = std::min(low, x[i]), high = std::max(high, x[i]);
    s.sum_w += weights[i], s.sum_x += weights[i] * x[i];
  }
  if (low > 0) low = 0;  // the format subtracts its min: 0 must be within reach
  if (high == low) {
    std::fill_n(codes, n, uint8_t{0});
    return {0, -low};
  }
  float inverse = static_cast<float>(top) / (high - low);
  float scale = 1 / inverse;
  s.code(inverse, low);
  float least = s.error(scale, low);
  std::copy_n(s.q, n, codes);
  for (int t = 0; t <= trials.count; ++t) {
    // The range of a trial starts at the best offset so far, not at the least element.
    inverse = (trials.first + trials.step * static_cast<float>(t) + static_cast<float>(top)) / (high - low);
    s.code(inverse, low);
    float trial_scale, trial_low;
    if (!s.regress(trial_scale, trial_low)) continue;
    const float e = s.error(trial_scale, trial_low);
    if (e < least) {
      least = e, scale = trial_scale, low = trial_low;
      std::copy_n(s.q, n, codes);
    }
  }
  return {scale, -low};
}

}  // namespace ridge::formats

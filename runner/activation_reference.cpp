#include "runner/activation_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"

namespace sepconv::runner {
namespace {

using Kind = ActivationKind;

/// Results of the functions with an exponential may be this small where they ought to be smaller, or zero.
double underflow_of(Kind kind, DataType dtype) {
  static const std::set<Kind> exact = {Kind::relu,        Kind::hard_sigmoid, Kind::hard_sigmoid_keras2,
                                       Kind::hard_silu,   Kind::hard_tanh,    Kind::sparse_plus,
                                       Kind::soft_shrink, Kind::hard_shrink,  Kind::sparse_sigmoid,
                                       Kind::threshold,   Kind::softsign,     Kind::squareplus};
  if (exact.count(kind) != 0) return 0;
  return accumulator_type(dtype) == DataType::float64 ? std::numeric_limits<double>::min()
                                                      : std::numeric_limits<float>::min();
}

double clip(double v, double low, double high) { return std::min(std::max(v, low), high); }

double sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

double relu(const Activation& a, double x) {
  if (x >= a.max_value) return a.max_value;
  if (x > a.threshold || (a.threshold == 0 && x == 0)) return x;
  return a.negative_slope == 0 ? 0.0 : a.negative_slope * (x - a.threshold);
}

/// The magnitude of the terms that a function adds up: more than its value where they cancel.
double terms_of(const Activation& a, double x, double value) {
  switch (a.kind) {
    case Kind::squareplus: return std::abs(value) + std::abs(x) + std::sqrt(std::abs(a.alpha));
    case Kind::tanh_shrink: return std::abs(value) + std::abs(x);
    case Kind::gelu:  // 1 + erf(...), which Keras and TensorFlow compute as written, is near 0 for negative x
    case Kind::gelu_tanh: return std::abs(value) + std::abs(x) / 2;
    default: return std::abs(value);
  }
}

/// The line as it is when each value is as large as it may be.
double log_sum_growth(std::span<const Bounded> line, double largest, double sum) {
  double grown = 0;
  for (const Bounded& x : line) grown += std::exp(x.value - largest + x.error);
  return std::log(grown / sum);
}

void softmax_line(bool logarithm, std::span<const Bounded> line, std::span<Bounded> out, DataType dtype) {
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (const Bounded& x : line) largest = std::max(largest, x.value);
  for (const Bounded& x : line) sum += std::exp(x.value - largest);
  const double growth = log_sum_growth(line, largest, sum), eps = accumulator_epsilon(dtype);
  const double sum_terms = std::sqrt(static_cast<double>(line.size())) + 4;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const double below = line[i].value - largest, moved = line[i].error + growth;
    if (logarithm) {
      const double value = below - std::log(sum);
      out[i] = {value, moved + 4 * eps * (std::abs(line[i].value) + std::abs(largest) + std::abs(value) + sum_terms)};
    } else {
      const double value = std::exp(below) / sum;
      const double own = 4 * eps * (sum_terms + std::abs(below));
      out[i] = {value, value * std::expm1(moved + own) + underflow_of(Kind::softmax, dtype)};
    }
  }
}

/// Keras sums its cumulative sums: with the k largest values in the support, tau = (sum_{j<=k} sum_{i<=j} x_i - 1) / k.
void sparsemax_line(std::span<const Bounded> line, std::span<Bounded> out, DataType dtype) {
  std::vector<Bounded> sorted(line.begin(), line.end());
  std::sort(sorted.begin(), sorted.end(), [](const Bounded& a, const Bounded& b) { return a.value > b.value; });
  const double eps = accumulator_epsilon(dtype);
  double largest_error = 0, cumulative = 0, magnitude = 0, tau_sum = 0, tau_magnitude = 0;
  for (const Bounded& x : line) largest_error = std::max(largest_error, x.error);
  struct Candidate {
    Bounded tau;
    bool chosen;
  };
  std::vector<Candidate> candidates;  // every threshold that rounding may lead to; the right one among them
  for (std::size_t j = 0; j < sorted.size(); ++j) {
    const double count = static_cast<double>(j + 1);
    cumulative += sorted[j].value;
    magnitude += std::abs(sorted[j].value);
    tau_sum += cumulative;
    tau_magnitude += magnitude;
    const double margin = sorted[j].value - (cumulative - 1) / count;
    const double doubt = 2 * largest_error + 4 * eps * (magnitude + 1);
    if (margin <= -doubt) break;  // margins only fall
    // Until the last sure element, thresholds of shorter supports are overwritten.
    if (margin > doubt) candidates.clear();
    if (margin > 0)
      for (Candidate& candidate : candidates) candidate.chosen = false;
    candidates.push_back(
        {{(tau_sum - 1) / count, largest_error * (count + 1) / 2 + 4 * eps * (tau_magnitude + 1) / count}, margin > 0});
  }
  for (std::size_t i = 0; i < line.size(); ++i) {
    Bounded y;
    for (const Candidate& candidate : candidates)
      if (candidate.chosen) y.value = std::max(line[i].value - candidate.tau.value, 0.0);
    for (const Candidate& candidate : candidates)
      y.error = std::max(y.error, std::abs(std::max(line[i].value - candidate.tau.value, 0.0) - y.value) +
                                      candidate.tau.error + line[i].error + 4 * eps * std::abs(line[i].value));
    out[i] = y;
  }
}

void glu_line(std::span<const Bounded> line, std::span<Bounded> out, DataType dtype) {
  const std::size_t half = line.size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    const Bounded a = line[i], gate = activate_bounded({Kind::sigmoid}, line[half + i], dtype);
    const double value = a.value * gate.value;
    out[i] = {value, std::abs(a.value) * gate.error + a.error * (std::abs(gate.value) + gate.error) +
                         accumulator_epsilon(dtype) * std::abs(value)};
  }
}

}  // namespace

double accumulator_epsilon(DataType dtype) {
  return accumulator_type(dtype) == DataType::float64 ? std::numeric_limits<double>::epsilon()
                                                      : std::numeric_limits<float>::epsilon();
}

double storage_rounding(DataType dtype, double magnitude) {
  switch (dtype) {
    case DataType::float16: return std::max(0x1p-11 * magnitude, 0x1p-25);
    case DataType::bfloat16:
      return std::max(0x1p-8 * magnitude, static_cast<double>(std::numeric_limits<float>::min()));
    default: return 0;
  }
}

double activate(const Activation& a, double x) {
  switch (a.kind) {
    // The functions that compare; the others carry NaN through their arithmetic, but for clip.
    case Kind::soft_shrink: return x > a.threshold ? x - a.threshold : x < -a.threshold ? x + a.threshold : 0.0;
    case Kind::hard_shrink: return std::abs(x) > a.threshold ? x : 0.0;
    case Kind::threshold: return x > a.threshold ? x : a.default_value;
    default: break;
  }
  if (std::isnan(x)) return x;
  switch (a.kind) {
    case Kind::linear: return x;
    case Kind::relu: return relu(a, x);
    case Kind::elu: return x > 0 ? x : a.alpha * std::expm1(x);
    case Kind::selu: return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));
    case Kind::celu: return std::max(x, 0.0) + a.alpha * std::expm1(std::min(x, 0.0) / a.alpha);
    case Kind::sigmoid: return sigmoid(x);
    case Kind::tanh: return std::tanh(x);
    case Kind::silu: return x * sigmoid(x);
    case Kind::gelu: return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
    case Kind::gelu_tanh:  // 0.5 (1 + tanh(u)) = sigmoid(2 u)
      return x * sigmoid(2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x));
    case Kind::softplus: return softplus(x);
    case Kind::softsign: return x / (1 + std::abs(x));
    case Kind::exponential: return std::exp(x);
    case Kind::hard_sigmoid: return clip(x / 6 + 0.5, 0, 1);
    case Kind::hard_sigmoid_keras2: return clip(0.2 * x + 0.5, 0, 1);
    case Kind::hard_silu: return x * clip(x / 6 + 0.5, 0, 1);
    case Kind::hard_tanh: return clip(x, -1, 1);
    case Kind::mish: return x * std::tanh(softplus(x));
    case Kind::log_sigmoid: return -softplus(-x);
    case Kind::squareplus: return (x + std::sqrt(x * x + a.alpha)) / 2;
    case Kind::sparse_plus: return x <= -1 ? 0.0 : x < 1 ? (x + 1) * (x + 1) / 4 : x;
    case Kind::sparse_sigmoid: return clip((x + 1) / 2, 0, 1);
    case Kind::tanh_shrink: return x - std::tanh(x);
    default:
      throw std::invalid_argument("activate: " + to_text(a) + " works along an axis; expected an elementwise one");
  }
}

Bounded activate_bounded(const Activation& activation, Bounded x, DataType dtype) {
  if (activation.kind == Kind::linear) return x;
  const double value = activate(activation, x.value);
  double error = 0;
  for (const double end : {x.value - x.error, x.value + x.error})
    error = std::max(error, std::abs(activate(activation, end) - value));
  return {value, error + 4 * accumulator_epsilon(dtype) * terms_of(activation, x.value, value) +
                     underflow_of(activation.kind, dtype)};
}

void activate_line(const Activation& activation, std::span<const Bounded> line, std::span<Bounded> out,
                   DataType dtype) {
  const bool glu = activation.kind == Kind::glu;
  if (glu && line.size() % 2 != 0)
    throw std::invalid_argument("glu: the axis has " + std::to_string(line.size()) +
                                " elements; expected an even number");
  if (out.size() != (glu ? line.size() / 2 : line.size()))
    throw std::invalid_argument("activate_line: room for " + std::to_string(out.size()) + " results of " +
                                std::to_string(line.size()) + " elements");
  if (!glu && std::any_of(line.begin(), line.end(), [](const Bounded& x) { return std::isnan(x.value); })) {
    std::fill(out.begin(), out.end(), Bounded{std::numeric_limits<double>::quiet_NaN(), 0});
    return;
  }
  switch (activation.kind) {
    case Kind::softmax: return softmax_line(false, line, out, dtype);
    case Kind::log_softmax: return softmax_line(true, line, out, dtype);
    case Kind::sparsemax: return sparsemax_line(line, out, dtype);
    case Kind::glu: return glu_line(line, out, dtype);
    default:
      throw std::invalid_argument("activate_line: " + to_text(activation) +
                                  " is elementwise; expected one along an axis");
  }
}

}  // namespace sepconv::runner

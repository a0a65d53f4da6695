#include "reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace sepconv {
namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();

/// A sum before its activation: its value and the sum of the magnitudes of its terms.
struct Sum {
  double value = 0;
  double magnitude = 0;
  void add(double term, double term_magnitude) {
    value += term;
    magnitude += term_magnitude;
  }
};

/// What `terms` float32 roundings may do to a sum.
double rounding(const Sum& sum, double terms) { return 4 * kEps * std::sqrt(terms) * sum.magnitude; }

/// How far act(x') may be from act(sum) in float32 when x' is within `error` of the sum. Taking both ends rather than a
/// slope also covers functions with a jump, where a correct kernel may land on either side.
double error_after(const Activation& activation, const Sum& sum, double error) {
  if (activation.kind == ActivationKind::linear) return error;
  const double value = activate(activation, sum.value);
  double result = 0;
  for (const double end : {sum.value - error, sum.value + error})
    result = std::max(result, std::abs(activate(activation, end) - value));
  // The function's own arithmetic; squareplus subtracts two numbers of about |x| for negative x.
  double inner = std::abs(value);
  if (activation.kind == ActivationKind::squareplus) inner += std::abs(sum.value) + 2;
  return result + 4 * kEps * inner;
}

/// Reads weights and input by the problem's own indices.
class Evaluator {
 public:
  Evaluator(const ConvProblem& problem, const ConvWeights& weights, std::span<const float> input)
      : p_(problem), w_(weights), input_(input) {}

  /// All output channels of output row `oh` of image `n`.
  void row(std::int64_t n, std::int64_t oh, ReferenceOutput& out) const {
    std::vector<Sum> middle(p_.has_depthwise() ? p_.middle_channels() : p_.IC);
    std::vector<double> value(p_.OC), magnitude(p_.OC);
    for (std::int64_t ow = 0; ow < p_.OW(); ++ow) {
      for (std::size_t q = 0; q < middle.size(); ++q)
        middle[q] = p_.has_depthwise() ? depthwise(n, oh, ow, static_cast<std::int64_t>(q))
                                       : sampled(n, oh, ow, static_cast<std::int64_t>(q));
      if (!p_.has_pointwise()) {
        for (std::int64_t c = 0; c < p_.OC; ++c) store(n, oh, ow, c, middle[c], taps() + 1, out);
        continue;
      }
      for (std::int64_t f = 0; f < p_.OC; ++f) {
        value[f] = p_.output.bias ? w_.bias[f] : 0.0;
        magnitude[f] = std::abs(value[f]);
      }
      for (std::size_t q = 0; q < middle.size(); ++q)
        for (std::int64_t f = 0; f < p_.OC; ++f) {
          const double weight = w_.pointwise[q * p_.OC + f];
          value[f] += middle[q].value * weight;
          magnitude[f] += middle[q].magnitude * std::abs(weight);
        }
      const double terms = static_cast<double>(middle.size()) + (p_.has_depthwise() ? taps() + 1 : 0) + 1;
      for (std::int64_t f = 0; f < p_.OC; ++f) store(n, oh, ow, f, {value[f], magnitude[f]}, terms, out);
    }
  }

 private:
  double taps() const { return static_cast<double>(p_.KH) * p_.KW; }

  /// X[n, ih, iw, c], zero outside the image.
  double x(std::int64_t n, std::int64_t ih, std::int64_t iw, std::int64_t c) const {
    if (ih < 0 || ih >= p_.IH || iw < 0 || iw >= p_.IW) return 0;
    const std::int64_t index = p_.layout == Layout::nhwc ? ((n * p_.IH + ih) * p_.IW + iw) * p_.IC + c
                                                         : ((n * p_.IC + c) * p_.IH + ih) * p_.IW + iw;
    return input_[index];
  }

  /// The input of a pointwise problem at an output position; exact, so its magnitude is its own.
  Sum sampled(std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t c) const {
    const double value = x(n, oh * p_.stride_h - p_.pad_top, ow * p_.stride_w - p_.pad_left, c);
    return {value, std::abs(value)};
  }

  /// D[n, oh, ow, q]: before the output epilogue of a depthwise problem, after the middle one of a separable problem.
  Sum depthwise(std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t q) const {
    const std::int64_t m = p_.depth_multiplier, c = q / m;
    Sum sum;
    for (std::int64_t kh = 0; kh < p_.KH; ++kh)
      for (std::int64_t kw = 0; kw < p_.KW; ++kw) {
        const double product = x(n, oh * p_.stride_h + kh * p_.dilation_h - p_.pad_top,
                                 ow * p_.stride_w + kw * p_.dilation_w - p_.pad_left, c) *
                               w_.depthwise[((kh * p_.KW + kw) * p_.IC + c) * m + q % m];
        sum.add(product, std::abs(product));
      }
    const bool separable = p_.op == ConvOp::separable;
    const Epilogue& epilogue = separable ? p_.middle : p_.output;
    if (epilogue.bias) {
      const double bias = (separable ? w_.middle_bias : w_.bias)[q];
      sum.add(bias, std::abs(bias));
    }
    if (!separable || epilogue.activation.kind == ActivationKind::linear) return sum;
    // The magnitude that carries the same error on: a ReLU that cuts a sum off cuts its error off too.
    const double terms = taps() + 1;
    const double value = activate(epilogue.activation, sum.value);
    const double carried = error_after(epilogue.activation, sum, rounding(sum, terms)) / (4 * kEps * std::sqrt(terms));
    return {value, std::max(std::abs(value), carried)};
  }

  void store(std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t c, Sum sum, double terms,
             ReferenceOutput& out) const {
    const std::int64_t index = p_.layout == Layout::nhwc ? ((n * p_.OH() + oh) * p_.OW() + ow) * p_.OC + c
                                                         : ((n * p_.OC + c) * p_.OH() + oh) * p_.OW() + ow;
    out.values[index] = activate(p_.output.activation, sum.value);
    out.limits[index] = error_after(p_.output.activation, sum, rounding(sum, terms));
  }

  const ConvProblem& p_;
  const ConvWeights& w_;
  std::span<const float> input_;
};

}  // namespace

double activate(const Activation& a, double x) {
  if (std::isnan(x)) return x;
  const auto clip = [](double v, double low, double high) { return std::min(std::max(v, low), high); };
  switch (a.kind) {
    case ActivationKind::linear: return x;
    case ActivationKind::relu:
      if (x >= a.max_value) return a.max_value;
      if (x > a.threshold || (a.threshold == 0 && x == 0)) return x;
      return a.negative_slope == 0 ? 0.0 : double{a.negative_slope} * (x - a.threshold);
    case ActivationKind::hard_sigmoid: return clip(x / 6 + 0.5, 0, 1);
    case ActivationKind::hard_sigmoid_keras2: return clip(0.2 * x + 0.5, 0, 1);
    case ActivationKind::hard_silu: return x * clip(x / 6 + 0.5, 0, 1);
    case ActivationKind::hard_tanh: return clip(x, -1, 1);
    case ActivationKind::softsign: return x / (1 + std::abs(x));
    case ActivationKind::soft_shrink: return x > 0.5 ? x - 0.5 : x < -0.5 ? x + 0.5 : 0.0;
    case ActivationKind::hard_shrink: return std::abs(x) > 0.5 ? x : 0.0;
    case ActivationKind::sparse_plus: return x <= -1 ? 0.0 : x < 1 ? (x + 1) * (x + 1) / 4 : x;
    case ActivationKind::sparse_sigmoid: return clip((x + 1) / 2, 0, 1);
    case ActivationKind::squareplus: return (x + std::sqrt(x * x + 4)) / 2;
  }
  throw std::invalid_argument("activate: unknown activation " + std::to_string(static_cast<int>(a.kind)));
}

std::int64_t input_elems(const ConvProblem& p) { return std::int64_t{p.IH} * p.IW * p.IC; }
std::int64_t output_elems(const ConvProblem& p) { return std::int64_t{p.OH()} * p.OW() * p.OC; }

ReferenceOutput reference_with_limits(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const float> input, int threads) {
  if (problem.is_dynamic())
    throw std::invalid_argument("reference: needs static extents, received " + to_text(problem));
  validate(problem);
  validate(weights, problem);
  if (batch < 0 || std::cmp_not_equal(input.size(), batch * input_elems(problem)))
    throw std::invalid_argument("reference: input has " + std::to_string(input.size()) + " elements, but " +
                                std::to_string(batch) + " images of " + std::to_string(input_elems(problem)) +
                                " are wanted");
  ReferenceOutput out;
  out.values.resize(batch * output_elems(problem));
  out.limits.resize(out.values.size());
  const Evaluator evaluator(problem, weights, input);
  const std::int64_t rows = batch * problem.OH();
  const auto work = [&](std::int64_t first, std::int64_t step) {
    for (std::int64_t r = first; r < rows; r += step) evaluator.row(r / problem.OH(), r % problem.OH(), out);
  };
  std::vector<std::jthread> pool;
  for (int t = 1; t < threads; ++t) pool.emplace_back(work, t, std::max(threads, 1));
  work(0, std::max(threads, 1));
  pool.clear();
  return out;
}

std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const float> input, int threads) {
  return reference_with_limits(problem, weights, batch, input, threads).values;
}

}  // namespace sepconv

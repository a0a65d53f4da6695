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

/// Whether values are rounded where a 16-bit kernel stores them, or only the limits know of it.
enum class Storage { exact, rounded };

/// A sum before its activation.
struct Sum {
  double value = 0;
  double magnitude = 0;       // of its terms, each as large as the accumulator's rounding errors in it make it
  double stored = 0;          // what roundings to a 16-bit type may do to it, at most
  double stored_squared = 0;  // the sum of their squares
};

/// Roundings are independent, and five times their root mean square is far beyond what their sum reaches.
double storage_error(const Sum& sum) { return std::min(sum.stored, 5 * std::sqrt(sum.stored_squared)); }

std::vector<double> rounded_values(const WeightArray& weights, DataType dtype) {
  std::vector<double> values = weights.to_doubles();
  for (double& value : values) value = round_to(dtype, value);
  return values;
}

/// Weights and input in the problem's type, as doubles.
struct Operands {
  std::vector<double> depthwise, middle_bias, pointwise, bias, input;
};

Operands operands_of(const ConvProblem& p, const ConvWeights& w, std::span<const double> input) {
  Operands operands{rounded_values(w.depthwise, p.dtype),
                    rounded_values(w.middle_bias, p.dtype),
                    rounded_values(w.pointwise, p.dtype),
                    rounded_values(w.bias, p.dtype),
                    {input.begin(), input.end()}};
  for (double& value : operands.input) value = round_to(p.dtype, value);
  return operands;
}

/// Reads weights and input by the problem's own indices; the problem has no activation along an axis.
class Evaluator {
 public:
  Evaluator(const ConvProblem& problem, const Operands& operands, Storage storage)
      : p_(problem), w_(operands), storage_(storage), eps_(accumulator_epsilon(problem.dtype)) {}

  /// All output channels of output row `oh` of image `n`.
  void row(std::int64_t n, std::int64_t oh, ReferenceOutput& out) const {
    std::vector<Sum> middle(p_.has_depthwise() ? p_.middle_channels() : p_.IC), sums(p_.OC);
    for (std::int64_t ow = 0; ow < p_.OW(); ++ow) {
      for (std::size_t q = 0; q < middle.size(); ++q)
        middle[q] = p_.has_depthwise() ? depthwise(n, oh, ow, static_cast<std::int64_t>(q))
                                       : sampled(n, oh, ow, static_cast<std::int64_t>(q));
      if (!p_.has_pointwise()) {
        for (std::int64_t c = 0; c < p_.OC; ++c) store(n, oh, ow, c, middle[c], taps() + 1, out);
        continue;
      }
      pointwise(middle, sums);
      const double terms = static_cast<double>(middle.size()) + (p_.has_depthwise() ? taps() + 1 : 0) + 1;
      for (std::int64_t f = 0; f < p_.OC; ++f) store(n, oh, ow, f, sums[f], terms, out);
    }
  }

 private:
  double taps() const { return static_cast<double>(p_.KH) * p_.KW; }
  /// What `terms` roundings of the accumulator may do to a sum.
  double rounding(double terms) const { return 4 * eps_ * std::sqrt(terms); }

  /// X[n, ih, iw, c], zero outside the image.
  double x(std::int64_t n, std::int64_t ih, std::int64_t iw, std::int64_t c) const {
    if (ih < 0 || ih >= p_.IH || iw < 0 || iw >= p_.IW) return 0;
    const std::int64_t index = p_.layout == Layout::nhwc ? ((n * p_.IH + ih) * p_.IW + iw) * p_.IC + c
                                                         : ((n * p_.IC + c) * p_.IH + ih) * p_.IW + iw;
    return w_.input[index];
  }

  /// The input of a pointwise problem at an output position; exact, so its magnitude is its own.
  Sum sampled(std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t c) const {
    const double value = x(n, oh * p_.stride_h - p_.pad_top, ow * p_.stride_w - p_.pad_left, c);
    return {value, std::abs(value)};
  }

  /// Stores the value in the problem's type, beyond whose range it is infinite whatever storage_ says; `error` is how
  /// far a kernel's own value may be from it before.
  void round_stored(Sum& sum, double error) const {
    const double rounding = storage_rounding(p_.dtype, std::abs(sum.value) + error);
    sum.stored += rounding;
    sum.stored_squared += rounding * rounding;
    const double stored = round_to(p_.dtype, sum.value);
    if (storage_ == Storage::rounded || std::isinf(stored)) sum.value = stored;
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
        sum.value += product;
        sum.magnitude += std::abs(product);
      }
    round_stored(sum, rounding(taps()) * sum.magnitude);
    const bool separable = p_.op == ConvOp::separable;
    const Epilogue& epilogue = separable ? p_.middle : p_.output;
    if (epilogue.bias) {
      const double bias = (separable ? w_.middle_bias : w_.bias)[q];
      sum.value += bias;
      sum.magnitude += std::abs(bias);
    }
    return separable ? after_middle(sum, epilogue) : sum;
  }

  /// The magnitude behind an activation carries the same error on: a ReLU that cuts a sum off cuts its error off too.
  Sum after_middle(const Sum& sum, const Epilogue& epilogue) const {
    Sum result = sum;
    const double unit = rounding(taps() + 1);
    if (epilogue.activation.kind != ActivationKind::linear) {
      const double own = unit * sum.magnitude, stored = storage_error(sum);
      const Bounded both = activate_bounded(epilogue.activation, {sum.value, own + stored}, p_.dtype);
      const Bounded alone = activate_bounded(epilogue.activation, {sum.value, own}, p_.dtype);
      const double rest = std::max(both.error - alone.error, 0.0);
      result = {alone.value, std::max(std::abs(alone.value), alone.error / unit), rest, rest * rest};
    }
    if (epilogue.bias || epilogue.activation.kind != ActivationKind::linear)
      round_stored(result, unit * result.magnitude + storage_error(result));
    return result;
  }

  /// sums[f] = sum_q middle[q] * KP[q, f] + bias.
  void pointwise(const std::vector<Sum>& middle, std::vector<Sum>& sums) const {
    for (std::size_t f = 0; f < sums.size(); ++f) {
      const double bias = p_.output.bias ? w_.bias[f] : 0.0;
      sums[f] = {bias, std::abs(bias)};
    }
    for (std::size_t q = 0; q < middle.size(); ++q) {
      const Sum& term = middle[q];
      for (std::size_t f = 0; f < sums.size(); ++f) {
        const double weight = w_.pointwise[q * sums.size() + f];
        sums[f].value += term.value * weight;
        sums[f].magnitude += term.magnitude * std::abs(weight);
        sums[f].stored += term.stored * std::abs(weight);
        sums[f].stored_squared += term.stored_squared * weight * weight;
      }
    }
  }

  void store(std::int64_t n, std::int64_t oh, std::int64_t ow, std::int64_t c, const Sum& sum, double terms,
             ReferenceOutput& out) const {
    const std::int64_t index = p_.layout == Layout::nhwc ? ((n * p_.OH() + oh) * p_.OW() + ow) * p_.OC + c
                                                         : ((n * p_.OC + c) * p_.OH() + oh) * p_.OW() + ow;
    const double error = rounding(terms) * sum.magnitude + storage_error(sum);
    const Bounded result = activate_bounded(p_.output.activation, {sum.value, error}, p_.dtype);
    out.values[index] = storage_ == Storage::rounded ? round_to(p_.dtype, result.value) : result.value;
    out.limits[index] = result.error + storage_rounding(p_.dtype, std::abs(result.value) + result.error);
  }

  const ConvProblem& p_;
  const Operands& w_;
  const Storage storage_;
  const double eps_;
};

/// Elements of one image of what a kernel writes, before an activation along an axis.
std::int64_t kernel_elems(const ConvProblem& p) { return std::int64_t{p.OH()} * p.OW() * p.OC; }

/// Applies an activation along an axis to what the kernel computes.
ReferenceOutput along_axis(const ConvProblem& p, std::int64_t batch, const ReferenceOutput& in, Storage storage) {
  const Activation& activation = p.output.activation;
  std::vector<std::int64_t> extents = {batch, p.OH(), p.OW(), p.OC};
  if (p.layout == Layout::nchw) extents = {batch, p.OC, p.OH(), p.OW()};
  const auto axis = static_cast<std::size_t>(std::int64_t{4} + activation.axis);
  if (axis < 1 || axis > 3)
    throw std::invalid_argument("reference: " + to_text(activation) + " works along axis " +
                                std::to_string(activation.axis) + "; expected -1, -2 or -3");
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < 4; ++i) inner *= extents[i];
  const std::int64_t length = extents[axis], out_length = activation.kind == ActivationKind::glu ? length / 2 : length;
  std::vector<Bounded> line(static_cast<std::size_t>(length)), result(static_cast<std::size_t>(out_length));
  ReferenceOutput out;
  const std::int64_t lines = length == 0 ? 0 : static_cast<std::int64_t>(in.values.size()) / length;
  out.values.resize(static_cast<std::size_t>(lines * out_length));
  out.limits.resize(out.values.size());
  for (std::int64_t at = 0; at < lines; ++at) {
    const std::int64_t first = at / inner * inner * length + at % inner;
    for (std::int64_t i = 0; i < length; ++i) line[i] = {in.values[first + i * inner], in.limits[first + i * inner]};
    activate_line(activation, line, result, p.dtype);
    const std::int64_t out_first = at / inner * inner * out_length + at % inner;
    for (std::int64_t i = 0; i < out_length; ++i) {
      const double value = result[i].value;
      out.values[out_first + i * inner] = storage == Storage::rounded ? round_to(p.dtype, value) : value;
      out.limits[out_first + i * inner] =
          result[i].error + storage_rounding(p.dtype, std::abs(value) + result[i].error);
    }
  }
  return out;
}

ReferenceOutput evaluate(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                         std::span<const double> input, int threads, Storage storage) {
  if (problem.is_dynamic())
    throw std::invalid_argument("reference: needs static extents, received " + to_text(problem));
  validate(problem);
  validate(weights, problem);
  if (batch < 0 || std::cmp_not_equal(input.size(), batch * input_elems(problem)))
    throw std::invalid_argument("reference: input has " + std::to_string(input.size()) + " elements, but " +
                                std::to_string(batch) + " images of " + std::to_string(input_elems(problem)) +
                                " are wanted");
  const ConvProblem kernel = kernel_problem(problem);
  ReferenceOutput out;
  out.values.resize(batch * kernel_elems(kernel));
  out.limits.resize(out.values.size());
  const Operands operands = operands_of(kernel, weights, input);
  const Evaluator evaluator(kernel, operands, storage);
  const std::int64_t rows = batch * kernel.OH();
  const auto work = [&](std::int64_t first, std::int64_t step) {
    for (std::int64_t r = first; r < rows; r += step) evaluator.row(r / kernel.OH(), r % kernel.OH(), out);
  };
  std::vector<std::jthread> pool;
  for (int t = 1; t < threads; ++t) pool.emplace_back(work, t, std::max(threads, 1));
  work(0, std::max(threads, 1));
  pool.clear();
  return is_elementwise(problem.output.activation.kind) ? out : along_axis(problem, batch, out, storage);
}

}  // namespace

std::int64_t input_elems(const ConvProblem& p) { return std::int64_t{p.IH} * p.IW * p.IC; }

std::int64_t output_elems(const ConvProblem& p) {
  return p.output.activation.kind == ActivationKind::glu ? kernel_elems(p) / 2 : kernel_elems(p);
}

ReferenceOutput reference_with_limits(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const double> input, int threads) {
  return evaluate(problem, weights, batch, input, threads, Storage::exact);
}

std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const double> input, int threads) {
  return evaluate(problem, weights, batch, input, threads, Storage::exact).values;
}

std::vector<double> reference_rounded(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const double> input, int threads) {
  return evaluate(problem, weights, batch, input, threads, Storage::rounded).values;
}

std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const float> input, int threads) {
  return reference(problem, weights, batch, std::vector<double>(input.begin(), input.end()), threads);
}

}  // namespace sepconv

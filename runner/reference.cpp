#include "runner/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace sepconv::runner {
namespace {

/// Whether values are rounded where a 16-bit kernel stores them, or only the limits know of it.
enum class Storage { exact, rounded };

/// A sum, and what the steps behind it make of it.
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

/// A stage's weights and the constants of its steps, those that have one in their order: in the problem's type, as
/// doubles.
struct StageValues {
  std::vector<double> weights;
  std::vector<std::vector<double>> constants;
};

std::vector<StageValues> values_of(const ConvProblem& p, const ConvWeights& weights) {
  std::vector<StageValues> values(p.stages.size());
  const std::vector<Argument> arguments = weights_of(p);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    StageValues& stage = values[arguments[i].stage];
    std::vector<double> array = rounded_values(weights.arrays[i], p.dtype);
    if (arguments[i].kind == ArgumentKind::weights)
      stage.weights = std::move(array);
    else
      stage.constants.push_back(std::move(array));
  }
  return values;
}

/// Where an element of an image is.
struct Position {
  std::int64_t h, w, c;
};

/// Where element (h, w, c) of image `n` lies.
std::int64_t index_of(Layout layout, const Extents& e, std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
  return layout == Layout::nhwc ? ((n * e.H + h) * e.W + w) * e.C + c : ((n * e.C + c) * e.H + h) * e.W + w;
}

/// The operands of one image.
struct ImageOperands {
  const ConvProblem* problem;
  const Operands* all;
  std::int64_t n;

  double at(std::size_t number, Broadcast broadcast, const Extents& e, const Position& at) const {
    const bool channels = broadcast == Broadcast::channels, pixels = broadcast == Broadcast::pixels;
    const Extents own{channels ? 1 : e.H, channels ? 1 : e.W, pixels ? 1 : e.C};
    const auto index = index_of(problem->layout, own, n, channels ? 0 : at.h, channels ? 0 : at.w, pixels ? 0 : at.c);
    return round_to(problem->dtype, (*all)[number][static_cast<std::size_t>(index)]);
  }
};

/// The sums of an image, [H, W, C] whatever the problem's layout.
struct SumImage {
  Extents extents;
  std::vector<Sum> sums;
  const Sum* at(std::int64_t h, std::int64_t w) const { return &sums[(h * extents.W + w) * extents.C]; }
  Sum* at(std::int64_t h, std::int64_t w) { return &sums[(h * extents.W + w) * extents.C]; }
};

/// One stage of a problem without an activation along an axis, by the indices of its definition.
class StageEvaluator {
 public:
  /// @param terms  roundings behind each of the stage's inputs
  StageEvaluator(const ConvProblem& problem, std::size_t index, const StageValues& values,
                 const ImageOperands& operands, Storage storage, double terms)
      : dtype_(problem.dtype),
        stage_(problem.stages[index]),
        in_(problem.extents_after(index)),
        out_(problem.extents_after(index + 1)),
        values_(values),
        operands_(operands),
        storage_(storage),
        eps_(accumulator_epsilon(problem.dtype)),
        sum_terms_(terms + products()),
        terms_(sum_terms_ + std::max(1.0, static_cast<double>(rounded_steps()))) {}

  double terms() const { return terms_; }

  /// The sums of output row `oh`, without the epilogue.
  void row(const SumImage& in, std::int64_t oh, SumImage& out) const {
    using Pixel = void (StageEvaluator::*)(const SumImage&, std::int64_t, std::int64_t, Sum*) const;
    constexpr Pixel kPixels[] = {&StageEvaluator::depthwise, &StageEvaluator::conv,  // in the order of StageKind
                                 &StageEvaluator::max_pool, &StageEvaluator::average_pool, &StageEvaluator::copy};
    for (std::int64_t ow = 0; ow < out_.W; ++ow)
      (this->*kPixels[static_cast<int>(stage_.kind)])(in, oh, ow, out.at(oh, ow));
  }

  /// What the next stage reads, of the sum at that place.
  Sum finished(const Sum& sum, const Position& at) const {
    Sum result = stepped(sum, at, stage_.epilogue.size());
    if (stage_.kind != StageKind::depthwise || !stage_.epilogue.empty())
      round_stored(result, rounding(terms_) * result.magnitude + storage_error(result));
    return result;
  }

  /// What the last stage stores at `index`, of the sum at that place.
  void store(const Sum& sum, const Position& at, std::int64_t index, ReferenceOutput& out) const {
    const Epilogue& steps = stage_.epilogue;
    const bool ends_activated = !steps.empty() && steps.back().kind == EpilogueKind::activation;
    const Sum before = stepped(sum, at, steps.size() - ends_activated);
    const double error = rounding(terms_) * before.magnitude + storage_error(before);
    const Bounded result =
        activate_bounded(ends_activated ? steps.back().activation : Activation{}, {before.value, error}, dtype_);
    out.values[index] = storage_ == Storage::rounded ? round_to(dtype_, result.value) : result.value;
    out.limits[index] = result.error + storage_rounding(dtype_, std::abs(result.value) + result.error);
  }

 private:
  double taps() const { return static_cast<double>(stage_.window.KH) * stage_.window.KW; }
  double products() const { return stage_.kind == StageKind::conv ? taps() * in_.C : taps(); }
  /// Steps that round once.
  std::ptrdiff_t rounded_steps() const {
    return std::count_if(stage_.epilogue.begin(), stage_.epilogue.end(),
                         [](const EpilogueStep& step) { return step.kind != EpilogueKind::activation; });
  }
  /// What `terms` roundings of the accumulator may do to a sum.
  double rounding(double terms) const { return 4 * eps_ * std::sqrt(terms); }

  static void add(Sum& sum, const Sum& term, double weight) {
    sum.value += term.value * weight;
    sum.magnitude += term.magnitude * std::abs(weight);
    sum.stored += term.stored * std::abs(weight);
    sum.stored_squared += term.stored_squared * weight * weight;
  }

  static void add_value(Sum& sum, double other) {
    sum.value += other;
    sum.magnitude += std::abs(other);
  }

  /// @param most  what the factor makes of an error, at most
  static void multiply(Sum& sum, double factor, double most) {
    sum.value *= factor;
    sum.magnitude *= most;
    sum.stored *= most;
    sum.stored_squared *= most * most;
  }

  /// A choice between two values is as far from the right one as these are.
  static void choose(Sum& sum, double value, double other) {
    sum.value = value;
    sum.magnitude = std::max(sum.magnitude, std::abs(other));
  }

  /// What a step with a constant or an operand makes of the sum.
  static void combine(Sum& sum, EpilogueKind kind, double other) {
    switch (kind) {
      case EpilogueKind::bias:
      case EpilogueKind::add: return add_value(sum, other);
      case EpilogueKind::subtract: return add_value(sum, -other);
      case EpilogueKind::scale:
      case EpilogueKind::multiply: return multiply(sum, other, std::abs(other));
      case EpilogueKind::prelu: return multiply(sum, sum.value < 0 ? other : 1, std::max(1.0, std::abs(other)));
      case EpilogueKind::maximum: return choose(sum, sum.value < other || std::isnan(other) ? other : sum.value, other);
      case EpilogueKind::minimum: return choose(sum, sum.value > other || std::isnan(other) ? other : sum.value, other);
      case EpilogueKind::activation: break;
    }
    throw std::logic_error("reference: a step without a value");
  }

  /// The magnitude behind an activation carries the same error on: a ReLU that cuts a sum off cuts its error off too.
  Sum activated(const Sum& sum, const Activation& activation) const {
    const double unit = rounding(terms_), own = unit * sum.magnitude, stored = storage_error(sum);
    const Bounded both = activate_bounded(activation, {sum.value, own + stored}, dtype_);
    const Bounded alone = activate_bounded(activation, {sum.value, own}, dtype_);
    const double rest = std::max(both.error - alone.error, 0.0);
    return {alone.value, std::max(std::abs(alone.value), alone.error / unit), rest, rest * rest};
  }

  /// The sum at that place behind the epilogue's first `count` steps.
  Sum stepped(Sum sum, const Position& at, std::size_t count) const {
    std::size_t constant = 0, operand = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const EpilogueStep& step = stage_.epilogue[i];
      if (step.kind == EpilogueKind::activation)
        sum = activated(sum, step.activation);
      else if (has_operand(step))
        combine(sum, step.kind, operands_.at(operand++, step.broadcast, out_, at));
      else
        combine(sum, step.kind, values_.constants[constant++][at.c]);
    }
    return sum;
  }

  /// Stores the value in the problem's type, beyond whose range it is infinite whatever storage_ says; `error` is how
  /// far a kernel's own value may be from it before.
  void round_stored(Sum& sum, double error) const {
    const double rounding = storage_rounding(dtype_, std::abs(sum.value) + error);
    sum.stored += rounding;
    sum.stored_squared += rounding * rounding;
    const double stored = round_to(dtype_, sum.value);
    if (storage_ == Storage::rounded || std::isinf(stored)) sum.value = stored;
  }

  /// Calls f(input pixel, tap) for the taps that lie inside the image.
  template <class F>
  void each_tap(const SumImage& in, std::int64_t oh, std::int64_t ow, F&& f) const {
    const Window& w = stage_.window;
    for (std::int64_t kh = 0; kh < w.KH; ++kh)
      for (std::int64_t kw = 0; kw < w.KW; ++kw) {
        const std::int64_t ih = oh * w.stride_h + kh * w.dilation_h - w.pad_top;
        const std::int64_t iw = ow * w.stride_w + kw * w.dilation_w - w.pad_left;
        if (ih >= 0 && ih < in_.H && iw >= 0 && iw < in_.W) f(in.at(ih, iw), kh * w.KW + kw);
      }
  }

  /// sum[c] = sum over taps of in[c / m] * weights[tap, c / m, c % m], rounded to the type.
  void depthwise(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
    std::fill_n(sums, out_.C, Sum{});
    each_tap(in, oh, ow, [&](const Sum* pixel, std::int64_t tap) {
      for (std::int64_t c = 0; c < out_.C; ++c)
        add(sums[c], pixel[c / stage_.depth_multiplier], values_.weights[tap * out_.C + c]);
    });
    for (std::int64_t c = 0; c < out_.C; ++c) round_stored(sums[c], rounding(sum_terms_) * sums[c].magnitude);
  }

  void max_pool(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
    bool first = true;
    each_tap(in, oh, ow, [&](const Sum* pixel, std::int64_t) {
      for (std::int64_t c = 0; c < out_.C; ++c)
        if (first || pixel[c].value > sums[c].value) sums[c] = pixel[c];
      first = false;
    });
  }

  void average_pool(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
    std::fill_n(sums, out_.C, Sum{});
    double count = 0;
    each_tap(in, oh, ow, [&](const Sum* pixel, std::int64_t) {
      for (std::int64_t c = 0; c < out_.C; ++c) add(sums[c], pixel[c], 1);
      ++count;
    });
    for (std::int64_t c = 0; c < out_.C; ++c) {
      multiply(sums[c], 1 / count, 1 / count);
      round_stored(sums[c], rounding(sum_terms_) * sums[c].magnitude);
    }
  }

  void copy(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
    std::fill_n(sums, out_.C, Sum{});
    each_tap(in, oh, ow, [&](const Sum* pixel, std::int64_t) { std::copy_n(pixel, out_.C, sums); });
  }

  /// sum[f] = sum over taps and channels of in[c] * weights[tap, c, f].
  void conv(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
    std::fill_n(sums, out_.C, Sum{});
    each_tap(in, oh, ow, [&](const Sum* pixel, std::int64_t tap) {
      for (std::int64_t c = 0; c < in_.C; ++c)
        for (std::int64_t f = 0; f < out_.C; ++f)
          add(sums[f], pixel[c], values_.weights[(tap * in_.C + c) * out_.C + f]);
    });
  }

  const DataType dtype_;
  const Stage& stage_;
  const Extents in_, out_;
  const StageValues& values_;
  const ImageOperands operands_;
  const Storage storage_;
  const double eps_, sum_terms_, terms_;  // roundings behind a sum, and behind its constants
};

/// Calls f(row) for each, on that many threads.
template <class F>
void each_row(std::int64_t rows, int threads, F&& f) {
  const std::int64_t step = std::max(threads, 1);
  const auto work = [&](std::int64_t first) {
    for (std::int64_t row = first; row < rows; row += step) f(row);
  };
  std::vector<std::jthread> pool;
  for (std::int64_t t = 1; t < step && t < rows; ++t) pool.emplace_back(work, t);
  work(0);
}

/// One image: exact inputs, whose magnitudes are their own, through all stages.
void evaluate_image(const ConvProblem& p, const std::vector<StageValues>& values, Storage storage, std::int64_t n,
                    std::span<const double> input, const Operands& operands, int threads, ReferenceOutput& out) {
  SumImage image{p.extents_after(0), {}};
  image.sums.resize(static_cast<std::size_t>(input_elems(p)));
  for (std::int64_t h = 0; h < p.IH; ++h)
    for (std::int64_t w = 0; w < p.IW; ++w)
      for (std::int64_t c = 0; c < p.IC; ++c) {
        const double value = round_to(p.dtype, input[index_of(p.layout, image.extents, n, h, w, c)]);
        image.at(h, w)[c] = {value, std::abs(value)};
      }
  double terms = 0;
  for (std::size_t i = 0; i < p.stages.size(); ++i) {
    const StageEvaluator stage(p, i, values[i], {&p, &operands, n}, storage, terms);
    SumImage next{p.extents_after(i + 1), {}};
    const Extents& e = next.extents;
    next.sums.resize(static_cast<std::size_t>(e.H) * e.W * e.C);
    const bool last = i + 1 == p.stages.size();
    each_row(e.H, threads, [&](std::int64_t h) {
      stage.row(image, h, next);
      for (std::int64_t w = 0; w < e.W; ++w)
        for (std::int64_t c = 0; c < e.C; ++c) {
          Sum& sum = next.at(h, w)[c];
          if (last)
            stage.store(sum, {h, w, c}, index_of(p.layout, e, n, h, w, c), out);
          else
            sum = stage.finished(sum, {h, w, c});
        }
    });
    image = std::move(next);
    terms = stage.terms();
  }
}

/// Elements of one image of what a kernel writes, before an activation along an axis.
std::int64_t kernel_elems(const ConvProblem& p) { return std::int64_t{p.OH()} * p.OW() * p.OC(); }

/// Applies an activation along an axis to what the kernel computes.
ReferenceOutput along_axis(const ConvProblem& p, std::int64_t batch, const ReferenceOutput& in, Storage storage) {
  const Activation& activation = activation_of(p.stages.back().epilogue);
  std::vector<std::int64_t> extents = {batch, p.OH(), p.OW(), p.OC()};
  if (p.layout == Layout::nchw) extents = {batch, p.OC(), p.OH(), p.OW()};
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
                         std::span<const double> input, int threads, const Operands& operands, Storage storage) {
  if (problem.is_dynamic())
    throw std::invalid_argument("reference: needs static extents, received " + to_text(problem));
  validate(problem);
  validate(weights, problem);
  if (batch < 0 || std::cmp_not_equal(input.size(), batch * input_elems(problem)))
    throw std::invalid_argument("reference: input has " + std::to_string(input.size()) + " elements, but " +
                                std::to_string(batch) + " images of " + std::to_string(input_elems(problem)) +
                                " are wanted");
  const std::vector<Argument> wanted = operands_of(problem);
  if (operands.size() != wanted.size())
    throw std::invalid_argument("reference: " + std::to_string(operands.size()) + " operands; expected " +
                                std::to_string(wanted.size()));
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (operands[i].size() != static_cast<std::size_t>(batch) * elements_of(wanted[i]))
      throw std::invalid_argument("reference: operand " + std::to_string(i) + " has " +
                                  std::to_string(operands[i].size()) + " elements; expected " +
                                  std::to_string(static_cast<std::size_t>(batch) * elements_of(wanted[i])));
  const ConvProblem kernel = kernel_problem(problem);
  ReferenceOutput out;
  out.values.resize(batch * kernel_elems(kernel));
  out.limits.resize(out.values.size());
  const std::vector<StageValues> values = values_of(kernel, weights);
  for (std::int64_t n = 0; n < batch; ++n) evaluate_image(kernel, values, storage, n, input, operands, threads, out);
  return is_elementwise(activation_of(problem.stages.back().epilogue).kind) ? out
                                                                            : along_axis(problem, batch, out, storage);
}

}  // namespace

std::int64_t input_elems(const ConvProblem& p) { return std::int64_t{p.IH} * p.IW * p.IC; }

std::int64_t output_elems(const ConvProblem& p) {
  return activation_of(p.stages.back().epilogue).kind == ActivationKind::glu ? kernel_elems(p) / 2 : kernel_elems(p);
}

ReferenceOutput reference_with_limits(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const double> input, int threads, const Operands& operands) {
  return evaluate(problem, weights, batch, input, threads, operands, Storage::exact);
}

std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const double> input, int threads, const Operands& operands) {
  return evaluate(problem, weights, batch, input, threads, operands, Storage::exact).values;
}

std::vector<double> reference_rounded(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const double> input, int threads, const Operands& operands) {
  return evaluate(problem, weights, batch, input, threads, operands, Storage::rounded).values;
}

std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const float> input, int threads) {
  return reference(problem, weights, batch, std::vector<double>(input.begin(), input.end()), threads);
}

}  // namespace sepconv::runner

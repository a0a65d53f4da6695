#include "runner/stage_reference.h"

#include <stdexcept>

namespace sepconv::runner {
namespace {

void add(Sum& sum, const Sum& term, double weight) {
  sum.value += term.value * weight;
  sum.magnitude += term.magnitude * std::abs(weight);
  sum.stored += term.stored * std::abs(weight);
  sum.stored_squared += term.stored_squared * weight * weight;
}

void add_value(Sum& sum, double other) {
  sum.value += other;
  sum.magnitude += std::abs(other);
}

/// @param most  what the factor makes of an error, at most
void multiply(Sum& sum, double factor, double most) {
  sum.value *= factor;
  sum.magnitude *= most;
  sum.stored *= most;
  sum.stored_squared *= most * most;
}

/// A choice between two values is as far from the right one as these are.
void choose(Sum& sum, double value, double other) {
  sum.value = value;
  sum.magnitude = std::max(sum.magnitude, std::abs(other));
}

/// What a step with a constant or an operand makes of the sum.
void combine(Sum& sum, EpilogueKind kind, double other) {
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

}  // namespace

StageEvaluator::StageEvaluator(const ConvProblem& problem, std::size_t index, const StageValues& values,
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

void StageEvaluator::row(const SumImage& in, std::int64_t oh, SumImage& out) const {
  using Pixel = void (StageEvaluator::*)(const SumImage&, std::int64_t, std::int64_t, Sum*) const;
  constexpr Pixel kPixels[] = {&StageEvaluator::depthwise, &StageEvaluator::conv,  // in the order of StageKind
                               &StageEvaluator::max_pool,  &StageEvaluator::average_pool, &StageEvaluator::copy,
                               &StageEvaluator::norm,      &StageEvaluator::resize};
  for (std::int64_t ow = 0; ow < out_.W; ++ow)
    (this->*kPixels[static_cast<int>(stage_.kind)])(in, oh, ow, out.at(oh, ow));
}

Sum StageEvaluator::finished(const Sum& sum, const Position& at) const {
  Sum result = stepped(sum, at, stage_.epilogue.size());
  if (stage_.kind != StageKind::depthwise || !stage_.epilogue.empty())
    round_stored(result, rounding(terms_) * result.magnitude + storage_error(result));
  return result;
}

void StageEvaluator::store(const Sum& sum, const Position& at, std::int64_t index, ReferenceOutput& out) const {
  const Epilogue& steps = stage_.epilogue;
  const bool ends_activated = !steps.empty() && steps.back().kind == EpilogueKind::activation;
  const Sum before = stepped(sum, at, steps.size() - ends_activated);
  const double error = rounding(terms_) * before.magnitude + storage_error(before);
  const Bounded result =
      activate_bounded(ends_activated ? steps.back().activation : Activation{}, {before.value, error}, dtype_);
  out.values[index] = storage_ == Storage::rounded ? round_to(dtype_, result.value) : result.value;
  out.limits[index] = result.error + storage_rounding(dtype_, std::abs(result.value) + result.error);
}

double StageEvaluator::products() const {
  if (stage_.kind == StageKind::norm) return in_.C;
  if (stage_.interpolation == Interpolation::bilinear) return 6;
  return stage_.kind == StageKind::conv ? taps() * in_.C : taps();
}

std::ptrdiff_t StageEvaluator::rounded_steps() const {
  return std::count_if(stage_.epilogue.begin(), stage_.epilogue.end(),
                       [](const EpilogueStep& step) { return step.kind != EpilogueKind::activation; });
}

/// The magnitude behind an activation carries the same error on: a ReLU that cuts a sum off cuts its error off too.
Sum StageEvaluator::activated(const Sum& sum, const Activation& activation) const {
  const double unit = rounding(terms_), own = unit * sum.magnitude, stored = storage_error(sum);
  const Bounded both = activate_bounded(activation, {sum.value, own + stored}, dtype_);
  const Bounded alone = activate_bounded(activation, {sum.value, own}, dtype_);
  const double rest = std::max(both.error - alone.error, 0.0);
  return {alone.value, std::max(std::abs(alone.value), alone.error / unit), rest, rest * rest};
}

/// The sum at that place behind the epilogue's first `count` steps.
Sum StageEvaluator::stepped(Sum sum, const Position& at, std::size_t count) const {
  std::size_t constant = 0, operand = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const EpilogueStep& step = stage_.epilogue[i];
    if (step.kind == EpilogueKind::activation)
      sum = activated(sum, step.activation);
    else if (has_operand(step))
      combine(sum, step.kind, operands_.at(operand++, step.broadcast, out_, at));
    else
      combine(sum, step.kind, values_.constants[constant++][at.c]);
    // An exponential may leave the range of the kernel's sums.
    const double rounded = round_to(accumulator_type(dtype_), sum.value);
    if (std::isinf(rounded)) sum.value = rounded;
  }
  return sum;
}

/// Stores the value in the problem's type, beyond whose range it is infinite whatever storage_ says; `error` is how
/// far a kernel's own value may be from it before.
void StageEvaluator::round_stored(Sum& sum, double error) const {
  const double rounding = storage_rounding(dtype_, std::abs(sum.value) + error);
  sum.stored += rounding;
  sum.stored_squared += rounding * rounding;
  const double stored = round_to(dtype_, sum.value);
  if (storage_ == Storage::rounded || std::isinf(stored)) sum.value = stored;
}

template <class F>
void StageEvaluator::each_tap(const SumImage& in, std::int64_t oh, std::int64_t ow, F&& f) const {
  const Window& w = stage_.window;
  for (std::int64_t kh = 0; kh < w.KH; ++kh)
    for (std::int64_t kw = 0; kw < w.KW; ++kw) {
      const std::int64_t ih = oh * w.stride_h + kh * w.dilation_h - w.pad_top;
      const std::int64_t iw = ow * w.stride_w + kw * w.dilation_w - w.pad_left;
      if (ih >= 0 && ih < in_.H && iw >= 0 && iw < in_.W) f(in.at(ih, iw), kh * w.KW + kw);
    }
}

/// sum[c] = sum over taps of in[c / m] * weights[tap, c / m, c % m], rounded to the type.
void StageEvaluator::depthwise(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
  std::fill_n(sums, out_.C, Sum{});
  each_tap(in, oh, ow, [&](const Sum* pixel, std::int64_t tap) {
    for (std::int64_t c = 0; c < out_.C; ++c)
      add(sums[c], pixel[c / stage_.depth_multiplier], values_.weights[tap * out_.C + c]);
  });
  for (std::int64_t c = 0; c < out_.C; ++c) round_stored(sums[c], rounding(sum_terms_) * sums[c].magnitude);
}

void StageEvaluator::max_pool(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
  bool first = true;
  each_tap(in, oh, ow, [&](const Sum* pixel, std::int64_t) {
    for (std::int64_t c = 0; c < out_.C; ++c)
      if (first || pixel[c].value > sums[c].value) sums[c] = pixel[c];
    first = false;
  });
}

void StageEvaluator::average_pool(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
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

void StageEvaluator::copy(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
  std::fill_n(sums, out_.C, Sum{});
  each_tap(in, oh, ow, [&](const Sum* pixel, std::int64_t) { std::copy_n(pixel, out_.C, sums); });
}

/// sum[f] = sum over taps and channels of in[c] * weights[tap, c, f].
void StageEvaluator::conv(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
  std::fill_n(sums, out_.C, Sum{});
  each_tap(in, oh, ow, [&](const Sum* pixel, std::int64_t tap) {
    for (std::int64_t c = 0; c < in_.C; ++c)
      for (std::int64_t f = 0; f < out_.C; ++f) add(sums[f], pixel[c], values_.weights[(tap * in_.C + c) * out_.C + f]);
  });
}

/// y = d / s for d = x - mean and s^2 = variance + epsilon. An error of x reaches d by itself and by the mean, and all
/// of them reach s.
void StageEvaluator::norm(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
  const Sum* pixel = in.at(oh, ow);
  const double count = in_.C;
  Sum mean;
  for (std::int64_t c = 0; c < in_.C; ++c) add(mean, pixel[c], 1 / count);
  double variance = 0;
  for (std::int64_t c = 0; c < in_.C; ++c) variance += std::pow(pixel[c].value - mean.value, 2) / count;
  const double factor = 1 / std::sqrt(variance + stage_.epsilon);
  Sum root;  // the relative error of s
  for (std::int64_t c = 0; c < in_.C; ++c) {
    const double value = (pixel[c].value - mean.value) * factor;
    add(root, {0, 0, pixel[c].stored, pixel[c].stored_squared}, value * factor / count);
    sums[c].value = value;
  }
  for (std::int64_t c = 0; c < in_.C; ++c) {
    const double value = sums[c].value;
    sums[c] = {value, (pixel[c].magnitude + mean.magnitude) * factor + std::abs(value),
               (pixel[c].stored + mean.stored) * factor + std::abs(value) * root.stored,
               (pixel[c].stored_squared + mean.stored_squared) * factor * factor + value * value * root.stored_squared};
  }
}

namespace {

/// Two numbers of pixels along an axis, and how far a place lies from the first one's centre to the second's.
struct Between {
  std::int64_t first, second;
  double share;
};

/// @param at  an output pixel; in float32, as in Keras
Between between_pixels(std::int64_t at, std::int32_t in, std::int32_t out) {
  const float place = (static_cast<float>(at) + 0.5f) * (static_cast<float>(in) / static_cast<float>(out)) - 0.5f;
  const float below = std::floor(place);
  const auto first = static_cast<std::int64_t>(below);
  return {std::clamp<std::int64_t>(first, 0, in - 1), std::clamp<std::int64_t>(first + 1, 0, in - 1), place - below};
}

std::int64_t nearest_pixel(std::int64_t at, std::int32_t in, std::int32_t out) {
  const float place = (static_cast<float>(at) + 0.5f) * (static_cast<float>(in) / static_cast<float>(out));
  return std::min<std::int64_t>(static_cast<std::int64_t>(std::floor(place)), in - 1);
}

/// a + (b - a) * share, whose rounding errors those of the difference are among.
Sum mixed(const Sum& a, const Sum& b, double share) {
  Sum sum = a;
  add(sum, b, share);
  add(sum, a, -share);
  sum.value = a.value + (b.value - a.value) * share;
  sum.stored = a.stored * (1 - share) + b.stored * share;
  sum.stored_squared = a.stored_squared * (1 - share) * (1 - share) + b.stored_squared * share * share;
  return sum;
}

}  // namespace

void StageEvaluator::resize(const SumImage& in, std::int64_t oh, std::int64_t ow, Sum* sums) const {
  if (stage_.interpolation == Interpolation::nearest) {
    std::copy_n(in.at(nearest_pixel(oh, in_.H, out_.H), nearest_pixel(ow, in_.W, out_.W)), out_.C, sums);
    return;
  }
  const Between rows = between_pixels(oh, in_.H, out_.H), columns = between_pixels(ow, in_.W, out_.W);
  for (std::int64_t c = 0; c < out_.C; ++c) {
    const auto along_row = [&](std::int64_t row) {
      return mixed(in.at(row, columns.first)[c], in.at(row, columns.second)[c], columns.share);
    };
    sums[c] = mixed(along_row(rows.first), along_row(rows.second), rows.share);
    round_stored(sums[c], rounding(sum_terms_) * sums[c].magnitude);
  }
}

}  // namespace sepconv::runner

#include "runtime/core/axis_activation.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace sepconv {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double widen(float value) { return value; }
double widen(double value) { return value; }
double widen(float16 value) { return to_float(value); }
double widen(bfloat16 value) { return to_float(value); }

void store(double value, float& to) { to = static_cast<float>(value); }
void store(double value, double& to) { to = value; }
void store(double value, float16& to) { to = to_float16(value); }
void store(double value, bfloat16& to) { to = to_bfloat16(value); }

/// Elements along the axis.
template <class T>
struct ConstLine {
  const T* data;
  std::int64_t extent, pitch;
  double operator[](std::int64_t i) const { return widen(data[i * pitch]); }
};
template <class T>
struct Line {
  T* data;
  std::int64_t pitch;
  void set(std::int64_t i, double value) const { store(value, data[i * pitch]); }
};

/// Ignores elements that are NaN.
template <class T>
double largest(const ConstLine<T>& x) {
  double result = -kInfinity;
  for (std::int64_t i = 0; i < x.extent; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

template <class T>
double sum_of_exponentials(const ConstLine<T>& x, double shift) {
  double sum = 0;
  for (std::int64_t i = 0; i < x.extent; ++i) sum += std::exp(x[i] - shift);
  return sum;
}

/// Exponentials of short lines are computed once.
constexpr std::int64_t kShortLine = 1024;

template <class T>
void softmax(const ConstLine<T>& x, const Line<T>& y) {
  const double shift = largest(x);
  if (x.extent > kShortLine) {
    const double sum = sum_of_exponentials(x, shift);
    for (std::int64_t i = 0; i < x.extent; ++i) y.set(i, std::exp(x[i] - shift) / sum);
    return;
  }
  double values[kShortLine], sum = 0;  // NOLINT: not set to zeros first
  for (std::int64_t i = 0; i < x.extent; ++i) sum += values[i] = std::exp(x[i] - shift);
  for (std::int64_t i = 0; i < x.extent; ++i) y.set(i, values[i] / sum);
}

template <class T>
void log_softmax(const ConstLine<T>& x, const Line<T>& y) {
  const double shift = largest(x), log_sum = std::log(sum_of_exponentials(x, shift));
  for (std::int64_t i = 0; i < x.extent; ++i) y.set(i, (x[i] - shift) - log_sum);
}

/// A value and how many elements have it.
struct Repeated {
  double value = -kInfinity;
  std::int64_t count = 0;
};

/// The largest element below a bound, or of all; NaN are left out.
template <class T>
Repeated largest_below(const ConstLine<T>& x, double bound, bool any) {
  Repeated found;
  for (std::int64_t i = 0; i < x.extent; ++i) {
    const double value = x[i];
    if (!(any || value < bound) || !(value >= found.value)) continue;
    found = {value, value == found.value ? found.count + 1 : 1};
  }
  return found;
}

/// Keras' threshold: of the cumulative sums of the sorted elements those in the support, which are the first ones, are
/// summed again, less 1, over their number. The order is walked by searching, since supports are short.
template <class T>
double sparsemax_threshold(const ConstLine<T>& x) {
  double cumulative = 0, sum_of_cumulative = 0, support = 0;
  bool in_support = true;
  for (Repeated next; in_support;) {
    next = largest_below(x, next.value, support == 0);
    in_support = next.count > 0;
    for (std::int64_t i = 0; i < next.count && in_support; ++i) {
      cumulative += next.value;
      in_support = next.value - (cumulative - 1) / (support + 1) > 0;
      if (!in_support) break;
      sum_of_cumulative += cumulative;
      ++support;
    }
  }
  return (sum_of_cumulative - 1) / support;
}

template <class T>
void sparsemax(const ConstLine<T>& x, const Line<T>& y) {
  const double threshold = sparsemax_threshold(x);
  for (std::int64_t i = 0; i < x.extent; ++i) {
    const double value = x[i] - threshold;
    y.set(i, value <= 0 ? 0 : value);
  }
}

template <class T>
void glu(const ConstLine<T>& x, const Line<T>& y) {
  const std::int64_t half = x.extent / 2;
  for (std::int64_t i = 0; i < half; ++i) y.set(i, x[i] * (1 / (1 + std::exp(-x[half + i]))));
}

template <class T>
void apply_to_lines(const Activation& activation, int axis, const ConstTensorView& in, const TensorView& out) {
  // The other axes, with extents of 1 for those that the rank lacks.
  std::int64_t extents[kMaxRank - 1] = {1, 1, 1}, in_pitches[kMaxRank - 1] = {}, out_pitches[kMaxRank - 1] = {};
  for (int i = 0, other = 0; i < in.rank; ++i) {
    if (i == axis) continue;
    extents[other] = in.extents[i], in_pitches[other] = in.pitches[i], out_pitches[other++] = out.pitches[i];
  }
  for (std::int64_t i = 0; i < extents[0]; ++i)
    for (std::int64_t j = 0; j < extents[1]; ++j)
      for (std::int64_t k = 0; k < extents[2]; ++k) {
        const ConstLine<T> x = {
            static_cast<const T*>(in.data) + i * in_pitches[0] + j * in_pitches[1] + k * in_pitches[2],
            in.extents[axis], in.pitches[axis]};
        const Line<T> y = {static_cast<T*>(out.data) + i * out_pitches[0] + j * out_pitches[1] + k * out_pitches[2],
                           out.pitches[axis]};
        switch (activation.kind) {
          case ActivationKind::softmax: softmax(x, y); break;
          case ActivationKind::log_softmax: log_softmax(x, y); break;
          case ActivationKind::sparsemax: sparsemax(x, y); break;
          case ActivationKind::glu: glu(x, y); break;
          default: break;
        }
      }
}

}  // namespace

Shape axis_activation_shape(const Activation& activation, const Shape& shape) {
  const std::int64_t axis = static_cast<std::int64_t>(shape.size()) + activation.axis;
  if (activation.axis >= 0 || axis < 0)
    throw std::invalid_argument("activation " + to_text(activation) + ": axis " + std::to_string(activation.axis) +
                                " is not an axis of the shape " + to_text(shape));
  Shape result = shape;
  if (activation.kind != ActivationKind::glu || shape[axis] == kDynamic) return result;
  if (shape[axis] % 2 != 0)
    throw std::invalid_argument("activation glu: axis size must be divisible by 2. Received: x.shape=" +
                                to_text(shape) + " with axis=" + std::to_string(activation.axis));
  result[axis] /= 2;
  return result;
}

void apply_axis_activation(const Activation& activation, const ConstTensorView& in, const TensorView& out) noexcept {
  const int axis = in.rank + activation.axis;
  if (in.elements() == 0) return;
  switch (in.dtype) {
    case DataType::float32: return apply_to_lines<float>(activation, axis, in, out);
    case DataType::float64: return apply_to_lines<double>(activation, axis, in, out);
    case DataType::float16: return apply_to_lines<float16>(activation, axis, in, out);
    case DataType::bfloat16: return apply_to_lines<bfloat16>(activation, axis, in, out);
    default: return;
  }
}

}  // namespace sepconv

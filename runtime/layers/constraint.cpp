#include "sepconv/detail/constraint.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace sepconv {
namespace {

using Kind = Constraint::Kind;

constexpr double kEpsilon = 1e-7;  // keras.config.epsilon()

struct NamedKind {
  std::string_view name;
  Kind kind;
  bool tf_keras_only = false;
};
constexpr NamedKind kNames[] = {
    {"max_norm", Kind::max_norm},
    {"MaxNorm", Kind::max_norm},
    {"unit_norm", Kind::unit_norm},
    {"UnitNorm", Kind::unit_norm},
    {"min_max_norm", Kind::min_max_norm},
    {"MinMaxNorm", Kind::min_max_norm},
    {"non_neg", Kind::non_neg},
    {"NonNeg", Kind::non_neg},
    {"maxnorm", Kind::max_norm, true},
    {"unitnorm", Kind::unit_norm, true},
    {"nonneg", Kind::non_neg, true},
    {"radial_constraint", Kind::radial, true},
    {"RadialConstraint", Kind::radial, true},
};

/// Which axes the norm is taken over.
std::vector<bool> reduced_axes(const Constraint& constraint, const Shape& shape) {
  const int rank = static_cast<int>(shape.size());
  std::vector<bool> reduced(shape.size(), false);
  for (const int axis : constraint.axes) {
    if (axis < -rank || axis >= rank)
      throw std::invalid_argument("Constraint " + class_name(constraint) + ": argument `axis`: " +
                                  std::to_string(axis) + " is out of bounds for a weight of shape " + to_text(shape));
    reduced[static_cast<std::size_t>(axis < 0 ? axis + rank : axis)] = true;
  }
  return reduced;
}

/// tf.keras' RadialConstraint: each square ring of a window takes one value of the window's diagonal, which one being
/// Keras' choice: the innermost ring that before the middle, the others those after it.
std::vector<double> radial(const std::vector<double>& values, const Shape& shape) {
  if (shape.size() != 4 || shape[0] != shape[1] || shape[0] < 2)
    throw std::invalid_argument(
        "The weight tensor must have rank 4, with square windows of at least 2. Received weight tensor with shape: " +
        to_text(shape));
  const std::int64_t size = shape[0], start = size / 2, odd = size % 2;
  const auto channels = static_cast<std::size_t>(shape[2] * shape[3]);
  std::vector<double> result(values.size());
  for (std::int64_t h = 0; h < size; ++h)
    for (std::int64_t w = 0; w < size; ++w) {
      const std::int64_t border = std::min({h, w, size - 1 - h, size - 1 - w});
      const std::int64_t ring = (size - 1) / 2 - border;  // 0 in the middle
      const std::int64_t from = ring == 0 ? start - 1 : start + ring - odd;
      for (std::size_t c = 0; c < channels; ++c)
        result[static_cast<std::size_t>(h * size + w) * channels + c] =
            values[static_cast<std::size_t>(from * size + from) * channels + c];
    }
  return result;
}

/// What weights of that norm are multiplied with.
double factor_of(const Constraint& constraint, double norm) {
  switch (constraint.kind) {
    case Kind::max_norm: return std::clamp(norm, 0.0, constraint.max_value) / (kEpsilon + norm);
    case Kind::unit_norm: return 1 / (kEpsilon + norm);
    case Kind::min_max_norm: {
      const double clipped = std::min(std::max(norm, constraint.min_value), constraint.max_value);
      return (constraint.rate * clipped + (1 - constraint.rate) * norm) / (kEpsilon + norm);
    }
    default: return 1;
  }
}

}  // namespace

Constraint Constraint::from_name(std::string_view name, KerasRules rules) {
  for (const NamedKind& known : kNames)
    if (known.name == name && (!known.tf_keras_only || rules == KerasRules::tf_keras_2)) return known.kind;
  throw std::invalid_argument("Could not interpret constraint identifier: " + std::string(name) +
                              ". Known: max_norm, unit_norm, min_max_norm, non_neg");
}

std::string class_name(const Constraint& constraint) {
  switch (constraint.kind) {
    case Kind::none: return "";
    case Kind::max_norm: return "MaxNorm";
    case Kind::unit_norm: return "UnitNorm";
    case Kind::min_max_norm: return "MinMaxNorm";
    case Kind::non_neg: return "NonNeg";
    case Kind::radial: return "RadialConstraint";
  }
  throw std::invalid_argument("Constraint::kind: unknown value " + std::to_string(static_cast<int>(constraint.kind)));
}

std::vector<double> constrained(const Constraint& constraint, std::vector<double> values, const Shape& shape) {
  if (constraint.kind == Kind::none) return values;
  if (constraint.kind == Kind::non_neg) {
    for (double& value : values)
      if (value <= 0) value = 0;  // NaN stays
    return values;
  }
  if (constraint.kind == Kind::radial) return radial(values, shape);
  const std::vector<bool> reduced = reduced_axes(constraint, shape);
  // groups[i]: the number of the norm that element i belongs to.
  std::vector<std::size_t> groups(values.size(), 0);
  std::size_t group_count = 1, pitch = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const auto extent = static_cast<std::size_t>(shape[axis]);
    if (!reduced[axis]) {
      for (std::size_t i = 0; i < values.size(); ++i) groups[i] += i / pitch % extent * group_count;
      group_count *= extent;
    }
    pitch *= extent;
  }
  std::vector<double> squares(group_count, 0.0);
  for (std::size_t i = 0; i < values.size(); ++i) squares[groups[i]] += values[i] * values[i];
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= factor_of(constraint, std::sqrt(squares[groups[i]]));
  return values;
}

}  // namespace sepconv

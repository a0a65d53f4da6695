#include "sepconv/detail/regularizer.h"

#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sepconv/tensor.h"

namespace sepconv {
namespace {

/// Keras' OrthogonalRegularizer: half of factor times the mean of |cosine| over the pairs of rows (or columns).
double orthogonal_penalty(const Regularizer& regularizer, const ConstTensorView& view) {
  if (view.rank != 2)
    throw std::invalid_argument("Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape=" +
                                to_text(view.shape()));
  if (regularizer.mode != "rows" && regularizer.mode != "columns")
    throw std::invalid_argument(
        "Invalid value for argument `mode`. Expected one of {'rows', 'columns'}. Received: "
        "mode=" +
        regularizer.mode);
  const std::vector<double> values = to_doubles(view);
  const bool rows = regularizer.mode == "rows";
  const auto width = static_cast<std::size_t>(view.extents[1]);
  const auto count = static_cast<std::size_t>(view.extents[rows ? 0 : 1]);
  const auto length = static_cast<std::size_t>(view.extents[rows ? 1 : 0]);
  const auto at = [&](std::size_t vector, std::size_t i) {
    return rows ? values[vector * width + i] : values[i * width + vector];
  };
  const auto dot = [&](std::size_t a, std::size_t b) {
    double sum = 0;
    for (std::size_t i = 0; i < length; ++i) sum += at(a, i) * at(b, i);
    return sum;
  };
  std::vector<double> norms(count);
  for (std::size_t a = 0; a < count; ++a) {
    norms[a] = std::sqrt(dot(a, a));
    if (norms[a] == 0) norms[a] = 1;
  }
  double sum = 0;  // each pair twice, as in the product of the matrix with itself
  for (std::size_t a = 0; a < count; ++a)
    for (std::size_t b = a + 1; b < count; ++b) sum += 2 * std::abs(dot(a, b)) / (norms[a] * norms[b]);
  const double pairs = static_cast<double>(count) * (static_cast<double>(count) - 1) / 2;
  return regularizer.factor * 0.5 * sum / pairs;
}

}  // namespace

Regularizer Regularizer::from_name(std::string_view name, KerasRules rules) {
  const bool keras_3 = rules == KerasRules::keras_3;
  if (name == "l1" || name == "L1") return Kind::l1;
  if (name == "l2" || name == "L2") return Kind::l2;
  if (name == "L1L2" || (name == "l1l2" && keras_3)) return Kind::l1_l2;
  if (name == "orthogonal_regularizer" || name == "OrthogonalRegularizer") return Kind::orthogonal;
  if (name == "l1_l2" && !keras_3) {
    Regularizer both = Kind::l1_l2;
    both.l1 = both.l2 = 0.01;
    return both;
  }
  throw std::invalid_argument("Could not interpret regularizer identifier: " + std::string(name) + ". Known: l1, l2, " +
                              (keras_3 ? "l1l2" : "l1_l2") + ", orthogonal_regularizer");
}

std::string class_name(const Regularizer& regularizer) {
  switch (regularizer.kind) {
    case Regularizer::Kind::none: return "";
    case Regularizer::Kind::l1: return "L1";
    case Regularizer::Kind::l2: return "L2";
    case Regularizer::Kind::l1_l2: return "L1L2";
    case Regularizer::Kind::orthogonal: return "OrthogonalRegularizer";
  }
  throw std::invalid_argument("Regularizer::kind: unknown value " + std::to_string(static_cast<int>(regularizer.kind)));
}

double penalty(const Regularizer& regularizer, const ConstTensorView& values) {
  using Kind = Regularizer::Kind;
  if (regularizer.kind == Kind::none) return 0;
  if (regularizer.kind == Kind::orthogonal) return orthogonal_penalty(regularizer, values);
  double magnitudes = 0, squares = 0;
  for (const double value : to_doubles(values)) {
    magnitudes += std::abs(value);
    squares += value * value;
  }
  // A term without a factor is left out, so that an infinity does not make it NaN.
  double sum = 0;
  if (regularizer.kind != Kind::l2 && regularizer.l1 != 0) sum += regularizer.l1 * magnitudes;
  if (regularizer.kind != Kind::l1 && regularizer.l2 != 0) sum += regularizer.l2 * squares;
  return sum;
}

}  // namespace sepconv

#include "sepconv/detail/initializer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace sepconv {
namespace {

using Kind = Initializer::Kind;
using Mode = Initializer::Mode;
using Distribution = Initializer::Distribution;

struct KindNames {
  Kind kind;
  const char* class_name;
  const char* snake_name;
  const char* alias;  // or nullptr
};
constexpr std::array kKinds = {
    KindNames{Kind::zeros, "Zeros", "zeros", "zero"},
    KindNames{Kind::ones, "Ones", "ones", "one"},
    KindNames{Kind::constant, "Constant", "constant", nullptr},
    KindNames{Kind::random_normal, "RandomNormal", "random_normal", "normal"},
    KindNames{Kind::random_uniform, "RandomUniform", "random_uniform", "uniform"},
    KindNames{Kind::truncated_normal, "TruncatedNormal", "truncated_normal", nullptr},
    KindNames{Kind::variance_scaling, "VarianceScaling", "variance_scaling", nullptr},
    KindNames{Kind::glorot_uniform, "GlorotUniform", "glorot_uniform", nullptr},
    KindNames{Kind::glorot_normal, "GlorotNormal", "glorot_normal", nullptr},
    KindNames{Kind::he_uniform, "HeUniform", "he_uniform", nullptr},
    KindNames{Kind::he_normal, "HeNormal", "he_normal", nullptr},
    KindNames{Kind::lecun_uniform, "LecunUniform", "lecun_uniform", nullptr},
    KindNames{Kind::lecun_normal, "LecunNormal", "lecun_normal", nullptr},
    KindNames{Kind::orthogonal, "Orthogonal", "orthogonal", "OrthogonalInitializer"},
    KindNames{Kind::identity, "Identity", "identity", "IdentityInitializer"},
};

/// Steele, Lea and Flood: "Fast splittable pseudorandom number generators", 2014.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

  /// Standard normal. Karney, "Sampling exactly from the normal distribution", 2016: comparisons of uniforms and no
  /// transcendental function, whose last bit would differ between C libraries.
  double normal() {
    for (;;) {
      const int k = steps();
      if (!repeat(k * (k - 1), [&] { return with_probability_exp(0.5, 1); })) continue;
      const double x = uniform();
      const double link = (2 * k + x) / (2 * k + 2);
      if (!repeat(k + 1, [&] { return with_probability_exp(x, link); })) continue;
      const double y = k + x;
      return (bits() >> 63) != 0 ? -y : y;
    }
  }

 private:
  /// True with probability exp(-x * link), for x and link in [0, 1]: whether the longest run x > u1 > u2 > ..., each
  /// link holding with that probability, is even (von Neumann).
  bool with_probability_exp(double x, double link) {
    bool even = true;
    for (double last = x;; even = !even) {
      const double next = uniform();
      if (!(next < last) || !(link >= 1 || uniform() < link)) return even;
      last = next;
    }
  }
  /// k with probability proportional to exp(-k / 2).
  int steps() {
    int k = 0;
    while (with_probability_exp(0.5, 1)) ++k;
    return k;
  }
  template <class Event>
  static bool repeat(int times, Event event) {
    for (int i = 0; i < times; ++i)
      if (!event()) return false;
    return true;
  }

  std::uint64_t state_;
};

std::size_t elements_of(const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

[[noreturn]] void refuse_shape(const std::string& what, const Shape& shape) {
  throw std::invalid_argument(what + " Received: shape=" + to_text(shape) + " of rank " + std::to_string(shape.size()) +
                              ".");
}

void fill_uniform(std::vector<double>& values, Random random, double low, double high) {
  for (double& value : values) value = low + (high - low) * random.uniform();
}

void fill_normal(std::vector<double>& values, Random random, double mean, double stddev) {
  for (double& value : values) value = mean + stddev * random.normal();
}

/// Values beyond two deviations are drawn again.
void fill_truncated(std::vector<double>& values, Random random, double mean, double stddev) {
  for (double& value : values) {
    double z = random.normal();
    while (std::abs(z) > 2) z = random.normal();
    value = mean + stddev * z;
  }
}

void fill_scaled(std::vector<double>& values, Random random, const Shape& shape, double scale, Mode mode,
                 Distribution distribution) {
  if (!(scale > 0))
    throw std::invalid_argument("Argument `scale` must be positive float. Received: scale=" + std::to_string(scale));
  const Fans fans = fans_of(shape);
  const double fan = mode == Mode::fan_in ? fans.in : mode == Mode::fan_out ? fans.out : (fans.in + fans.out) / 2;
  const double variance = scale / std::max(1.0, fan);
  switch (distribution) {
    case Distribution::uniform: {
      const double limit = std::sqrt(3 * variance);
      return fill_uniform(values, random, -limit, limit);
    }
    case Distribution::untruncated_normal: return fill_normal(values, random, 0, std::sqrt(variance));
    case Distribution::truncated_normal: {
      constexpr double kDeviationOfTruncated = 0.87962566103423978;  // of a standard normal cut at two deviations
      return fill_truncated(values, random, 0, std::sqrt(variance) / kDeviationOfTruncated);
    }
  }
}

/// Orthonormal columns (rows, where there are more columns) of a normal matrix: Q of its QR factorisation whose R has
/// a positive diagonal, by Gram and Schmidt, each column cleared twice.
void fill_orthogonal(std::vector<double>& values, Random random, const Shape& shape, double gain) {
  if (shape.size() < 2) refuse_shape("The tensor to initialize must be at least two-dimensional.", shape);
  const auto columns = static_cast<std::size_t>(shape.back());
  const std::size_t rows = columns == 0 ? 0 : values.size() / columns;
  const std::size_t length = std::max(rows, columns), count = std::min(rows, columns);
  std::vector<double> basis(length * count);  // basis[i * length ...] is a vector
  fill_normal(basis, random, 0, 1);
  for (std::size_t i = 0; i < count; ++i) {
    double* vector = &basis[i * length];
    const auto dot = [&](const double* other) {
      double sum = 0;
      for (std::size_t t = 0; t < length; ++t) sum += vector[t] * other[t];
      return sum;
    };
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t j = 0; j < i; ++j) {
        const double* other = &basis[j * length];
        const double overlap = dot(other);
        for (std::size_t t = 0; t < length; ++t) vector[t] -= overlap * other[t];
      }
    const double norm = std::sqrt(dot(vector));
    for (std::size_t t = 0; t < length; ++t) vector[t] /= norm;
  }
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column)
      values[row * columns + column] =
          gain * (rows >= columns ? basis[column * length + row] : basis[row * length + column]);
}

void fill_identity(std::vector<double>& values, const Shape& shape, double gain) {
  if (shape.size() != 2) refuse_shape("Identity matrix initializer can only be used for 2D matrices.", shape);
  for (std::int64_t i = 0; i < std::min(shape[0], shape[1]); ++i)
    values[static_cast<std::size_t>(i * shape[1] + i)] = gain;
}

}  // namespace

Initializer::Initializer(std::string_view name) {
  for (const KindNames& names : kKinds)
    if (name == names.class_name || name == names.snake_name || (names.alias != nullptr && name == names.alias)) {
      kind = names.kind;
      return;
    }
  std::string known;
  for (const KindNames& names : kKinds) known += std::string(known.empty() ? "" : ", ") + names.snake_name;
  throw std::invalid_argument("Could not interpret initializer identifier: " + std::string(name) + ". Known: " + known);
}

std::string class_name(const Initializer& initializer) {
  for (const KindNames& names : kKinds)
    if (names.kind == initializer.kind) return names.class_name;
  throw std::invalid_argument("Initializer::kind: unknown value " + std::to_string(static_cast<int>(initializer.kind)));
}

Fans fans_of(const Shape& shape) {
  if (shape.empty()) return {};
  const auto last = static_cast<double>(shape.back());
  if (shape.size() == 1) return {last, last};
  double receptive = 1;
  for (std::size_t axis = 0; axis + 2 < shape.size(); ++axis) receptive *= static_cast<double>(shape[axis]);
  return {receptive * static_cast<double>(shape[shape.size() - 2]), receptive * last};
}

std::vector<double> initial_values(const Initializer& initializer, const Shape& shape, std::uint64_t seed) {
  std::vector<double> values(elements_of(shape), 0.0);
  const Random random(initializer.seed ? static_cast<std::uint64_t>(*initializer.seed) : seed);
  const auto scaled = [&](double scale, Mode mode, Distribution distribution) {
    fill_scaled(values, random, shape, scale, mode, distribution);
  };
  switch (initializer.kind) {
    case Kind::zeros: break;
    case Kind::ones: std::fill(values.begin(), values.end(), 1.0); break;
    case Kind::constant: std::fill(values.begin(), values.end(), initializer.value); break;
    case Kind::random_normal: fill_normal(values, random, initializer.mean, initializer.stddev); break;
    case Kind::random_uniform: fill_uniform(values, random, initializer.minval, initializer.maxval); break;
    case Kind::truncated_normal: fill_truncated(values, random, initializer.mean, initializer.stddev); break;
    case Kind::variance_scaling: scaled(initializer.scale, initializer.mode, initializer.distribution); break;
    case Kind::glorot_uniform: scaled(1, Mode::fan_avg, Distribution::uniform); break;
    case Kind::glorot_normal: scaled(1, Mode::fan_avg, Distribution::truncated_normal); break;
    case Kind::he_uniform: scaled(2, Mode::fan_in, Distribution::uniform); break;
    case Kind::he_normal: scaled(2, Mode::fan_in, Distribution::truncated_normal); break;
    case Kind::lecun_uniform: scaled(1, Mode::fan_in, Distribution::uniform); break;
    case Kind::lecun_normal: scaled(1, Mode::fan_in, Distribution::truncated_normal); break;
    case Kind::orthogonal: fill_orthogonal(values, random, shape, initializer.gain); break;
    case Kind::identity: fill_identity(values, shape, initializer.gain); break;
  }
  return values;
}

}  // namespace sepconv

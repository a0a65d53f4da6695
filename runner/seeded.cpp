#include "seeded.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "reference.h"

namespace sepconv {
namespace {

/// splitmix64. The standard library's distributions differ between implementations.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// In [-1, 1), a multiple of 2^-23.
  float real() { return static_cast<float>(next() >> 40) / static_cast<float>(1 << 23) - 1.0f; }
  /// In [-limit, limit].
  float integer(int limit) {
    return static_cast<float>(static_cast<int>(next() % static_cast<std::uint64_t>(2 * limit + 1)) - limit);
  }

 private:
  std::uint64_t state_;
};

void require_static(const ConvProblem& problem) {
  if (problem.is_dynamic())
    throw std::invalid_argument("seeded values: need static extents, received " + to_text(problem));
}

template <class Make>
void fill(std::vector<float>& values, std::int64_t count, Make&& make) {
  values.resize(static_cast<std::size_t>(count));
  for (float& value : values) value = make();
}

template <class Make>
void fill_weights(ConvWeights& w, const ConvProblem& p, double depthwise_scale, double pointwise_scale, Make&& make) {
  const auto scaled = [&](double scale) { return [&make, scale] { return static_cast<float>(make() * scale); }; };
  if (p.has_depthwise()) fill(w.depthwise, std::int64_t{p.KH} * p.KW * p.middle_channels(), scaled(depthwise_scale));
  if (p.op == ConvOp::separable && p.middle.bias) fill(w.middle_bias, p.middle_channels(), scaled(1));
  if (p.has_pointwise()) fill(w.pointwise, std::int64_t{p.middle_channels()} * p.OC, scaled(pointwise_scale));
  if (p.output.bias) fill(w.bias, p.OC, scaled(1));
}

}  // namespace

SeededCase small_integers(const ConvProblem& p, std::int64_t batch, std::uint64_t seed) {
  require_static(p);
  // The largest |sum| when no value exceeds `limit`.
  const auto bound = [&](double limit) {
    double sum = limit;
    if (p.has_depthwise()) sum = sum * limit * p.KH * p.KW + limit;
    if (p.has_pointwise()) sum = sum * limit * p.middle_channels() + limit;
    return sum;
  };
  int limit = 4;
  while (limit > 1 && bound(limit) >= (1 << 24)) --limit;
  if (bound(limit) >= (1 << 24))
    throw std::invalid_argument("small_integers: sums of " + to_text(p) +
                                " may reach 2^24 even with values of -1, 0, 1");
  Random random(seed);
  SeededCase result;
  fill_weights(result.weights, p, 1, 1, [&] { return random.integer(limit); });
  fill(result.input, batch * input_elems(p), [&] { return random.integer(limit); });
  return result;
}

bool exact_on_integers(const ConvProblem& p) {
  const auto whole = [](const Activation& a) {
    const bool whole_parameters = std::trunc(a.max_value) == a.max_value && std::trunc(a.threshold) == a.threshold;
    return a.kind == ActivationKind::linear ||
           (a.kind == ActivationKind::relu && a.negative_slope == 0 && whole_parameters);
  };
  return whole(p.output.activation) && (p.op != ConvOp::separable || whole(p.middle.activation));
}

SeededCase real_values(const ConvProblem& p, std::int64_t batch, std::uint64_t seed) {
  require_static(p);
  Random random(seed ^ 0x5eedu);
  SeededCase result;
  fill_weights(result.weights, p, std::sqrt(3.0 / (static_cast<double>(p.KH) * p.KW)),
               std::sqrt(3.0 / p.middle_channels()), [&] { return random.real(); });
  result.input = real_input(p, batch, seed);
  return result;
}

std::vector<float> real_input(const ConvProblem& p, std::int64_t batch, std::uint64_t seed) {
  require_static(p);
  Random random(seed);
  std::vector<float> input;
  fill(input, batch * input_elems(p), [&] { return random.real(); });
  return input;
}

}  // namespace sepconv

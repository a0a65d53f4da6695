#include "runner/seeded.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "runner/reference.h"

namespace sepconv::runner {
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
  /// In [-1, 1): a multiple of 2^-52 for float64, else of 2^-23, exact in float32.
  double real(DataType dtype) {
    return dtype == DataType::float64 ? static_cast<double>(next() >> 11) * 0x1p-52 - 1.0
                                      : static_cast<double>(next() >> 40) * 0x1p-23 - 1.0;
  }
  /// In [-limit, limit].
  double integer(int limit) { return static_cast<double>(next() % static_cast<std::uint64_t>(2 * limit + 1)) - limit; }

 private:
  std::uint64_t state_;
};

void require_static(const ConvProblem& problem) {
  if (problem.is_dynamic())
    throw std::invalid_argument("seeded values: need static extents, received " + to_text(problem));
}

template <class Make>
std::vector<double> made(std::int64_t count, Make&& make) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& value : values) value = make();
  return values;
}

/// Values of `make`, each times scale(argument).
template <class Scale, class Make>
ConvWeights made_weights(const ConvProblem& p, Scale&& scale, Make&& make) {
  ConvWeights weights;
  for (const Argument& argument : weights_of(p)) {
    const double factor = scale(argument);
    weights.arrays.emplace_back(made(static_cast<std::int64_t>(elements_of(argument)), [&] { return make() * factor; }),
                                p.dtype);
  }
  return weights;
}

/// The largest value behind the steps of the stage, of values up to `sum`, constants and operands up to `limit`.
double largest_behind_steps(const Stage& stage, double sum, double limit) {
  constexpr EpilogueKind kFactors[] = {EpilogueKind::scale, EpilogueKind::prelu, EpilogueKind::multiply};
  double adds = 0;
  for (const EpilogueStep& step : stage.epilogue) {
    if (step.kind == EpilogueKind::activation) continue;
    if (std::find(std::begin(kFactors), std::end(kFactors), step.kind) != std::end(kFactors))
      sum *= limit;
    else
      sum += limit, ++adds;
  }
  return adds == 0 ? sum + limit : sum;
}

/// Operands of the problem's steps, of `make`.
template <class Make>
std::vector<std::vector<double>> made_operands(const ConvProblem& p, std::int64_t batch, Make&& make) {
  std::vector<std::vector<double>> operands;
  for (const Argument& argument : operands_of(p))
    operands.push_back(made(batch * static_cast<std::int64_t>(elements_of(argument)), make));
  return operands;
}

/// Products in a sum of the stage.
double terms_of(const ConvProblem& p, std::size_t stage) {
  const Window& w = p.stages[stage].window;
  const double taps = static_cast<double>(w.KH) * w.KW;
  return p.stages[stage].kind == StageKind::conv ? taps * p.extents_after(stage).C : taps;
}

}  // namespace

SeededCase small_integers(const ConvProblem& p, std::int64_t batch, std::uint64_t seed) {
  require_static(p);
  constexpr double kGrowth = 1.0 + 0x1p-7;  // the depthwise result rounded to bfloat16, twice
  // The largest |sum| when no value exceeds `limit`.
  const auto bound = [&](double limit) {
    double sum = limit;
    for (std::size_t i = 0; i < p.stages.size(); ++i) {
      sum = largest_behind_steps(p.stages[i], sum * limit * terms_of(p, i), limit);
      if (p.stages[i].kind != StageKind::conv) sum *= kGrowth;
    }
    return sum;
  };
  int limit = 4;
  while (limit > 1 && bound(limit) >= (1 << 24)) --limit;
  if (bound(limit) >= (1 << 24))
    throw std::invalid_argument("small_integers: sums of " + to_text(p) +
                                " may reach 2^24 even with values of -1, 0, 1");
  Random random(seed);
  SeededCase result;
  result.weights = made_weights(
      p, [](const Argument&) { return 1.0; }, [&] { return random.integer(limit); });
  result.input = made(batch * input_elems(p), [&] { return random.integer(limit); });
  result.operands = made_operands(p, batch, [&] { return random.integer(limit); });
  return result;
}

bool exact_on_integers(const ConvProblem& p) {
  const auto whole = [](const Activation& a) {
    const bool whole_parameters = std::trunc(a.max_value) == a.max_value && std::trunc(a.threshold) == a.threshold;
    return a.kind == ActivationKind::linear ||
           (a.kind == ActivationKind::relu && a.negative_slope == 0 && whole_parameters);
  };
  const auto exact = [&](const EpilogueStep& step) {
    return step.kind != EpilogueKind::activation || whole(step.activation);
  };
  return std::all_of(p.stages.begin(), p.stages.end(), [&](const Stage& stage) {
    if (stage.kind == StageKind::average_pool || stage.kind == StageKind::norm) return false;
    if (stage.interpolation == Interpolation::bilinear) return false;
    return std::all_of(stage.epilogue.begin(), stage.epilogue.end(), exact);
  });
}

SeededCase real_values(const ConvProblem& p, std::int64_t batch, std::uint64_t seed) {
  require_static(p);
  Random random(seed ^ 0x5eedu);
  SeededCase result;
  const auto scale = [&](const Argument& argument) {
    return argument.kind == ArgumentKind::constant ? 1.0 : std::sqrt(3.0 / terms_of(p, argument.stage));
  };
  result.weights = made_weights(p, scale, [&] { return random.real(p.dtype); });
  result.input = real_input(p, batch, seed);
  result.operands = made_operands(p, batch, [&] { return round_to(p.dtype, random.real(p.dtype)); });
  return result;
}

std::vector<double> real_input(const ConvProblem& p, std::int64_t batch, std::uint64_t seed) {
  require_static(p);
  return real_numbers(batch * input_elems(p), p.dtype, seed);
}

std::vector<double> real_numbers(std::int64_t count, DataType dtype, std::uint64_t seed) {
  Random random(seed);
  return made(count, [&] { return round_to(dtype, random.real(dtype)); });
}

}  // namespace sepconv::runner

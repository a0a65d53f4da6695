#pragma once
// Weights of problems of a depthwise and a 1x1 conv stage, by name.

#include "sepconv/detail/conv_weights.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

/// Empty where the problem has no such weight.
struct NamedArrays {
  WeightArray depthwise, middle_bias, pointwise, bias;
};

/// Calls f(argument, its array in `named`) for each of the problem's weights.
template <class Named, class F>
void each_named(const ConvProblem& p, Named& named, F&& f) {
  for (const Argument& argument : weights_of(p)) {
    const bool depthwise = p.stages[argument.stage].kind == StageKind::depthwise,
               last = argument.stage + 1 == p.stages.size();
    if (argument.kind == ArgumentKind::weights)
      f(argument, depthwise ? named.depthwise : named.pointwise);
    else
      f(argument, last ? named.bias : named.middle_bias);
  }
}

inline ConvWeights weights_from(const ConvProblem& p, const NamedArrays& named) {
  ConvWeights weights;
  each_named(p, named, [&](const Argument&, const WeightArray& array) { weights.arrays.push_back(array); });
  return weights;
}

inline NamedArrays named(const ConvProblem& p, const ConvWeights& weights) {
  NamedArrays result;
  std::size_t next = 0;
  each_named(p, result, [&](const Argument&, WeightArray& array) { array = weights.arrays[next++]; });
  return result;
}

}  // namespace sepconv::test

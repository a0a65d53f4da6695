#include "sepconv/detail/conv_weights.h"

#include <initializer_list>

#include "weight_sizes.h"

namespace sepconv {
namespace {

void require(const char* array, std::size_t size, std::size_t wanted, const char* shape, const ConvProblem& problem) {
  if (size == wanted) return;
  throw std::invalid_argument("ConvWeights." + std::string(array) + ": received " + std::to_string(size) +
                              " elements; expected " + std::to_string(wanted) +
                              (wanted == 0 ? " (the problem has no such weight)" : std::string(" = ") + shape) +
                              " for " + to_text(problem));
}

}  // namespace

detail::WeightSizes detail::weight_sizes(const ConvProblem& p) {
  const std::size_t middle = static_cast<std::size_t>(p.middle_channels());
  WeightSizes sizes;
  if (p.has_depthwise()) sizes.depthwise = static_cast<std::size_t>(p.KH) * p.KW * middle;
  if (p.op == ConvOp::separable && p.middle.bias) sizes.middle_bias = middle;
  if (p.has_pointwise()) sizes.pointwise = middle * p.OC;
  if (p.output.bias) sizes.bias = static_cast<std::size_t>(p.OC);
  return sizes;
}

void validate(const ConvWeights& weights, const ConvProblem& problem) {
  const detail::WeightSizes sizes = detail::weight_sizes(problem);
  require("depthwise", weights.depthwise.size(), sizes.depthwise, "KH * KW * IC * depth_multiplier", problem);
  require("middle_bias", weights.middle_bias.size(), sizes.middle_bias, "IC * depth_multiplier", problem);
  require("pointwise", weights.pointwise.size(), sizes.pointwise, "IC * depth_multiplier * OC", problem);
  require("bias", weights.bias.size(), sizes.bias, "OC", problem);
}

}  // namespace sepconv

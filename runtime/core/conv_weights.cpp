#include "sepconv/detail/conv_weights.h"

#include <string>

namespace sepconv {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t extent : shape) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text;
}

}  // namespace

void validate(const ConvWeights& weights, const ConvProblem& problem) {
  const std::vector<Argument> wanted = weights_of(problem);
  if (weights.arrays.size() != wanted.size()) {
    std::string names;
    for (const Argument& argument : wanted) names += (names.empty() ? "" : ", ") + name_of(argument);
    throw std::invalid_argument("ConvWeights: received " + std::to_string(weights.arrays.size()) +
                                " arrays; expected " + std::to_string(wanted.size()) + " (" + names + ") for " +
                                to_text(problem));
  }
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (weights.arrays[i].size() != elements_of(wanted[i]))
      throw std::invalid_argument("ConvWeights: " + name_of(wanted[i]) + ": received " +
                                  std::to_string(weights.arrays[i].size()) + " elements; expected " +
                                  std::to_string(elements_of(wanted[i])) + " = " + shape_text(wanted[i].shape) +
                                  " for " + to_text(problem));
}

}  // namespace sepconv

#pragma once
// How far one problem's schedule may serve another.

#include <optional>

#include "sepconv/conv_problem.h"

namespace sepconv::autoschedule {

/// How unlike two problems are, 0 for equal ones: the sum of the logarithms of the ratios of their pixels, channels,
/// taps, strides, dilations and multipliers. Nothing where a schedule cannot be carried over: another op, layout or
/// type, or dynamic extents in only one of them.
std::optional<double> transfer_distance(const ConvProblem& a, const ConvProblem& b);

}  // namespace sepconv::autoschedule

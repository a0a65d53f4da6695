#pragma once
// The kernels that compute a step of a network on a GPU.

#include <vector>

#include "sepconv/detail/network_plan.h"

namespace sepconv::detail {

/// The problem of a kernel that applies an activation along an axis of a dense tensor: a copy with that activation, in
/// nhwc, whose axis is the channels, or the columns where other elements lie between those of the axis.
/// @param rank3  the tensor has no H, so that its axes are counted without it
ConvProblem axis_problem(const ConvProblem& problem, bool rank3);

/// True for a problem as axis_problem makes them.
bool is_axis_problem(const ConvProblem& problem);

/// The extents of its output: glu halves those of the axis.
Extents axis_output(const ConvProblem& axis_problem);

/// The problems of the kernels that run one after the other: an activation along an axis, which the CPU applies to a
/// kernel's output, is a kernel of its own.
std::vector<ConvProblem> device_problems(const NetworkPlan& network, const NetworkStep& step);

}  // namespace sepconv::detail

#pragma once
// The activation functions in double, and how far a kernel that computes in a narrower type may be from them.

#include <cstdint>
#include <span>

#include "sepconv/detail/activation.h"
#include "sepconv/detail/data_type.h"

namespace sepconv::runner {

/// A value, and how far a kernel's may be from it.
struct Bounded {
  double value = 0;
  double error = 0;
};

/// Rounding of the type that a kernel sums and evaluates in (accumulator_type): the distance from 1 to the next number.
double accumulator_epsilon(DataType dtype);

/// What storing a value of at most this magnitude in `dtype` may change; nothing for float32 and float64, whose limits
/// have that rounding among those of the sums.
double storage_rounding(DataType dtype, double magnitude);

/// An elementwise activation in double, as Keras defines it. NaN gives NaN wherever Keras' formula does; in
/// soft_shrink, hard_shrink and threshold, which select by comparing, it gives what no larger number gives.
/// @throws std::invalid_argument for a function along an axis.
double activate(const Activation& activation, double x);

/// The activation of a bounded value, computed in the accumulator of `dtype`. Taking both ends of the bound rather than
/// a slope also covers functions with a jump, where a correct kernel may land on either side.
Bounded activate_bounded(const Activation& activation, Bounded x, DataType dtype);

/// A function along an axis, on one line of that axis.
/// @param out  as long as the line; of glu half as long.
/// @throws std::invalid_argument for an elementwise function, and for glu on an odd line.
void activate_line(const Activation& activation, std::span<const Bounded> line, std::span<Bounded> out, DataType dtype);

}  // namespace sepconv::runner

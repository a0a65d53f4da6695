#pragma once
// WHAT follows a sum: the steps of an epilogue. Activation functions are evaluated strictly, so that NaN and infinities
// come through as IEEE says even though the sums themselves may be reassociated.

#include "Halide.h"
#include "sepconv/conv_problem.h"

namespace sepconv::generators {

/// activation(value), as Keras 3's keras.activations defines it.
Halide::Expr activate(const Activation& activation, const Halide::Expr& value);

/// The value behind one step.
/// @param other  the element of the step's constant at the value's channel, or of its operand; undefined where the step
///               has neither.
Halide::Expr apply_step(const EpilogueStep& step, const Halide::Expr& value, const Halide::Expr& other);

}  // namespace sepconv::generators

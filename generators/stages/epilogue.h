#pragma once
// WHAT follows a sum: the activation function, evaluated strictly, so that NaN and infinities come through as IEEE says
// even though the sums themselves may be reassociated.

#include "Halide.h"
#include "sepconv/detail/activation.h"

namespace sepconv::generators {

/// activation(value), as Keras 3's keras.activations defines it.
Halide::Expr activate(const Activation& activation, const Halide::Expr& value);

}  // namespace sepconv::generators

#pragma once
// The activation functions along an axis: softmax, log_softmax, sparsemax and glu, after a kernel.

#include "sepconv/detail/activation.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv {

/// The shape of the function's result: that of its input, but glu halves its axis. A kDynamic extent stays one.
/// @throws std::invalid_argument if the shape lacks the axis, or if glu's axis is odd.
Shape axis_activation_shape(const Activation& activation, const Shape& shape);

/// Computes an activation that is not elementwise along its axis of `in`, each element in double precision and rounded
/// once. `in` and `out` have the same floating point type, any pitches, and the shapes of axis_activation_shape; they
/// may be the same memory with the same pitches, except for glu. No allocation.
void apply_axis_activation(const Activation& activation, const ConstTensorView& in, const TensorView& out) noexcept;

}  // namespace sepconv

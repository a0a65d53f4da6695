#pragma once
// Which call of a nested model a file means by a number.

#include "runtime/keras/model_spec.h"

namespace sepconv::keras {

/// Makes the numbers of nested models' calls in spec's tensors count from 0, the first call in this model.
/// Keras' functional models are called once by their own construction. tf.keras 2 counts that call, and Keras 3 does in
/// output_layers only. A Sequential model may have been made without it, and so may one of another author's class.
void count_calls_from_zero(ModelSpec& spec);

}  // namespace sepconv::keras

#pragma once
// What operators make of shapes: tf.* functions in models of tf.keras 2 (TFOpLambda, SlicingOpLambda, and
// TensorFlowOpLayer before), and the operations of Keras 3.

#include "runtime/keras/layer_rules.h"

namespace sepconv::keras {

/// The shapes of the operator's outputs; none for operators without a rule, and where nothing can be told.
Shapes operator_rule(const LayerUse& use);

}  // namespace sepconv::keras

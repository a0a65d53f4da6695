#pragma once
// The version of Keras whose rules a layer follows.

#include <cstdint>
#include <string_view>

namespace sepconv {

/// The two families of Keras differ in hard_sigmoid; strides together with dilation (refused by tf.keras 2); the names
/// of activations, regularizers and constraints; "causal" padding (tf.keras 2: SeparableConv1D only); fractional and
/// unknown arguments; and what layer.losses() holds. docs/keras.md lists every difference.
enum class KerasRules : std::uint8_t {
  keras_3,     // Keras 3.15 and later
  tf_keras_2,  // tf.keras 2.x, and R's keras package
};

/// "tf_keras2" or "keras3" as golden cases name them, or a version number such as "2.15.0".
/// @throws std::invalid_argument naming the text.
KerasRules keras_rules_from_text(std::string_view text);

}  // namespace sepconv

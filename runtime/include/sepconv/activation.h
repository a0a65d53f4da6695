#pragma once
// An activation function fused into a kernel's epilogue: which function, and its parameters.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace sepconv {

/// Elementwise activation functions, named as Keras names them (relu6 and leaky_relu are relu with parameters).
enum class ActivationKind : std::uint8_t {
  linear,
  relu,
  hard_sigmoid,  // clip(x / 6 + 0.5, 0, 1): Keras 3
  hard_sigmoid_keras2,  // clip(0.2 x + 0.5, 0, 1): tf.keras 2
  hard_silu,
  hard_tanh,
  softsign,
  soft_shrink,
  hard_shrink,
  sparse_plus,
  sparse_sigmoid,
  squareplus,
};

/// A function and its parameters. Source: Keras 3 `keras.activations`.
struct Activation {
  ActivationKind kind = ActivationKind::linear;
  // relu only: max_value where x >= max_value; x where x > threshold (>= when the threshold is 0);
  // negative_slope * (x - threshold) elsewhere.
  float negative_slope = 0.0f;
  float max_value = std::numeric_limits<float>::infinity();  // infinity: no upper clamp
  float threshold = 0.0f;
};

bool operator==(const Activation& a, const Activation& b);
inline bool operator!=(const Activation& a, const Activation& b) { return !(a == b); }

/// "linear", "relu", "relu6" or "relu(0.1;4;0.5)" (negative slope; max value, `inf` for none; threshold).
std::string to_text(const Activation& activation);

/// Reads what to_text wrote.
/// @throws std::invalid_argument naming the text and the known names.
Activation activation_from_text(std::string_view text);

}  // namespace sepconv

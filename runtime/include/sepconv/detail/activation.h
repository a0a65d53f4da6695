#pragma once
// An activation function after a convolution: which function, and its parameters.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace sepconv {

/// Activation functions, named as Keras names them (relu6 and leaky_relu are relu with parameters).
enum class ActivationKind : std::uint8_t {
  linear,
  relu,
  elu,
  selu,
  celu,
  sigmoid,
  tanh,
  silu,
  gelu,       // 0.5 x (1 + erf(x / sqrt 2))
  gelu_tanh,  // Keras' gelu with approximate=True
  softplus,
  softsign,
  exponential,
  hard_sigmoid,         // clip(x / 6 + 0.5, 0, 1): Keras 3
  hard_sigmoid_keras2,  // clip(0.2 x + 0.5, 0, 1): tf.keras 2
  hard_silu,
  hard_tanh,
  mish,
  log_sigmoid,
  squareplus,
  sparse_plus,
  sparse_sigmoid,
  soft_shrink,
  hard_shrink,
  tanh_shrink,
  threshold,
  // Functions along an axis; the runtime applies them to a kernel's output.
  softmax,
  log_softmax,
  sparsemax,  // as Keras computes it: it sums the cumulative sums again, so rows need not sum to 1
  glu,        // halves the axis: the first half times the sigmoid of the second
};

/// A function and its parameters. Source: Keras 3 `keras.activations`.
struct Activation {
  ActivationKind kind = ActivationKind::linear;
  // relu: max_value where x >= max_value; x where x > threshold (>= when the threshold is 0);
  // negative_slope * (x - threshold) elsewhere.
  double negative_slope = 0;
  double max_value = std::numeric_limits<double>::infinity();  // infinity: no upper clamp
  double threshold = 0;      // relu, threshold; soft_shrink and hard_shrink: 0.5 in Keras
  double alpha = 1;          // elu, celu; squareplus: Keras' b, 4 there
  double default_value = 0;  // threshold: the value at and below the threshold
  std::int32_t axis = -1;    // of the functions along an axis: -1 is the innermost in memory, -2 the next
};

/// The function with Keras' default parameters.
Activation default_activation(ActivationKind kind);

/// False for the functions along an axis.
bool is_elementwise(ActivationKind kind);

/// True if the kinds and the parameters of that kind are equal.
bool operator==(const Activation& a, const Activation& b);
inline bool operator!=(const Activation& a, const Activation& b) { return !(a == b); }

/// "linear", "relu", "relu6", "elu(0.5)" or "relu(0.1;4;0.5)": the parameters in the order of Keras' function, omitted
/// if all have Keras' defaults (`threshold` has none). relu: negative slope; max value, `inf` for none; threshold.
std::string to_text(const Activation& activation);

/// Parses the text form.
/// @throws std::invalid_argument naming the text and the known names.
Activation activation_from_text(std::string_view text);

}  // namespace sepconv

#pragma once
// A penalty on a weight or on a layer's output. Source: Keras 3 `keras.regularizers`.

#include <cstdint>
#include <string>
#include <string_view>

#include "sepconv/detail/keras_rules.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv {

/// Plain data. It affects only losses(), never an output.
struct Regularizer {
  enum class Kind : std::uint8_t { none, l1, l2, l1_l2, orthogonal };

  Regularizer() = default;
  /// With the defaults of Keras' classes: L1 and L2 0.01, L1L2 0 and 0.
  Regularizer(Kind kind_in) : kind(kind_in) {
    if (kind_in == Kind::l1) l1 = 0.01;
    if (kind_in == Kind::l2) l2 = 0.01;
  }
  /// By Keras' names: "l1", "L2", "l1l2" (0 and 0 in Keras 3), "l1_l2" (tf.keras 2: 0.01 each),
  /// "orthogonal_regularizer".
  /// @throws std::invalid_argument "Could not interpret regularizer identifier: ..."
  static Regularizer from_name(std::string_view name, KerasRules rules = KerasRules::keras_3);

  bool given() const noexcept { return kind != Kind::none; }

  Kind kind = Kind::none;
  double l1 = 0, l2 = 0;
  double factor = 0.01;       // orthogonal
  std::string mode = "rows";  // orthogonal: "rows" or "columns"
};

/// "L1", "L2", "L1L2", "OrthogonalRegularizer".
std::string class_name(const Regularizer& regularizer);

/// The penalty of these elements, summed in double; 0 if there are none.
/// @throws std::invalid_argument with Keras' wording, if orthogonal and the rank is not 2
double penalty(const Regularizer& regularizer, const ConstTensorView& values);

}  // namespace sepconv

#pragma once
// Sets the initial values of a weight. Source: Keras 3 `keras.initializers`.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/detail/tensor_view.h"

namespace sepconv {

/// Plain data with Keras' parameters and defaults. Values are drawn in double from our own generator, so a seed gives
/// the same weights on every platform. The distribution is Keras', the numbers are not.
struct Initializer {
  enum class Kind : std::uint8_t {
    zeros,
    ones,
    constant,
    random_normal,
    random_uniform,
    truncated_normal,
    variance_scaling,
    glorot_uniform,
    glorot_normal,
    he_uniform,
    he_normal,
    lecun_uniform,
    lecun_normal,
    orthogonal,
    identity,  // known by name; no weight of these layers has a shape that it can fill
  };
  enum class Mode : std::uint8_t { fan_in, fan_out, fan_avg };
  enum class Distribution : std::uint8_t { truncated_normal, untruncated_normal, uniform };

  Initializer() = default;
  Initializer(Kind kind_in) : kind(kind_in) {}
  /// By Keras' names: "he_normal", "HeNormal", "normal", "uniform", "one", "zero", ...
  /// @throws std::invalid_argument "Could not interpret initializer identifier: ..."
  Initializer(std::string_view name);
  Initializer(const char* name) : Initializer(std::string_view(name)) {}
  Initializer(const std::string& name) : Initializer(std::string_view(name)) {}

  Kind kind = Kind::glorot_uniform;
  double value = 0;                                            // constant
  double mean = 0, stddev = 0.05;                              // random_normal, truncated_normal
  double minval = -0.05, maxval = 0.05;                        // random_uniform
  double scale = 1;                                            // variance_scaling
  Mode mode = Mode::fan_in;                                    // variance_scaling
  Distribution distribution = Distribution::truncated_normal;  // variance_scaling
  double gain = 1;                                             // orthogonal, identity
  std::optional<std::int64_t> seed;                            // unset: the layer's, with its own stream per weight
};

/// Keras' class name: "GlorotUniform".
std::string class_name(const Initializer& initializer);

/// fan_in and fan_out of a weight shape, as Keras counts them.
struct Fans {
  double in = 1, out = 1;
};
Fans fans_of(const Shape& shape);

/// Values of a weight, row-major. `seed` is used if the initializer has none.
/// @throws std::invalid_argument with Keras' wording, if it cannot fill the shape (identity, or orthogonal below
/// rank 2)
std::vector<double> initial_values(const Initializer& initializer, const Shape& shape, std::uint64_t seed);

}  // namespace sepconv

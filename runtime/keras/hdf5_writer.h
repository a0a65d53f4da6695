#pragma once
// Weights as an HDF5 file in memory, laid out as Keras' save_weights() does.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

struct WeightGroup {
  std::string path;   // "/layers/separable_conv2d/vars"
  std::string layer;  // its attribute "name"; empty for none
  std::vector<KerasArray> arrays;
  std::optional<std::int64_t> count = std::nullopt;  // one integer behind the arrays, of a Normalization layer
};

/// The file's bytes. Elements are stored as their dtype says; bfloat16 as 2 opaque bytes with the attribute dtype.
/// @throws std::runtime_error when the library fails
std::string weights_hdf5(const std::vector<WeightGroup>& groups);

}  // namespace sepconv::keras

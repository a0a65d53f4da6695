#pragma once
// Information that a caller adds to a model file. Needs the Keras reader library, sepconv::keras.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sepconv {

/// Extents without the batch, for one tensor of a model; kDynamic (-1) leaves an extent open.
struct NamedShape {
  std::string name;
  std::vector<std::int32_t> extents;
};

struct ModelOptions {
  std::vector<std::int32_t> input_shape;  // {H, W, C} or {L, C}: fills the open extents of every input that it fits
  std::vector<NamedShape> input_shapes;   // the same for the named input
  std::vector<NamedShape> layer_shapes;   // input shape of the named layer, if the file does not state it
  std::filesystem::path weights;  // .h5, .weights.h5 or .keras whose weights replace the model's own; empty for none
};

}  // namespace sepconv

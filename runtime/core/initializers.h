#pragma once
// Initial weights by Keras' initializers, the same on every machine for the same seed.

#include <cstdint>
#include <string_view>
#include <vector>

#include "sepconv/tensor_view.h"

namespace sepconv::detail {

/// Throws unless `name` is an initializer that these layers know, in snake case or as Keras' class name.
/// @throws std::invalid_argument naming `argument`, the name and those known.
void check_initializer(std::string_view argument, std::string_view name);

/// Weights of that shape. The numbers have Keras' distribution, not its values: those depend on its backend.
std::vector<float> initial_weights(std::string_view initializer, const Shape& shape, std::uint64_t seed);

}  // namespace sepconv::detail

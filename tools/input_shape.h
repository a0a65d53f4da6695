#pragma once
// The --input-shape option's text.

#include <cstdint>
#include <string>
#include <vector>

namespace sepconv::tools {

/// "224x224x3" -> {224, 224, 3}, "16000x1" -> {16000, 1}: the extents without the batch.
/// @throws std::invalid_argument naming the text unless it is two or three integers of at least 1.
std::vector<std::int32_t> input_shape_from_text(const std::string& text);

}  // namespace sepconv::tools

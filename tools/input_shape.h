#pragma once
// The texts of --input-shape and --layer-shape.

#include <cstdint>
#include <string>
#include <vector>

#include "sepconv/detail/model_options.h"

namespace sepconv::tools {

/// "224x224x3" -> {224, 224, 3}, "?x1" -> {kDynamic, 1}: the extents without the batch.
/// @param option  names the option in errors: "--input-shape"
/// @throws std::invalid_argument naming the text unless it is one to five integers of at least 1, or '?'.
std::vector<std::int32_t> shape_from_text(const std::string& text, const std::string& option);

/// "image=224x224x3" -> {"image", {224, 224, 3}}. The name, which may hold '=' itself, ends at the last one; it is
/// empty where the text has none.
NamedShape named_shape_from_text(const std::string& text, const std::string& option);

}  // namespace sepconv::tools

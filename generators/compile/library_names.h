#pragma once
// What may name a library and its layers.

#include <filesystem>
#include <string>
#include <string_view>

#include "sepconv/plan.h"

namespace sepconv::generators {

/// Letters and digits kept, every run of anything else one underscore.
std::string identifier_from(std::string_view text);

/// @throws std::invalid_argument unless the name can be a C++ namespace and a file's stem: letters, digits and single
///   underscores, a letter first, at most 64 characters, no keyword, no macro, function or type of the system's C
///   headers, and not the name of one of these headers.
void check_library_name(const std::string& name);

/// A library name made of a file's stem: "MobileNet-v1 0.25.keras" gives "MobileNet_v1_0_25".
std::string library_name_from(const std::filesystem::path& model);

/// @throws std::invalid_argument for a name of a layer that is empty, occurs twice, holds control characters or has
/// more
///   than 1000 characters: the library's files could not hold it.
void check_layer_names(const Plan& plan);

}  // namespace sepconv::generators

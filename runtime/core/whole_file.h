#pragma once
// Files that appear whole or not at all.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace sepconv::detail {

/// Writes the bytes to a name of this process and call, and renames that.
/// @return nothing, or why not: ": " and the system's reason, empty where it gives none. No file is left then.
std::optional<std::string> write_whole_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace sepconv::detail

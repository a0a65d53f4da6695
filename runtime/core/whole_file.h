#pragma once
// Files that appear whole or not at all.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace sepconv::detail {

/// Writes the bytes under a temporary name in the same folder, on the disk, and then renames that file. A symbolic link
/// is followed. If the target exists and is not a regular file (a pipe, /dev/stdout), the bytes are written directly.
/// Temporary files of writers that were killed are removed from the folder.
/// @return nothing, or the system's reason why the file was not written. No temporary file is left then.
std::optional<std::string> write_whole_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace sepconv::detail

#pragma once
// Whole files as strings, and the one hash of the driver: XXH3, 128 bits, which tells contents apart and is no
// protection against an attacker.

#include <filesystem>
#include <string>
#include <string_view>

namespace sepconv {

/// 32 hex digits.
std::string content_hash(std::string_view bytes);

/// The whole file.
/// @throws std::runtime_error naming the file when it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Writes the whole file.
/// @throws std::runtime_error naming the file when that fails, a full disk included.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace sepconv

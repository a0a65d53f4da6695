#pragma once
// Whole files as strings, and the driver's only hash: XXH3, 128 bits. It distinguishes contents but does not protect
// against an attacker.

#include <filesystem>
#include <string>
#include <string_view>

namespace sepconv::generators {

/// 32 hex digits.
std::string content_hash(std::string_view bytes);

/// The whole file.
/// @throws std::runtime_error naming the file when it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Writes a file into a folder that belongs to the program.
/// @throws std::runtime_error naming the file and the reason, such as a full disk.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// Waits until the file's bytes are on the disk.
/// @throws std::runtime_error naming the file and the reason.
void sync_file(const std::filesystem::path& path);

/// Writes a file of the user's: whole or not at all, see runtime/core/whole_file.h.
/// @throws std::runtime_error as write_file
void replace_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace sepconv::generators

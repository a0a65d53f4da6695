#pragma once
// NumPy's .npz files: a zip of .npy files. A library of its own, because only it needs libzip.

#include <filesystem>
#include <map>
#include <string>

#include "runner/npy.h"

namespace sepconv::runner {

/// The arrays by name, without ".npy".
/// @throws std::invalid_argument naming the file, the member and what is wrong.
std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path);

/// Writes to a temporary name in the same folder and renames. Members are stored without compression, as np.savez does.
/// @throws std::runtime_error naming the path when the file cannot be written.
void write_npz(const std::filesystem::path& path, const std::map<std::string, NpyArray>& arrays);

}  // namespace sepconv::runner

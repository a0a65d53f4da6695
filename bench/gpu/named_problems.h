#pragma once
// The list of layers to time.

#include <filesystem>
#include <map>
#include <string>

#include "sepconv/conv_problem.h"

namespace sepconv::bench {

/// Reads lines of a name and a problem text; empty ones and those that begin with # are left out.
/// @throws std::invalid_argument naming the file and the line that cannot be read, or a name that is there twice.
std::map<std::string, ConvProblem> read_named_problems(const std::filesystem::path& path);

}  // namespace sepconv::bench

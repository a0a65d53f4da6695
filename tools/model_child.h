#pragma once
// Model files are read in a child process: HDF5, zip and JSON from strangers never meet this one. Memory and processor
// time are limited by the size of the file; a crash, and a limit that is hit, is one error.

#include <filesystem>
#include <functional>
#include <string>

#include "sepconv/plan.h"

namespace sepconv::tools {

/// plan_file() in a child process.
/// @throws what plan_file() throws; std::invalid_argument naming the file when reading it crashes or hits a limit;
///         std::runtime_error when there can be no child process.
Plan plan_in_child(const std::filesystem::path& model, const PlanOptions& options = {});

/// The text that `read` makes of the model file, in a child process.
/// @param weights  a second file that it reads; empty for none
/// @throws as plan_in_child(), and what `read` throws as std::invalid_argument or std::runtime_error
std::string text_in_child(const std::filesystem::path& model, const std::function<std::string()>& read,
                          const std::filesystem::path& weights = {});

}  // namespace sepconv::tools

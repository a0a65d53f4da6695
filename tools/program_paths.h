#pragma once
// Where the sepconv program finds its companions: beside itself when installed, in the build tree otherwise.

#include <filesystem>

namespace sepconv::tools {

/// sepconv-generator, the kernel compiler.
std::filesystem::path generator_program();

/// sepconv-runner, which runs compiled kernels.
std::filesystem::path runner_program();

/// The folder that holds sepconv/detail/compiled_kernel.h.
std::filesystem::path runtime_include_dir();

/// The Python program that runs trials on a cluster.
std::filesystem::path fleet_script();

/// The folder of the shipped tuned schedules.
std::filesystem::path tables_folder();

}  // namespace sepconv::tools

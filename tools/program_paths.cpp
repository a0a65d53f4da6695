#include "tools/program_paths.h"

#include <string>
#include <system_error>

namespace sepconv::tools {
namespace {

/// The folder of the running program; empty when the system does not tell.
std::filesystem::path own_folder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

std::filesystem::path installed_or(const std::filesystem::path& installed, const std::filesystem::path& in_build_tree) {
  std::error_code error;
  const std::filesystem::path path = (own_folder() / installed).lexically_normal();
  return std::filesystem::exists(path, error) ? path : in_build_tree;
}

}  // namespace

std::filesystem::path generator_program() { return installed_or("sepconv-generator", SEPCONV_GENERATOR_IN_BUILD); }

std::filesystem::path runner_program() { return installed_or("sepconv-runner", SEPCONV_RUNNER_IN_BUILD); }

std::filesystem::path runtime_include_dir() {
  const std::filesystem::path header = installed_or(SEPCONV_INCLUDE_FROM_BIN "/sepconv/detail/compiled_kernel.h",
                                                    SEPCONV_INCLUDE_IN_SOURCE "/sepconv/detail/compiled_kernel.h");
  return header.parent_path().parent_path().parent_path();
}

std::filesystem::path fleet_script() {
  return installed_or(SEPCONV_DATA_FROM_BIN "/fleet.py", SEPCONV_FLEET_IN_SOURCE);
}

std::filesystem::path tables_folder() {
  return installed_or(SEPCONV_DATA_FROM_BIN "/tables", SEPCONV_TABLES_IN_SOURCE);
}

}  // namespace sepconv::tools

#pragma once
// The sizes of a library's kernels and how long they took to compile, as `sepconv compile --report` prints them.

#include <map>
#include <string>
#include <vector>

#include "generators/compile/compile_library.h"

namespace sepconv::tools {

/// By the target's name, seconds of each kernel that was compiled; those from the cache took none.
using CompileSeconds = std::map<std::string, std::vector<double>>;

/// A row for each kernel, and for each target totals and medians, to stdout.
/// @param result  of a build with CompileOptions::measure.
void print_size_report(const generators::CompileResult& result, const CompileSeconds& seconds);

/// The same as JSON: {"library", "kernels": [{"symbol", "layers", "problem", "target", "schedule", "code_bytes",
/// "constant_bytes", "shares"?}], "targets": [{"target", "kernels", "shared", "code_bytes", "constant_bytes",
/// "median_code_bytes", "median_seconds"}], and for all targets "code_bytes", "constant_bytes", "median_code_bytes",
/// "median_seconds"}. Medians are of the kernels with code of their own, and of those that were compiled; null for
/// none.
std::string size_report_json(const std::string& library, const generators::CompileResult& result,
                             const CompileSeconds& seconds);

}  // namespace sepconv::tools

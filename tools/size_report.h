#pragma once
// The sizes of a library's kernels, as `sepconv compile --report` prints them.

#include <string>

#include "compile/compile_library.h"

namespace sepconv::tools {

/// A row for each kernel and a total for each target, to stdout.
/// @param result  of a build with CompileOptions::measure.
void print_size_report(const CompileResult& result);

/// The same as JSON: {"library", "kernels": [{"symbol", "layers", "problem", "target", "schedule", "code_bytes",
/// "constant_bytes", "shares"?}], "targets": [{"target", "kernels", "shared", "code_bytes", "constant_bytes"}],
/// "code_bytes", "constant_bytes"}.
std::string size_report_json(const std::string& library, const CompileResult& result);

}  // namespace sepconv::tools

#pragma once
// What the programs that compile layers for GPU benchmarks and tests have in common: arguments, compilation, errors.

#include <functional>
#include <string>

#include "generators/compile/compile_library.h"

namespace sepconv::bench {

/// The main() of PROGRAM LAYERS NAME OUT CACHE GENERATOR TARGET...
/// @param layers_word  what the usage calls the first argument
/// @param read_plan    reads that file or folder
/// @param schedules    null for those of the rules
/// @return the exit status: 0 compiled, 1 failed (the reason on stderr), 2 invalid usage
int run_compile_program(int argc, char** argv, const std::string& program, const std::string& layers_word,
                        const std::function<Plan(const std::string&)>& read_plan,
                        const generators::ScheduleSource* schedules = nullptr);

}  // namespace sepconv::bench

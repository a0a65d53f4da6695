#include "bench/gpu/compile_program.h"

#include <cstdio>
#include <exception>

namespace sepconv::bench {

int run_compile_program(int argc, char** argv, const std::string& program, const std::string& layers_word,
                        const std::function<Plan(const std::string&)>& read_plan,
                        const generators::ScheduleSource* schedules) {
  if (argc < 7) {
    std::fprintf(stderr, "usage: %s %s NAME OUT CACHE GENERATOR TARGET...\n", program.c_str(), layers_word.c_str());
    return 2;
  }
  try {
    const Plan plan = read_plan(argv[1]);
    generators::CompileOptions options;
    options.name = argv[2];
    options.output_dir = argv[3];
    options.cache_dir = argv[4];
    options.generator = argv[5];
    options.targets.assign(argv + 6, argv + argc);
    options.schedules = schedules;
    const generators::CompileResult result = compile_library(plan, options);
    std::printf("%zu kernels, %zu of them from the cache\n", result.kernels.size(), result.cached);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), error.what());
    return 1;
  }
}

}  // namespace sepconv::bench

// Compiles a file of named problems for GPU targets: sepconv_gpu_bench_compile LAYERS NAME OUT CACHE GENERATOR
// TARGET...

#include <cstdio>
#include <exception>

#include "compile/compile_library.h"
#include "named_problems.h"

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fprintf(stderr, "usage: sepconv_gpu_bench_compile LAYERS NAME OUT CACHE GENERATOR TARGET...\n");
    return 2;
  }
  try {
    sepconv::Plan plan;
    for (const auto& [name, problem] : sepconv::read_named_problems(argv[1])) {
      sepconv::PlannedLayer layer;
      layer.name = name;
      layer.problem = problem;
      plan.layers.push_back(layer);
    }
    sepconv::CompileOptions options;
    options.name = argv[2];
    options.output_dir = argv[3];
    options.cache_dir = argv[4];
    options.generator = argv[5];
    options.targets.assign(argv + 6, argv + argc);
    const sepconv::CompileResult result = sepconv::compile_library(plan, options);
    std::printf("%zu kernels, %zu of them from the cache\n", result.kernels.size(), result.cached);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sepconv_gpu_bench_compile: %s\n", error.what());
    return 1;
  }
}

// Compiles a file of named problems for GPU targets: sepconv_gpu_bench_compile LAYERS NAME OUT CACHE GENERATOR
// TARGET...

#include "bench/gpu/compile_program.h"
#include "bench/gpu/named_problems.h"

namespace {

sepconv::Plan read_plan(const std::string& path) {
  sepconv::Plan plan;
  for (const auto& [name, problem] : sepconv::bench::read_named_problems(path)) {
    sepconv::PlannedLayer layer;
    layer.name = name;
    layer.problem = problem;
    plan.layers.push_back(layer);
  }
  return plan;
}

}  // namespace

int main(int argc, char** argv) {
  return sepconv::bench::run_compile_program(argc, argv, "sepconv_gpu_bench_compile", "LAYERS", read_plan);
}

// Runs every block of a MobileNet through the kernels linked into this program, checks each against a reference in
// double precision, and times it.

#include <fmt/format.h>
#include <mobilenet.h>  // generated from the model file
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <functional>
#include <stdexcept>

#include "blocks.h"
#include "runner/layer_run.h"
#include "runner/peak.h"
#include "runner/timing.h"
#include "sepconv/kernel_registry.h"
#include "table.h"

namespace {

/// Keeps this thread on the core that it runs on. @return that core, or -1 where the system does not allow it.
int pin_to_core() {
  const int core = sched_getcpu();
  if (core < 0) return -1;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  return sched_setaffinity(0, sizeof set, &set) == 0 ? core : -1;
}

std::string shape_text(const sepconv::ConvProblem& p) {
  const std::string shape = fmt::format("{}x{}x{} -> {}x{}x{}", p.IH, p.IW, p.IC, p.OH(), p.OW(), p.OC());
  return p.stages[0].window.stride_h == 1 ? shape : shape + fmt::format(" s{}", p.stages[0].window.stride_h);
}

/// Median seconds of a warm call of each block, in rounds over all blocks.
std::vector<double> time_blocks(const std::vector<demo::CheckedBlock>& blocks, double seconds) {
  std::vector<sepconv::runner::RepeatedRun> runs;
  runs.reserve(blocks.size());
  for (const demo::CheckedBlock& block : blocks) {
    const sepconv::ConvProblem& problem = block.layer.problem();
    runs.emplace_back(block.layer, sepconv::single_thread(), block.input, sepconv::runner::input_shape(problem, 1),
                      sepconv::runner::output_shape(problem, 1));
  }
  const std::vector<std::function<void()>> calls(runs.begin(), runs.end());
  std::vector<double> medians;
  for (const sepconv::runner::Timing& timing : sepconv::runner::time_interleaved(calls, seconds))
    medians.push_back(timing.seconds_median);
  return medians;
}

int run(const std::string& model, const std::string& target, double seconds) {
  sepconv::use_kernels(mobilenet::kernels());
  const std::vector<demo::CheckedBlock> blocks = demo::checked_blocks(model, target);
  const demo::ChainResult chain = demo::run_chain(blocks);

  const int core = pin_to_core();
  const sepconv::runner::FmaPeak before = sepconv::runner::measure_fma_peak();
  const std::vector<double> times = time_blocks(blocks, seconds);
  const double peak = std::max(before.gflops_best, sepconv::runner::measure_fma_peak().gflops_best);

  std::vector<std::vector<std::string>> rows = {
      {"layer", "shape", "kernel", "max error", "limit", "", "us", "GFLOP/s", "% of peak"}};
  double flops = 0, total_s = 0;
  std::size_t misses = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const sepconv::ConvLayer& layer = blocks[i].layer;
    const double gflops = layer.problem().flops() / times[i] * 1e-9;
    rows.push_back({layer.name(), shape_text(layer.problem()),
                    fmt::format("{} {}", layer.kernel()->target, layer.kernel()->schedule),
                    fmt::format("{:.1e}", blocks[i].max_error), fmt::format("{:.1e}", blocks[i].limit),
                    blocks[i].ok ? "ok" : "MISS", fmt::format("{:.1f}", times[i] * 1e6), fmt::format("{:.1f}", gflops),
                    fmt::format("{:.0f}", 100 * gflops / peak)});
    flops += layer.problem().flops();
    total_s += times[i];
    if (!blocks[i].ok) ++misses;
  }
  fmt::print("{}\n", model);
  fmt::print("{}", demo::aligned(rows, {true, true, true, false, false, true, false, false, false}));
  fmt::print(
      "{} kernel calls: {:.1f} us, {:.1f} GFLOP/s, {:.0f}% of the peak of {:.1f} GFLOP/s ({}), measured before and "
      "after.\n",
      blocks.size(), total_s * 1e6, flops / total_s * 1e-9, 100 * flops / total_s * 1e-9 / peak, peak, before.isa);
  fmt::print("Chained {} to {} ({} blocks): max error {:.1e}, outputs up to {:.2g}: {}.\n", chain.first, chain.last,
             chain.blocks, chain.max_error, chain.max_output, chain.ok ? "ok" : "MISS");
  fmt::print(
      "Batch 1, one thread{}, caches warm (a layer repeats on the same buffers), median of interleaved rounds.\n",
      core >= 0 ? fmt::format(" pinned to core {}", core) : ", not pinned");
  // Half of the peak is lost to others where the middle burst is far below the best one.
  if (before.gflops_median < 0.9 * before.gflops_best)
    fmt::print("The machine is busy: the middle burst reached only {:.0f}% of the peak. Expect better times alone.\n",
               100 * before.gflops_median / before.gflops_best);
  if (misses > 0) fmt::print("{} of {} blocks exceed their limit.\n", misses, blocks.size());
  return misses == 0 && chain.ok ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Runs, checks and times the blocks of a MobileNet through linked kernels.\n"
      "Exit status: 0 success, 1 an error exceeds its limit, 2 invalid usage.");
  std::string model = MOBILENET_MODEL, target;
  double seconds = 0.2;
  app.add_option("MODEL", model, "The model that the kernels were compiled from")->check(CLI::ExistingFile);
  app.add_option("--target", target, "Only kernels of this target, such as x86-64-sse41; else the best one");
  app.add_option("--seconds", seconds, "Time to measure each block for")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    return run(model, target, seconds);
  } catch (const std::exception& error) {
    fmt::print(stderr, "mobilenet_demo: {}\n", error.what());
    return 2;
  }
}

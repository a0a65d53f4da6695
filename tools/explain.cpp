#include "tools/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "autoschedule/schedule_tables.h"
#include "autoschedule/schedule_words.h"
#include "generators/compile/files.h"
#include "generators/compile/kernel_builder.h"
#include "generators/compile/kernel_compiler.h"
#include "runner/peak.h"
#include "tools/instruction_mix.h"
#include "tools/problem_cost.h"
#include "tools/scratch_folder.h"
#include "tools/target_choice.h"

namespace sepconv::tools {
namespace {

// Where the target runs elsewhere: a present core's usual figures, said with the result.
constexpr double kStatedGhz = 3.0;
constexpr int kStatedUnits = 2;
constexpr double kStatedCopyGbs = 20;

/// What the machine can do at most.
struct Limits {
  double gflops = 0, copy_gbs = 0;
  std::string source;
};

const PlannedLayer& layer_of(const Plan& plan, const std::string& name) {
  const auto found =
      std::find_if(plan.layers.begin(), plan.layers.end(), [&](const PlannedLayer& l) { return l.name == name; });
  if (found != plan.layers.end()) return *found;
  std::string known;
  for (const PlannedLayer& layer : plan.layers) known += (known.empty() ? "" : ", ") + layer.name;
  throw std::invalid_argument(fmt::format("--explain: no kernel is made for layer '{}'; layers with kernels: {}", name,
                                          known.empty() ? "none" : known));
}

const generators::Target& target_of(const ExplainOptions& options, DataType dtype) {
  if (options.target.empty()) return best_target_here(dtype);
  const generators::Target& target = generators::target_from_name(options.target);
  if (target.device != generators::Device::cpu)
    throw std::invalid_argument(
        fmt::format("--explain: '{}' is a GPU target; only CPU kernels can be explained", target.name));
  if (!serves(target, dtype))
    throw std::invalid_argument(fmt::format("--explain: '{}' has no kernels for {}", target.name, keras_name(dtype)));
  return target;
}

/// @param target  of a Lowering
Limits limits_of(const generators::Target& target, DataType dtype, double bytes) {
  if (cannot_run_here(target).empty()) {
    const runner::FmaPeak peak = runner::measure_fma_peak(dtype);
    return {peak.gflops_best, runner::measure_copy_gbs(static_cast<std::size_t>(bytes)),
            fmt::format("measured here ({}, and copies of that many bytes)", peak.isa)};
  }
  return {2.0 * kStatedUnits * target.lanes * kStatedGhz, kStatedCopyGbs,
          fmt::format("assuming {:g} GHz, {} units of {} lanes", kStatedGhz, kStatedUnits, target.lanes)};
}

generators::PlannedKernel kernel_of(const PlannedLayer& layer, const generators::Target& target,
                                    const autoschedule::ScheduleTables& tables, const ExplainOptions& options) {
  const autoschedule::KnownSchedules known(nullptr, &tables);
  generators::PlannedKernelOptions rows;
  rows.library = "explained";
  rows.targets = {target.name};
  rows.schedules = &known;
  rows.generator_identity = generators::generator_identity(options.generator);
  return plan_kernels({{layer}, {}}, rows).front();
}

std::string source_text(const generators::PlannedKernel& kernel, const autoschedule::ScheduleTables& tables) {
  if (!kernel.from_source) return "the rule";
  const autoschedule::LockRow* row = tables.row(kernel.problem, kernel.target);
  const std::string note = row == nullptr ? "" : note_of(row->record);
  return note.empty() ? "the shipped table" : "the shipped table, " + note;
}

InstructionMix mix_of(const generators::PlannedKernel& kernel, const ExplainOptions& options) {
  const ScratchFolder scratch;
  generators::CompileOptions compile;
  compile.generator = options.generator;
  compile.cache_dir = options.cache_dir;
  compile.jobs = 1;
  compile.cancelled = options.cancelled;
  const generators::BuiltKernels built = build_kernels({kernel}, compile, scratch.path());
  const std::filesystem::path object = scratch.path() / "kernel.o";
  generators::write_file(object, built.objects.front().bytes);
  return hottest_loop(disassembly_of(object), kernel.target);
}

std::string size_text(double bytes) {
  return bytes < 1024 * 1024 ? fmt::format("{:.1f} KiB", bytes / 1024)
                             : fmt::format("{:.2f} MiB", bytes / (1024 * 1024));
}

std::string time_text(double seconds) {
  return seconds < 1e-3 ? fmt::format("{:.3g} us", seconds * 1e6) : fmt::format("{:.3g} ms", seconds * 1e3);
}

std::string loop_text(const InstructionMix& mix, bool fused) {
  if (mix.instructions == 0) return "the kernel has no loop with multiply-adds; all are unrolled\n";
  const auto share = [&](int count) { return 100.0 * count / mix.instructions; };
  std::string text = fmt::format("{} instructions in {}\n", mix.instructions, mix.function);
  const auto line = [&](const char* what, int count, const std::string& more) {
    text += fmt::format("              {:<14}{:>4}  {:>3.0f}%{}\n", what, count, share(count), more);
  };
  line("multiply-adds", mix.multiply_adds,
       fmt::format("  {}{} with an operand in memory", fused ? "" : "as products and sums; ", mix.memory_operands));
  line("loads", mix.loads,
       fmt::format("  {:.2g} reads per multiply-add",
                   static_cast<double>(mix.loads + mix.memory_operands) / std::max(mix.multiply_adds, 1)));
  line("stores", mix.stores, "");
  line("shuffles", mix.shuffles, "");
  line("others", mix.others, "");
  line("spills", mix.stack_accesses, mix.stack_accesses == 0 ? "  nothing on the stack" : "  stack accesses");
  return text;
}

}  // namespace

std::string explain(const Plan& plan, const ExplainOptions& options) {
  const PlannedLayer& layer = layer_of(plan, options.layer);
  const auto cost = cost_of(layer.problem);
  if (!cost)
    throw std::invalid_argument(fmt::format(
        "--explain: layer '{}' has dynamic extents; --input-shape or --layer-shape makes them static", layer.name));
  const generators::Target& target = target_of(options, layer.problem.dtype);
  const autoschedule::ScheduleTables tables(options.tables);
  const generators::PlannedKernel kernel = kernel_of(layer, target, tables, options);
  const double bytes = cost->weight_bytes + cost->activation_bytes;
  const Limits limits = limits_of(lower(layer.problem, target).target, layer.problem.dtype, bytes);
  const double compute = cost->flops / (limits.gflops * 1e9), memory = bytes / (limits.copy_gbs * 1e9);

  std::string text = fmt::format("{} on {}\n", layer.name, target.name);
  text += fmt::format("problem     {}\n", to_text(layer.problem));
  text += fmt::format("operations  {:.4g} MFLOP per image; a multiply-add counts as two\n", cost->flops * 1e-6);
  text += fmt::format("least bytes {}: input and output {}, weights {}; {:.1f} FLOP/byte\n", size_text(bytes),
                      size_text(cost->activation_bytes), size_text(cost->weight_bytes), cost->intensity());
  text += fmt::format("roofline    {}, bound by {}: {} at {:.1f} GFLOP/s, {} at {:.1f} GB/s; one thread, {}\n",
                      time_text(std::max(compute, memory)), compute >= memory ? "multiply-adds" : "memory",
                      time_text(compute), limits.gflops, time_text(memory), limits.copy_gbs, limits.source);
  text += fmt::format("schedule    from {}: ", source_text(kernel, tables));
  const char* indent = "";
  for (const std::string& line : autoschedule::schedule_words(lower(kernel.problem, target), kernel.schedule)) {
    text += indent + line + "\n";
    indent = "            ";
  }
  return text + "inner loop  " + loop_text(mix_of(kernel, options), target.fuses_multiply_add);
}

}  // namespace sepconv::tools

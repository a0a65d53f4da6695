// sepconv-generator: compiles one kernel in a separate process. That makes objects reproducible (Halide's unique-name
// counter never resets) and isolates the caller from a crash or a hang.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include <CLI/CLI.hpp>

#include "generators/autoscheduler.h"
#include "generators/kernel_generator.h"
#include "generators/spec/gpu_schedule.h"
#include "generators/spec/schedule_fields.h"

namespace sepconv::generators {
namespace {

/// Halide's exceptions cannot be caught across its library's boundary everywhere, so its errors end the process here.
class ErrorReporter : public Halide::CompileTimeErrorReporter {
 public:
  // A warning means a kernel that fails or crawls (an emulated type, an allocation too small): never ship it.
  // For an autoscheduler's pipeline this warning only says that it could be faster.
  void warning(const char* message) override {
    if (!autoscheduled || std::string_view(message).find("Not folding Func") == std::string_view::npos) error(message);
  }
  void error(const char* message) override {
    std::fprintf(stderr, "sepconv-generator: Halide: %s", message);
    std::fflush(stderr);
    std::_Exit(1);
  }

  bool autoscheduled = false;
};

struct Options {
  std::string problem, schedule, target, symbol, output;
  bool listings = false, schedule_only = false, fields = false;
};

/// The generator of that name from Halide's registry, which knows constructors without arguments only.
Halide::Internal::AbstractGeneratorPtr reporting_generator(const std::string& name,
                                                           const Halide::GeneratorContext& context,
                                                           KernelReport& report) {
  auto generator = Halide::Internal::GeneratorRegistry::create(name, context);
  auto* reporting = dynamic_cast<ReportingGenerator*>(generator.get());
  if (reporting == nullptr) throw std::logic_error("no generator is called '" + name + "'");
  reporting->report_to(report);
  return generator;
}

void write_facts(const KernelFacts& facts, const std::filesystem::path& path) {
  std::ofstream file(path);
  file << to_json(facts) << '\n';
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string() + ": " + std::strerror(errno));
}

std::string generator_of(const Lowering& problem) {
  if (problem.target.device == Device::cpu) return to_text(problem.family);
  return problem.has_taps() ? "gpu" : "gpu_pixels";
}

void compile(const Options& options) {
  namespace fs = std::filesystem;
  using Halide::OutputFileType;
  const ConvProblem problem = problem_from_text(options.problem);
  const Target& target = target_from_name(options.target);

  Halide::Internal::ExecuteGeneratorArgs arguments;
  arguments.output_dir = options.output;
  arguments.output_types = {OutputFileType::object};
  if (options.listings) arguments.output_types.insert({OutputFileType::stmt, OutputFileType::assembly});
  // No Halide runtime in the object: what a CPU kernel needs of one, three functions, comes from ours (kernel_abi.h);
  // what a GPU kernel needs, from libsepconv_gpu. A GPU kernel keeps its asserts: without them a missing device would
  // pass for success.
  const bool cpu = target.device == Device::cpu;
  arguments.targets = {Halide::Target(target.halide + "-no_runtime-user_context-no_bounds_query" +
                                      (cpu ? "-no_asserts" : "") + (problem.strict_float ? "-strict_float" : ""))};
  const std::optional<Autoscheduler> autoscheduler = autoscheduler_from_text(options.schedule);
  arguments.generator_name = autoscheduler ? kAutoscheduledGenerator : generator_of(lower(problem, target));
  arguments.function_name = options.symbol;
  arguments.file_base_name = options.symbol;
  arguments.generator_params = {
      {"problem", options.problem}, {"schedule", options.schedule}, {"target_name", options.target}};
  if (autoscheduler) {
    load_autoscheduler(*autoscheduler);
    arguments.generator_params["autoscheduler"] = autoscheduler->name;
    arguments.generator_params["autoscheduler.parallelism"] = std::to_string(autoscheduler->threads);
    if (autoscheduler->beam != 0)
      arguments.generator_params["autoscheduler.beam_size"] = std::to_string(autoscheduler->beam);
  }
  KernelReport report;
  arguments.create_generator = [&report](const std::string& name, const Halide::GeneratorContext& context) {
    return reporting_generator(name, context, report);
  };
  fs::create_directories(options.output);
  Halide::Internal::execute_generator(arguments);
  if (!cpu && report.shared_bytes > target.l1_bytes)
    throw std::runtime_error("a block needs " + std::to_string(report.shared_bytes) + " bytes of shared memory; " +
                             target.name + " has " + std::to_string(target.l1_bytes));
  if (!cpu && options.listings)
    std::printf("schedule: %s\nshared memory of a block: %lld bytes\n", options.schedule.c_str(),
                static_cast<long long>(report.shared_bytes));
  write_facts(report.facts, fs::path(options.output) / (options.symbol + ".json"));
}

/// The table of docs/adding_a_kernel.md.
int print_fields() {
  std::printf("%s", field_table().c_str());
  return 0;
}

/// What tests compare where machine code cannot be: see tests/digests.
int print_schedule(const Options& options) {
  const ConvProblem problem = problem_from_text(options.problem);
  const Target& target = target_from_name(options.target);
  if (!serves(target, problem.dtype))
    throw std::invalid_argument(target.name + " has no kernels for " + std::string(to_text(problem.dtype)));
  const Lowering lowering = lower(problem, target);
  const Schedule schedule = default_schedule(lowering);
  if (const auto reason = reject_reason(schedule, lowering))
    throw std::invalid_argument(to_text(schedule) + ": " + *reason);
  std::printf("%s\n", to_text(schedule).c_str());
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app{"Compiles one convolution kernel to an object file. Called by sepconv compile, once per kernel."};
  Options options;
  auto* problem = app.add_option("--problem", options.problem, "what to compute, as a problem text");
  app.add_option("--schedule", options.schedule,
                 "how to run it, as a schedule text; default: the rule's schedule; halide-mullapudi2016, "
                 "halide-adams2019 and halide-anderson2021 select Halide's autoschedulers, for comparison");
  auto* target = app.add_option("--target", options.target, "target name, for example x86-64-avx2");
  auto* symbol = app.add_option("--symbol", options.symbol, "name of the function and the files");
  auto* output = app.add_option("--output", options.output, "folder for SYMBOL.o and SYMBOL.json");
  app.add_flag("--listings", options.listings, "also write the lowered code (SYMBOL.stmt) and the assembly (SYMBOL.s)");
  app.add_flag("--schedule-only", options.schedule_only,
               "print the rule's schedule, or why there is none, and compile nothing");
  app.add_flag("--fields", options.fields, "print the table of all schedule fields, and compile nothing");
  app.set_version_flag("--version", "Halide " + std::to_string(HALIDE_VERSION_MAJOR) + "." +
                                        std::to_string(HALIDE_VERSION_MINOR) + "." +
                                        std::to_string(HALIDE_VERSION_PATCH));
  try {
    app.parse(argc, argv);
    if (!options.fields && (problem->count() == 0 || target->count() == 0))
      throw CLI::RequiredError("--problem and --target");
    if (!options.fields && !options.schedule_only && (symbol->count() == 0 || output->count() == 0))
      throw CLI::RequiredError("--symbol and --output");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  static ErrorReporter reporter;
  Halide::set_custom_compile_time_error_reporter(&reporter);
  try {
    if (options.fields) return print_fields();
    if (options.schedule_only) return print_schedule(options);
    if (options.schedule.empty())
      options.schedule =
          to_text(default_schedule(lower(problem_from_text(options.problem), target_from_name(options.target))));
    reporter.autoscheduled = autoscheduler_from_text(options.schedule).has_value();
    compile(options);
    return 0;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "sepconv-generator: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sepconv-generator: %s\n", error.what());
    return 1;
  }
}

}  // namespace
}  // namespace sepconv::generators

int main(int argc, char** argv) { return sepconv::generators::run(argc, argv); }

// sepconv run: one layer of a compiled library on a .npy file.

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "generators/compile/compile_library.h"
#include "generators/compile/process.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/interrupt.h"
#include "tools/program_paths.h"
#include "tools/runner_client.h"

namespace sepconv::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples = R"(Examples:
  sepconv compile mobilenet.keras -o out --shared
  sepconv run out --layer conv_dw_3 --input x.npy --output y.npy
  sepconv run out --layer conv_dw_3 --input x.npy --output y.npy --target x86-64-avx2 --threads 4

x.npy holds images in the layer's type and layout, batch first: (N, H, W, C), or (N, L, C) for 1-D layers.
NumPy has no bfloat16; its bits are read and written as uint16.
Exit status: 0 success, 2 invalid usage or input, 3 a tool or the machine failed.)";

struct RunArguments {
  std::string folder, input, output, layer, target, padding, runner;
  int threads = 1;
  double timeout = 600;
};

/// The library of the folder: the files that `sepconv compile --shared` wrote.
struct CompiledLibrary {
  fs::path shared, weights;
};

CompiledLibrary find_library(const fs::path& folder) {
  if (!fs::is_directory(folder)) throw std::invalid_argument(fmt::format("'{}' is not a folder", folder.string()));
  std::vector<fs::path> weights;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".weights") weights.push_back(entry.path());
  if (weights.size() != 1)
    throw std::invalid_argument(fmt::format(
        "'{}' has {} .weights files; expected the one that `sepconv compile` writes", folder.string(), weights.size()));
  const std::string name = weights[0].stem().string();
  const fs::path shared = folder / ("lib" + name + ".so");
  if (fs::exists(shared)) return {shared, weights[0]};
  if (fs::exists(folder / ("lib" + name + ".a")))
    throw std::invalid_argument(fmt::format(
        "'{}' has only lib{}.a, which cannot be loaded; compile again with --shared", folder.string(), name));
  throw std::invalid_argument(
      fmt::format("'{}' has no lib{}.so; compile the model with --shared", folder.string(), name));
}

int run(const RunArguments& arguments) {
  const CompiledLibrary library = find_library(arguments.folder);
  std::vector<std::string> argv = arguments.runner.empty() ? std::vector<std::string>{runner_program().string()}
                                                           : words(arguments.runner, "--runner");
  argv.insert(argv.end(),
              {"run", fs::absolute(library.shared).string(), library.weights.string(), "--input", arguments.input,
               "--output", arguments.output, "--threads", std::to_string(arguments.threads)});
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) argv.push_back(std::string(option) + "=" + value);  // it may begin with '-'
  };
  add("--layer", arguments.layer);
  add("--target", arguments.target);
  add("--padding", arguments.padding);
  const InterruptFlag interrupt;
  const generators::ProcessLimits limits{arguments.timeout, &interrupt.flag()};
  const generators::ProcessResult result = run_process(argv, limits);
  if (result.end == generators::ProcessResult::End::cancelled) throw generators::CompileCancelled();
  const std::string line = generators::last_line(result.output, "sepconv-runner");
  if (result.ok()) {
    print_out("{}\n", line);
    return kDone;
  }
  if (result.end == generators::ProcessResult::End::exited && result.code == kWrongUse)
    throw std::invalid_argument(line);
  if (result.end == generators::ProcessResult::End::exited && result.code == kMachineFailed)
    throw std::runtime_error(line);
  throw std::runtime_error(fmt::format("the kernel's process: {}", end_text(result, limits)));
}

}  // namespace

void add_run_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<RunArguments>();
  RunArguments& a = *arguments;
  CLI::App* command = app.add_subcommand("run", "Run one layer of a compiled library on a .npy file");
  command->footer(kExamples);
  command->add_option("folder", a.folder, "The folder that `sepconv compile --shared -o` wrote")
      ->required()
      ->type_name("DIR");
  command->add_option("--input", a.input, "A .npy file with elements of the layer's type")
      ->required()
      ->type_name("FILE");
  command->add_option("--output", a.output, "The .npy file to write")->required()->type_name("FILE");
  command->add_option("--layer", a.layer, "Layer to run; optional if the library has only one");
  command->add_option("--target", a.target, "Use only kernels of this target; default: the best that the CPU runs");
  command->add_option("--padding", a.padding, "valid, same or causal; for layers with dynamic extents");
  command->add_option("--threads", a.threads, "Number of threads")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--timeout", a.timeout, "Time limit, in seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--runner", a.runner, "The sepconv-runner command, such as 'qemu-aarch64 arm/sepconv-runner'")
      ->type_name("CMD");
  command->callback([arguments, &status] { status = run(*arguments); });
}

}  // namespace sepconv::tools

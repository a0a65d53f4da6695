// sepconv run: a compiled network, or one layer of a library, on files of NumPy's.

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "generators/compile/compile_library.h"
#include "generators/compile/process.h"
#include "runner/network_io.h"
#include "sepconv/weights_file.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/interrupt.h"
#include "tools/predict.h"
#include "tools/program_paths.h"
#include "tools/runner_client.h"
#include "tools/scratch_folder.h"

namespace sepconv::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples = R"(Examples:
  sepconv compile mobilenet.keras -o out --shared
  sepconv run out --input x.npy --output y.npy
  sepconv run out --input image=x.npy --input scale=s.npy --output y.npz
  sepconv run out --input x.npz --output y.npz
  sepconv run out --layer conv_dw_3 --input x.npy --output y.npy --target x86-64-avx2 --threads 4

Without --layer, runs the whole network, if the library has one. Several inputs come from a file each, or from an .npz
with an array of each input's name. An .npz that is written has an array of each output's name.
x.npy holds images in the input's type and layout, batch first: (N, H, W, C), or (N, L, C) for 1-D layers.
NumPy has no bfloat16; its bits are read and written as uint16.
Exit status: 0 success, 2 invalid usage or input, 3 a tool or the machine failed.)";

struct RunArguments {
  std::string folder, output, layer, target, padding, runner;
  std::vector<std::string> inputs;
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

/// Calls the runner. @return its line
std::string call_runner(const RunArguments& arguments, const char* mode, const CompiledLibrary& library,
                        const std::vector<std::string>& options) {
  std::vector<std::string> argv = arguments.runner.empty() ? std::vector<std::string>{runner_program().string()}
                                                           : words(arguments.runner, "--runner");
  argv.insert(argv.end(), {mode, fs::absolute(library.shared).string(), library.weights.string(), "--threads",
                           std::to_string(arguments.threads)});
  if (!arguments.target.empty()) argv.push_back("--target=" + arguments.target);  // it may begin with '-'
  argv.insert(argv.end(), options.begin(), options.end());
  const InterruptFlag interrupt;
  const generators::ProcessLimits limits{arguments.timeout, &interrupt.flag()};
  const generators::ProcessResult result = run_process(argv, limits);
  if (result.end == generators::ProcessResult::End::cancelled) throw generators::CompileCancelled();
  const std::string line = generators::last_line(result.output, "sepconv-runner");
  if (result.ok()) return line;
  if (result.end == generators::ProcessResult::End::exited && result.code == kWrongUse)
    throw std::invalid_argument(line);
  if (result.end == generators::ProcessResult::End::exited && result.code == kMachineFailed)
    throw std::runtime_error(line);
  throw std::runtime_error(fmt::format("the kernel's process: {}", end_text(result, limits)));
}

int run_layer(const RunArguments& arguments, const CompiledLibrary& library) {
  if (arguments.inputs.size() != 1)
    throw std::invalid_argument(fmt::format("--input: {} files; a layer has one input", arguments.inputs.size()));
  std::vector<std::string> options = {"--input=" + arguments.inputs[0], "--output=" + arguments.output};
  if (!arguments.layer.empty()) options.push_back("--layer=" + arguments.layer);
  if (!arguments.padding.empty()) options.push_back("--padding=" + arguments.padding);
  print_out("{}\n", call_runner(arguments, "run", library, options));
  return kDone;
}

int run_network(const RunArguments& arguments, const CompiledLibrary& library, const NetworkPlan& network) {
  if (!arguments.padding.empty())
    throw std::invalid_argument("--padding: the network has static extents; --layer runs one layer");
  const ScratchFolder scratch;
  const std::vector<NetworkTensorInfo> inputs = runner::network_inputs(network),
                                       outputs = runner::network_outputs(network);
  std::vector<std::string> options;
  for (const fs::path& file : input_files(inputs, arguments.inputs, scratch.path()))
    options.push_back("--input=" + file.string());
  const PortFiles written = output_files(outputs, arguments.output, scratch.path());
  for (const fs::path& file : written) options.push_back("--output=" + file.string());
  auto line = nlohmann::ordered_json::parse(call_runner(arguments, "predict", library, options));
  pack_outputs(outputs, written, arguments.output);
  for (auto& output : line.at("outputs")) output["file"] = arguments.output;
  print_out("{}\n", line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  return kDone;
}

int run(const RunArguments& arguments) {
  const CompiledLibrary library = find_library(arguments.folder);
  if (arguments.layer.empty())
    if (const std::optional<NetworkPlan> network = load_weights_file(library.weights).network)
      return run_network(arguments, library, *network);
  return run_layer(arguments, library);
}

}  // namespace

void add_run_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<RunArguments>();
  RunArguments& a = *arguments;
  CLI::App* command = app.add_subcommand("run", "Run a compiled network, or one layer, on .npy files");
  command->footer(kExamples);
  command->add_option("folder", a.folder, "The folder that `sepconv compile --shared -o` wrote")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--input", a.inputs,
                   "A .npy file with elements of the input's type; NAME= selects one of several inputs; may be "
                   "repeated. Or an .npz file with an array for each input")
      ->required()
      ->allow_extra_args(false)
      ->type_name("[NAME=]FILE");
  command->add_option("--output", a.output, "The .npy file to write, or an .npz file for several outputs")
      ->required()
      ->type_name("FILE");
  command->add_option("--layer", a.layer,
                      "Layer to run, not the network; optional if the library has no network and one layer");
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

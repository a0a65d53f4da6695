// sepconv-runner: runs the kernels of a library made by `sepconv compile --shared`. A separate program: a kernel that
// crashes ends only this process, and it can run under an emulator or on another machine.

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <stdexcept>

#include "runner/runner_options.h"
#include "runner/trial_command.h"

namespace {

void add_library(CLI::App& command, sepconv::runner::RunnerOptions& o) {
  command.add_option("library", o.library, "The lib<name>.so that `sepconv compile --shared` wrote")->required();
  command.add_option("weights", o.weights, "The library's <name>.weights file")->required();
  command.add_option("--target", o.target, "Only kernels of this target")->type_name("T");
  command.add_option("--threads", o.threads, "Number of threads per call")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

void add_common(CLI::App& command, sepconv::runner::RunnerOptions& o) {
  add_library(command, o);
  command.add_option("--layer", o.layers, "Only this layer; may be repeated")
      ->allow_extra_args(false)  // else "[a,b]" would be two layers
      ->type_name("NAME");
  command.add_option("--kernel", o.kernel, "Only the kernel with this symbol")->type_name("SYMBOL");
}

void add_cases(CLI::App& command, sepconv::runner::RunnerOptions& o) {
  command.add_option("--report", o.report, "Write the lines to this file instead of stdout")->type_name("FILE");
  command.add_flag("--all-kernels", o.all_kernels,
                   "Run every kernel that fits, not only the one that the runtime chooses");
}

void add_seeded(CLI::App& command, sepconv::runner::RunnerOptions& o) {
  add_cases(command, o);
  command.add_option("--batch", o.batch, "Number of images")->check(CLI::Range(1, 4096))->capture_default_str();
  command.add_option("--seed", o.seed, "Seed of the inputs")->capture_default_str();
  command.add_option("--extent", o.extent, "Input extent beyond the window, for layers with dynamic extents")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
}

void add_check_network(CLI::App& app, sepconv::runner::RunnerOptions& o, int& status) {
  CLI::App& check = *app.add_subcommand("check-network", "Compare a whole network with a double-precision reference");
  add_library(check, o);
  check.add_option("--report", o.report, "Write the lines to this file instead of stdout")->type_name("FILE");
  check.add_option("--batch", o.batch, "Number of images")->check(CLI::Range(1, 4096))->capture_default_str();
  check.add_option("--seed", o.seed, "Seed of the inputs")->capture_default_str();
  CLI::Option* input = check.add_option("--input", o.inputs, "Not seeded inputs: a .npy file for each, in order")
                           ->allow_extra_args(false)
                           ->type_name("FILE");
  CLI::Option* expected = check.add_option("--expected", o.expected, "A .npy file for each output, in order")
                              ->needs(input)
                              ->allow_extra_args(false)
                              ->type_name("FILE");
  input->needs(expected);
  check.callback([&] { status = sepconv::runner::run_check_network(o); });
}

void add_predict(CLI::App& app, sepconv::runner::RunnerOptions& o, int& status) {
  CLI::App& predict = *app.add_subcommand("predict", "Run a whole network on .npy files");
  add_library(predict, o);
  predict.add_option("--input", o.inputs, "A .npy file for each input, in order")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FILE");
  predict.add_option("--output", o.outputs, "A .npy file to write for each output, in order")
      ->required()
      ->allow_extra_args(false)
      ->type_name("FILE");
  predict.callback([&] { status = sepconv::runner::run_predict(o); });
}

}  // namespace

int main(int argc, char** argv) {
  sepconv::runner::RunnerOptions o;
  int status = 0;
  CLI::App app{"Runs compiled layers and prints one JSON line per case"};
  app.name("sepconv-runner");
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 success, 1 a case missed its limit, 2 invalid usage, 3 the machine failed.\n"
      "Example: sepconv-runner check out/libnet.so out/net.weights --all-kernels");

  CLI::App& check = *app.add_subcommand("check", "Compare with a double-precision reference on seeded inputs");
  add_common(check, o);
  add_seeded(check, o);
  check.add_flag("--exact", o.exact, "Use small integers as weights and inputs, and allow no error");
  check.callback([&] { status = sepconv::runner::run_check(o); });

  CLI::App& compare =
      *app.add_subcommand("compare", "Compare with files: DIR/<layer>.input.npy, .expected.npy, limits.json");
  add_common(compare, o);
  add_cases(compare, o);
  compare.add_option("--io", o.io_dir, "The folder with the files")->required()->type_name("DIR");
  compare.callback([&] { status = sepconv::runner::run_compare(o); });

  CLI::App& bench = *app.add_subcommand("bench", "Check, then time with interleaved calls and warm caches");
  add_common(bench, o);
  add_seeded(bench, o);
  bench.add_option("--seconds", o.seconds, "Minimum time per case")->check(CLI::PositiveNumber)->capture_default_str();
  bench.callback([&] { status = sepconv::runner::run_bench(o); });

  CLI::App& run = *app.add_subcommand("run", "Run one layer on a .npy file");
  add_common(run, o);
  run.add_option("--input", o.input, "A float32 .npy file")->required()->type_name("FILE");
  run.add_option("--output", o.output, "The .npy file to write")->required()->type_name("FILE");
  run.add_option("--padding", o.padding, "valid, same or causal; for layers with dynamic extents");
  run.callback([&] { status = sepconv::runner::run_file(o); });

  add_check_network(app, o, status);
  add_predict(app, o, status);
  sepconv::runner::add_trial_command(app, status);

  app.add_subcommand("machine", "Print this CPU's features and its peak multiply-add rate")->callback([&] {
    status = sepconv::runner::run_machine();
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::invalid_argument& error) {
    std::cerr << "sepconv-runner: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "sepconv-runner: " << error.what() << '\n';
    return 3;
  }
  return status;
}

// sepconv-runner: runs the kernels of a library made by `sepconv compile --shared`. A program of its own, so that a
// kernel that crashes takes nobody along, and so that it can run under an emulator or on another machine.

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <stdexcept>

#include "runner/runner_options.h"
#include "runner/trial_command.h"

namespace {

void add_common(CLI::App& command, sepconv::runner::RunnerOptions& o) {
  command.add_option("library", o.library, "lib<name>.so, made by `sepconv compile --shared`")->required();
  command.add_option("weights", o.weights, "<name>.weights, made with it")->required();
  command.add_option("--layer", o.layers, "Only this layer; may be repeated")
      ->allow_extra_args(false)  // else "[a,b]" would be two layers
      ->type_name("NAME");
  command.add_option("--target", o.target, "Only kernels of this target")->type_name("T");
  command.add_option("--kernel", o.kernel, "Only the kernel with this symbol")->type_name("SYMBOL");
  command.add_option("--threads", o.threads, "Threads of a call")->check(CLI::Range(1, 1024))->capture_default_str();
}

void add_cases(CLI::App& command, sepconv::runner::RunnerOptions& o) {
  command.add_option("--report", o.report, "Write the lines to this file rather than to stdout")->type_name("FILE");
  command.add_flag("--all-kernels", o.all_kernels, "Every kernel that fits, not only the one that the runtime takes");
}

void add_seeded(CLI::App& command, sepconv::runner::RunnerOptions& o) {
  add_cases(command, o);
  command.add_option("--batch", o.batch, "Images")->check(CLI::Range(1, 4096))->capture_default_str();
  command.add_option("--seed", o.seed, "Of the inputs")->capture_default_str();
  command.add_option("--extent", o.extent, "Extents beyond the window, for layers whose extents are dynamic")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
}

}  // namespace

int main(int argc, char** argv) {
  sepconv::runner::RunnerOptions o;
  int status = 0;
  CLI::App app{"Runs compiled layers and prints one JSON line a case"};
  app.name("sepconv-runner");
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 done, 1 a case missed its limit, 2 wrong use, 3 the machine failed.\n"
      "Example: sepconv-runner check out/libnet.so out/net.weights --all-kernels");

  CLI::App& check = *app.add_subcommand("check", "Compare with the double reference on seeded inputs");
  add_common(check, o);
  add_seeded(check, o);
  check.add_flag("--exact", o.exact, "Small integers for weights and inputs, and no error at all");
  check.callback([&] { status = sepconv::runner::run_check(o); });

  CLI::App& compare =
      *app.add_subcommand("compare", "Compare with files: DIR/<layer>.input.npy, .expected.npy, limits.json");
  add_common(compare, o);
  add_cases(compare, o);
  compare.add_option("--io", o.io_dir, "The folder of the files")->required()->type_name("DIR");
  compare.callback([&] { status = sepconv::runner::run_compare(o); });

  CLI::App& bench = *app.add_subcommand("bench", "Check, then time; calls are interleaved and caches warm");
  add_common(bench, o);
  add_seeded(bench, o);
  bench.add_option("--seconds", o.seconds, "For each case")->check(CLI::PositiveNumber)->capture_default_str();
  bench.callback([&] { status = sepconv::runner::run_bench(o); });

  CLI::App& run = *app.add_subcommand("run", "Run one layer on a .npy file");
  add_common(run, o);
  run.add_option("--input", o.input, "A float32 .npy file")->required()->type_name("FILE");
  run.add_option("--output", o.output, "The .npy file to write")->required()->type_name("FILE");
  run.add_option("--padding", o.padding, "valid, same or causal: for layers whose extents are dynamic");
  run.callback([&] { status = sepconv::runner::run_file(o); });

  sepconv::runner::add_trial_command(app, status);

  app.add_subcommand("machine", "Say what this CPU can do, and how fast its multiply-adds are")->callback([&] {
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

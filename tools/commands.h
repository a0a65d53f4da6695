#pragma once
// The subcommands of the sepconv program. Each adds itself to the parser; its callback parses, calls and prints.

#include <CLI/CLI.hpp>

namespace sepconv::tools {

/// Exit statuses of the program.
enum ExitStatus : int {
  kDone = 0,
  kCheckFailed = 1,    // verify: a result missed its limit
  kWrongUse = 2,       // arguments or input files
  kMachineFailed = 3,  // a tool or the machine failed
};

void add_bench_command(CLI::App& app, int& status);
void add_compile_command(CLI::App& app, int& status);
void add_inspect_command(CLI::App& app, int& status);
void add_report_command(CLI::App& app, int& status);
void add_targets_command(CLI::App& app, int& status);
void add_tune_command(CLI::App& app, int& status);
void add_verify_command(CLI::App& app, int& status);
void add_run_command(CLI::App& app, int& status);
void add_save_weights_command(CLI::App& app, int& status);

}  // namespace sepconv::tools

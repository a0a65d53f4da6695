#pragma once
// `sepconv-runner trial` on the command line.

#include <CLI/CLI.hpp>

namespace sepconv::runner {

/// Adds the subcommand, which sets `status` to what run_trial returns.
void add_trial_command(CLI::App& app, int& status);

}  // namespace sepconv::runner

// The sepconv program: hands the command line to its subcommands and turns what they throw into exit statuses.

#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include "tools/commands.h"
#include "tools/console.h"
#include "tools/interrupt.h"

namespace {

using namespace sepconv::tools;

/// Refuses empty values, usually shell variables that were not set, and NaN, which passes every range check.
void refuse_empty_and_nan(CLI::App& app) {
  const CLI::Validator not_empty([](std::string& text) { return text.empty() ? "must not be empty" : ""; }, "");
  const CLI::Validator not_nan(
      [](std::string& text) { return std::isnan(std::strtod(text.c_str(), nullptr)) ? "expected a number" : ""; }, "");
  for (CLI::App* command : app.get_subcommands({}))
    for (CLI::Option* option : command->get_options()) {
      if (option->get_items_expected_max() == 0) continue;
      const std::string type = option->get_type_name();
      option->check(not_empty);
      if (type.find("FLOAT") != std::string::npos || type.find("POSITIVE") != std::string::npos) option->check(not_nan);
    }
}

/// Prints the error as one line of bounded length: a hostile file may hold values of any length.
void print_reason(const std::exception& error) {
  constexpr std::size_t kHead = 1500, kTail = 400;
  std::string reason = error.what();
  if (reason.size() > kHead + kTail)
    reason = reason.substr(0, kHead) + " [...] " + reason.substr(reason.size() - kTail);
  print_error("sepconv: {}\n", reason);
}

int run(int argc, char** argv) {
  CLI::App app("sepconv compiles the separable and depthwise convolution layers of Keras models ahead of time.",
               "sepconv");
  app.set_version_flag("--version", SEPCONV_VERSION);
  app.require_subcommand(1);
  app.footer(
      "'sepconv COMMAND --help' shows a command's options and examples.\n"
      "Exit status: 0 success, 1 a check failed, 2 invalid usage or input, 3 a tool or the machine failed.");
  int status = kDone;
  add_compile_command(app, status);
  add_inspect_command(app, status);
  add_tune_command(app, status);
  add_report_command(app, status);
  add_verify_command(app, status);
  add_run_command(app, status);
  add_bench_command(app, status);
  add_save_weights_command(app, status);
  add_targets_command(app, status);
  refuse_empty_and_nan(app);
  try {
    app.parse(argc, argv);
    return status;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUse;
  } catch (const std::invalid_argument& error) {
    print_reason(error);
    return kWrongUse;
  } catch (const std::exception& error) {
    print_reason(error);
    return kMachineFailed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  start_output();
  std::signal(SIGCHLD, SIG_DFL);  // inherited as ignored, it would discard the exit statuses of our child processes
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the file size limit then fails with an error
  const int status = run(argc, argv);
  const bool written = finish_output();
  // Only now: all scratch folders have been removed.
  if (status == kMachineFailed) end_by_received_signal();
  return written || status != kDone ? status : kMachineFailed;
}

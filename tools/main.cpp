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

/// Refuses empty texts, which come of variables that a script has not set, and NaN, which passes every range.
void refuse_empty_and_nan(CLI::App& app) {
  const CLI::Validator not_empty(
      [](std::string& text) { return text.empty() ? "expected a text that is not empty" : ""; }, "");
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

/// The error as one line that a terminal can show: the values of a hostile file may have any length.
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
      "Exit status: 0 done, 1 a check failed, 2 wrong use or input, 3 a tool or the machine failed.");
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
  std::signal(SIGCHLD, SIG_DFL);  // a parent that ignores it would take the exit statuses of the programs run here
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow further is a write that fails, with a reason
  const int status = run(argc, argv);
  const bool written = finish_output();
  // Only now, when all scratch folders are gone.
  if (status == kMachineFailed) end_by_received_signal();
  return written || status != kDone ? status : kMachineFailed;
}

// The sepconv program: hands the command line to its subcommands and turns what they throw into exit statuses.

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <stdexcept>

#include "commands.h"
#include "compile/compile_library.h"
#include "interrupt.h"

int main(int argc, char** argv) {
  using namespace sepconv::tools;
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
  try {
    app.parse(argc, argv);
    return status;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kWrongUse;
  } catch (const sepconv::CompileCancelled& error) {
    fmt::print(stderr, "sepconv: {}\n", error.what());
    end_by_received_signal();
    return kMachineFailed;
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "sepconv: {}\n", error.what());
    return kWrongUse;
  } catch (const std::exception& error) {
    fmt::print(stderr, "sepconv: {}\n", error.what());
    return kMachineFailed;
  }
}

#include "runner/trial_command.h"

#include <memory>

#include "runner/trial_options.h"

namespace sepconv::runner {

void add_trial_command(CLI::App& app, int& status) {
  CLI::App& trial = *app.add_subcommand(
      "trial", "Check kernels of sepconv-builder, then time the good ones in alternation; for sepconv tune");
  const auto options = std::make_shared<TrialOptions>();
  TrialOptions& o = *options;
  trial.add_option("--kernel", o.kernels, "A folder made by sepconv-builder; repeated: kernels of one problem")
      ->required()
      ->type_name("DIR")
      ->expected(1)
      ->take_all();
  trial.add_flag("!--no-yardstick", o.yardstick, "The first kernel is no yardstick for the others");
  trial.add_option("--seconds", o.seconds, "Least time for each kernel")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial.add_option("--max-seconds", o.max_seconds, "Most time for each kernel")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial.add_option("--spread", o.spread, "Enough: half the 95% interval of the median, over the median")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial.add_option("--give-up-ratio", o.give_up_ratio, "A kernel so much slower than the yardstick is timed briefly")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial.add_option("--threads", o.threads, "Threads of a call")->check(CLI::Range(1, 1024))->capture_default_str();
  trial.add_flag("--cold", o.cold, "Also time single calls with their data out of the caches");
  trial.add_option("--cpu", o.cpu, "The CPU that a single thread is timed on; default: the last allowed one")
      ->check(CLI::NonNegativeNumber);
  trial.add_option("--time-limit", o.time_limit, "Seconds after which a call counts as hung")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial.add_option("--memory-mb", o.memory_mb, "MiB of memory that a child may use; 0: no limit")
      ->capture_default_str();
  trial.add_option("--reference", o.reference, "Keep the problem's exact result in this file")->type_name("FILE");
  trial.add_option("--report", o.report, "Write the lines to this file rather than to stdout")->type_name("FILE");
  trial.callback([options, &status] { status = run_trial(*options); });
}

}  // namespace sepconv::runner

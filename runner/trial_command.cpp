#include "runner/trial_command.h"

#include <memory>

#include "runner/trial_options.h"

namespace sepconv::runner {

void add_trial_command(CLI::App& app, int& status) {
  CLI::App& trial = *app.add_subcommand(
      "trial", "Check kernels built by sepconv-builder and time the correct ones in turns; for sepconv tune");
  const auto options = std::make_shared<TrialOptions>();
  TrialOptions& o = *options;
  trial
      .add_option("--kernel", o.kernels,
                  "A folder that sepconv-builder wrote; may be repeated for kernels of one problem")
      ->required()
      ->type_name("DIR")
      ->expected(1)
      ->take_all();
  trial.add_flag("!--no-yardstick", o.yardstick, "Do not compare the other kernels with the first");
  trial.add_option("--seconds", o.seconds, "Minimum time per kernel")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial.add_option("--max-seconds", o.max_seconds, "Maximum time per kernel")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial
      .add_option("--spread", o.spread,
                  "Spread that ends sampling: half the 95% interval of the median, over the median")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial
      .add_option("--give-up-ratio", o.give_up_ratio,
                  "Time a kernel only briefly if it is this many times slower than the first")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial.add_option("--threads", o.threads, "Number of threads per call")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  trial.add_flag("--cold", o.cold, "Also time single calls with cold caches");
  trial.add_option("--cpu", o.cpu, "CPU that times a single thread; default: the last one allowed")
      ->check(CLI::NonNegativeNumber);
  trial.add_option("--time-limit", o.time_limit, "Time limit for one call, in seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  trial.add_option("--memory-mb", o.memory_mb, "Memory limit of a child process, in MiB; 0: none")
      ->capture_default_str();
  trial.add_option("--reference", o.reference, "Cache the problem's exact result in this file")->type_name("FILE");
  trial.add_option("--report", o.report, "Write the lines to this file instead of stdout")->type_name("FILE");
  trial.callback([options, &status] { status = run_trial(*options); });
}

}  // namespace sepconv::runner

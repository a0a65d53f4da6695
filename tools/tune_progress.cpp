#include "tools/tune_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tools/console.h"
#include "tools/terminal.h"

namespace sepconv::tools {
namespace {

std::string clock_text(double seconds) {
  const long whole = std::lround(seconds);
  return whole >= 3600 ? fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
                       : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string key_of(const autoschedule::TuneState& state) { return state.problem.problem + " " + state.problem.target; }

}  // namespace

TuneProgress::TuneProgress(const std::vector<autoschedule::TuneProblem>& problems)
    : terminal_(stderr_is_terminal()), begin_(std::chrono::steady_clock::now()) {
  for (const autoschedule::TuneProblem& problem : problems) width_ = std::max(width_, problem.name.size());
}

void TuneProgress::begin(const std::vector<autoschedule::TuneState>& problems, std::size_t kept) {
  print_error("tuning {} {}{}\n", problems.size(), problems.size() == 1 ? "problem" : "problems",
              kept > 0 ? fmt::format("; {} trials are already in the store", kept) : "");
  for (const autoschedule::TuneState& state : problems) best_[key_of(state)] = state.best_ratio;
}

void TuneProgress::trial(const autoschedule::Trial& trial, const autoschedule::TuneState&) {
  ++trials_;
  if (trial.status != autoschedule::TrialStatus::ok && !trial.candidate.schedule.starts_with("halide-")) ++failures_;
}

void TuneProgress::round(const autoschedule::TuneState& state, double left) {
  best_[key_of(state)] = state.best_ratio;
  double log_sum = 0;
  for (const auto& [key, ratio] : best_) log_sum += std::log(1 / ratio);
  const double mean = std::exp(log_sum / static_cast<double>(best_.size()));
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  const std::string time = left >= 0 ? clock_text(left) + " left" : clock_text(elapsed);
  show(fmt::format("[{}] {} trials, {} failed, {:.3f}x over the rule so far | {:<{}} {:.3f}x after {}", time, trials_,
                   failures_, mean, state.problem.name, width_, 1 / state.best_ratio, state.trials));
}

void TuneProgress::finals(const autoschedule::TuneState& state) {
  show(fmt::format("final round: {:<{}} {:.3f}x over the rule, {:.1f} us  {}", state.problem.name, width_,
                   1 / state.best_ratio, 1e6 * state.seconds, state.best_schedule));
}

void TuneProgress::end() {
  if (terminal_) clear_line();
}

void TuneProgress::show(const std::string& line) const {
  if (terminal_)
    draw_line(line);
  else
    print_error("{}\n", line);
}

}  // namespace sepconv::tools

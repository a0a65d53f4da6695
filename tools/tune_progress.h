#pragma once
// How a tuning run is shown: one line that changes on a terminal, a line a batch in a log. Everything goes to stderr.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "autoschedule/tuner.h"

namespace sepconv::tools {

class TuneProgress : public autoschedule::TuneObserver {
 public:
  explicit TuneProgress(const std::vector<autoschedule::TuneProblem>& problems);

  void begin(const std::vector<autoschedule::TuneState>& problems, std::size_t kept) override;
  void trial(const autoschedule::Trial& trial, const autoschedule::TuneState& state) override;
  void round(const autoschedule::TuneState& state, double left) override;
  void finals(const autoschedule::TuneState& state) override;
  /// Leaves the terminal's line.
  void end();

 private:
  void show(const std::string& line) const;

  bool terminal_;
  std::size_t width_ = 0;   // of the longest name
  std::size_t trials_ = 0;  // in this run
  std::size_t failures_ = 0;
  std::map<std::string, double> best_;  // problem and target -> ratio to the rule
  std::chrono::steady_clock::time_point begin_;
};

}  // namespace sepconv::tools

#pragma once
// Why a schedule was chosen: the evidence that a lockfile keeps with each row.

#include <map>
#include <optional>
#include <string>

namespace sepconv::autoschedule {

enum class RecordSource {
  rule,   // chosen by default_schedule; with figures if a tuner found nothing faster, else not measured
  tuned,  // the fastest that a tuner measured
  model,  // chosen by the cost model, not measured: for a target that the machine could not run
};

struct Record {
  RecordSource source = RecordSource::rule;
  std::optional<double> seconds;                // measured time of one call at batch 1: the median
  std::optional<double> ratio;                  // its time over that of the rule's schedule, measured in alternation
  std::optional<double> predicted;              // the cost model's prediction of `ratio`, if it chose
  std::optional<double> spread;                 // half the 95% confidence interval of the median, over the median
  std::optional<int> samples;                   // calls, or groups of calls, that were timed
  std::optional<int> threads;                   // used in the measurement
  std::string machine;                          // where it was measured; empty if nothing was
  std::map<std::string, std::string> versions;  // of what was measured, or chose: "halide" -> "21.0.0"

  friend bool operator==(const Record&, const Record&) = default;
};

/// Rounds the value to `digits` significant digits: more would be noise in a text that people review.
double significant_digits(double value, int digits);

/// For people: "by the cost model, not measured; 1.31x of the rule predicted". Empty if the schedule was measured or is
/// the rule's.
std::string note_of(const Record& record);

/// "rule", "tuned", "model"
const char* to_text(RecordSource source);

/// @throws std::invalid_argument naming the text and the known ones.
RecordSource record_source_from_text(const std::string& text);

}  // namespace sepconv::autoschedule

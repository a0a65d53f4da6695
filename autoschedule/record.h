#pragma once
// Why a schedule was chosen: the evidence that a lockfile keeps beside each row.

#include <map>
#include <optional>
#include <string>

namespace sepconv {

enum class RecordSource {
  rule,   // chosen by default_cpu_schedule; nothing was measured
  tuned,  // the fastest that a tuner measured
};

struct Record {
  RecordSource source = RecordSource::rule;
  std::optional<double> seconds;                // measured time of one call at batch 1
  std::string machine;                          // where it was measured; empty when nothing was
  std::map<std::string, std::string> versions;  // of what was measured: "halide" -> "21.0.0"
};

bool operator==(const Record& a, const Record& b);

/// "rule", "tuned"
const char* to_text(RecordSource source);

/// @throws std::invalid_argument naming the text and the known ones.
RecordSource record_source_from_text(const std::string& text);

}  // namespace sepconv

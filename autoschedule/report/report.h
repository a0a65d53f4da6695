#pragma once
// The page that shows what a tuning run found: one self-contained HTML text.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "autoschedule/records/record_store.h"

namespace sepconv::autoschedule {

struct ReportOptions {
  std::string store;                         // its file name, for the head
  std::map<std::string, std::string> names;  // problem text -> the layers that it serves
  double unix_time = 0;                      // when the report is made
  std::optional<double> core_gflops;         // FMA peak of one core of the machine that measured
  std::optional<double> memory_gbs;          // bytes that it moves from and to memory, 1e9 a second
};

/// Everything that the records say, newest machine and versions first. Loads nothing from elsewhere and runs no script;
/// texts of the records are shown as they are, never taken for HTML. The same records and options give the same bytes.
/// @throws std::invalid_argument when there are no records.
std::string report_html(const std::vector<TrialRecord>& records, const ReportOptions& options);

}  // namespace sepconv::autoschedule

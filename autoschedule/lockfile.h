#pragma once
// The lockfile: the schedule of each row of a library, and why. Small, sorted text that is committed and reviewed.
//
//   {"format": "sepconv-lock", "version": 1, "schedule_version": 1,
//    "rows": [{"problem": "...", "target": "x86-64-avx2", "schedule": "...", "record": {"source": "rule"}}]}
//
// A measured row's record has figures too: "seconds", "ratio", "spread", "samples", "threads", "machine", "versions";
// that of a row by the cost model has "predicted", "threads" and "versions" alone (record.h says what they mean).

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "autoschedule/record.h"
#include "generators/compile/schedule_source.h"
#include "generators/spec/gpu_schedule.h"
#include "generators/spec/target.h"
#include "sepconv/conv_problem.h"

namespace sepconv::autoschedule {

struct LockRow {
  generators::Schedule schedule;
  Record record;
};

class Lockfile : public generators::ScheduleSource {
 public:
  /// Version of the file's form. A file of another version, or of another kScheduleVersion, is refused.
  static constexpr int kVersion = 2;

  /// @throws std::invalid_argument naming the row and what is wrong: text that is not JSON, an unknown format, version,
  ///   field, target or source, a duplicate row, a problem or schedule that cannot be read, a schedule that
  ///   reject_reason refuses.
  static Lockfile from_text(const std::string& text);

  /// Reads a file; the messages of from_text then begin with its path.
  static Lockfile read(const std::filesystem::path& path);

  /// Sorted by problem, then target; the same rows give the same bytes. Ends with a line feed.
  std::string text() const;

  /// Writes a temporary file next to `path` and renames it.
  /// @throws std::runtime_error naming the path when that fails.
  void write(const std::filesystem::path& path) const;

  /// Adds the row, or replaces the one of the same problem and target.
  void set(const ConvProblem& problem, const generators::Target& target, LockRow row);

  /// Takes the row out, if there is one.
  void remove(const ConvProblem& problem, const generators::Target& target);

  /// The row, or null.
  const LockRow* row(const ConvProblem& problem, const generators::Target& target) const;

  std::optional<generators::Schedule> find(const ConvProblem& problem, const generators::Target& target) const override;

  std::size_t size() const { return rows_.size(); }

  using Key = std::pair<std::string, std::string>;  // problem text, target name
  const std::map<Key, LockRow>& rows() const { return rows_; }

 private:
  std::map<Key, LockRow> rows_;
};

}  // namespace sepconv::autoschedule

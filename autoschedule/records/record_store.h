#pragma once
// The records of all trials: one SQLite file, append-only. Killing a tuner at any moment loses at most the trials in
// flight; several tuners may use one file at a time.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "autoschedule/trial.h"

namespace sepconv::autoschedule {

/// The conditions of a measurement. Trials are comparable only within one context.
struct TrialContext {
  std::string machine;                          // TrialExecutor::machine()
  std::map<std::string, std::string> versions;  // "sepconv", "halide", "generator" (hash of the program), "schedule"
  int threads = 1;

  friend bool operator==(const TrialContext&, const TrialContext&) = default;
};

enum class TrialKind : std::uint8_t { search, final_round };  // one of many, or the closing comparison in alternation

struct TrialRecord {
  std::int64_t id = 0;  // given by the store, as is `batch`
  Trial trial;
  TrialKind kind = TrialKind::search;
  TrialContext context;
  std::string origin;  // what proposed it: "rule", "random", "mutation", "transfer", "table", "halide"
  double unix_time = 0;
  std::int64_t batch = 0;  // the same for all that one add() brought
};

/// Not for several threads at a time, nor on both sides of a fork; several processes may each open the file.
class RecordStore {
 public:
  enum class Access { read_write, read_only };

  /// Opens the file, or makes it (read_write).
  /// @throws std::invalid_argument naming the path: no store, a store of another version, damaged, not writable.
  explicit RecordStore(const std::filesystem::path& path, Access access = Access::read_write);
  ~RecordStore();
  RecordStore(RecordStore&&) noexcept;

  /// Adds finished trials, durably, all or none; a final round of a problem must come as one. A search trial whose
  /// candidate and context the store has already is left out (another tuner was faster). NaN figures stay NaN.
  /// @throws std::runtime_error naming the path and what to do: a full disk, a file that another program keeps locked.
  void add(const std::vector<TrialRecord>& records);

  /// The finished search trial of the candidate in this context, or nothing.
  std::optional<TrialRecord> find(const Candidate& candidate, const TrialContext& context) const;

  /// Records by id. Empty filters mean any.
  struct Filter {
    std::string problem, target;
    std::optional<TrialContext> context;
    std::optional<TrialKind> kind;
  };
  std::vector<TrialRecord> records(const Filter& filter = {}) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sepconv::autoschedule

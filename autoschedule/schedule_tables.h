#pragma once
// The tuned schedules that are shipped: one lockfile a target, <target>.lock.json, in one folder.

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "autoschedule/lockfile.h"
#include "generators/compile/schedule_source.h"

namespace sepconv::autoschedule {

class ScheduleTables {
 public:
  /// @param folder  need not exist: no target has a table then.
  explicit ScheduleTables(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The row of the problem, or of one with the same loops whose bias, activations or pads differ; else null.
  /// @throws std::invalid_argument naming a table that cannot be read.
  const LockRow* row(const ConvProblem& problem, const generators::Target& target) const;

  /// Candidates of the target's rows, which a search starts from.
  /// @throws the same
  const Lockfile& of(const generators::Target& target) const;

 private:
  struct Table {
    explicit Table(Lockfile rows_in);
    Table(const Table&) = delete;  // `problems` refers to `rows`
    Table& operator=(const Table&) = delete;

    Lockfile rows;
    std::vector<std::pair<ConvProblem, const LockRow*>> problems;  // of the rows, their texts read once
  };

  const Table& table(const generators::Target& target) const;

  std::filesystem::path folder_;
  mutable std::map<std::string, Table> tables_;  // those that were asked for
};

/// Where `sepconv compile` looks: the user's lockfile, then the shipped tables.
class KnownSchedules : public generators::ScheduleSource {
 public:
  /// Either may be null.
  /// @param threads  of a call, that the blocks of the tables' schedules are made for; the lockfile's stay as they are.
  KnownSchedules(const Lockfile* lockfile, const ScheduleTables* tables, int threads = 1)
      : lockfile_(lockfile), tables_(tables), threads_(threads) {}

  const LockRow* row(const ConvProblem& problem, const generators::Target& target) const;
  std::optional<generators::Schedule> find(const ConvProblem& problem, const generators::Target& target) const override;

 private:
  const Lockfile* lockfile_;
  const ScheduleTables* tables_;
  int threads_;
};

}  // namespace sepconv::autoschedule

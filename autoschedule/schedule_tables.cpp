#include "schedule_tables.h"

#include "search/transfer.h"

namespace sepconv {

const Lockfile& ScheduleTables::of(const Target& target) const {
  const auto known = tables_.find(target.name);
  if (known != tables_.end()) return known->second;
  const std::filesystem::path path = folder_ / (target.name + ".lock.json");
  return tables_.emplace(target.name, std::filesystem::exists(path) ? Lockfile::read(path) : Lockfile{}).first->second;
}

const LockRow* ScheduleTables::row(const ConvProblem& problem, const Target& target) const {
  const Lockfile& table = of(target);
  if (const LockRow* exact = table.row(problem, target)) return exact;
  for (const auto& [key, row] : table.rows()) {
    if (transfer_distance(problem_from_text(key.first), problem) != 0.0) continue;
    if (!reject_reason(row.schedule, problem, target)) return &row;
  }
  return nullptr;
}

const LockRow* KnownSchedules::row(const ConvProblem& problem, const Target& target) const {
  if (lockfile_ != nullptr)
    if (const LockRow* row = lockfile_->row(problem, target)) return row;
  return tables_ == nullptr ? nullptr : tables_->row(problem, target);
}

std::optional<Schedule> KnownSchedules::find(const ConvProblem& problem, const Target& target) const {
  const LockRow* known = row(problem, target);
  return known == nullptr ? std::nullopt : std::optional<Schedule>(known->schedule);
}

}  // namespace sepconv

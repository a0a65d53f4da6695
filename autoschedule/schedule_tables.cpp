#include "autoschedule/schedule_tables.h"

#include "autoschedule/search/transfer.h"

namespace sepconv::autoschedule {

ScheduleTables::Table::Table(Lockfile rows_in) : rows(std::move(rows_in)) {
  for (const auto& [key, row] : rows.rows()) problems.emplace_back(problem_from_text(key.first), &row);
}

const ScheduleTables::Table& ScheduleTables::table(const generators::Target& target) const {
  const auto known = tables_.find(target.name);
  if (known != tables_.end()) return known->second;
  const std::filesystem::path path = folder_ / (target.name + ".lock.json");
  return tables_.try_emplace(target.name, std::filesystem::exists(path) ? Lockfile::read(path) : Lockfile{})
      .first->second;
}

const Lockfile& ScheduleTables::of(const generators::Target& target) const { return table(target).rows; }

const LockRow* ScheduleTables::row(const ConvProblem& problem, const generators::Target& target) const {
  const Table& known = table(target);
  if (const LockRow* exact = known.rows.row(problem, target)) return exact;
  for (const auto& [other, row] : known.problems)
    if (transfer_distance(other, problem) == 0.0 && !reject_reason(row->schedule, lower(problem, target))) return row;
  return nullptr;
}

const LockRow* KnownSchedules::row(const ConvProblem& problem, const generators::Target& target) const {
  if (lockfile_ != nullptr)
    if (const LockRow* row = lockfile_->row(problem, target)) return row;
  return tables_ == nullptr ? nullptr : tables_->row(problem, target);
}

std::optional<generators::Schedule> KnownSchedules::find(const ConvProblem& problem,
                                                         const generators::Target& target) const {
  if (lockfile_ != nullptr)
    if (const LockRow* row = lockfile_->row(problem, target)) return row->schedule;
  const LockRow* known = tables_ == nullptr ? nullptr : tables_->row(problem, target);
  if (known == nullptr) return std::nullopt;
  return blocks_for_threads(known->schedule, lower(problem, target), threads_);
}

}  // namespace sepconv::autoschedule

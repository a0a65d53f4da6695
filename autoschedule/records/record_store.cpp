#include "autoschedule/records/record_store.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "autoschedule/records/sqlite.h"
#include "autoschedule/records/store_schema.h"

namespace sepconv::autoschedule {
namespace {

/// The figures of a trial, by column: the only list of them.
template <class AnyTrial, class F>
void visit_figures(AnyTrial& t, F&& f) {
  f("seconds", t.seconds), f("seconds_min", t.seconds_min), f("spread", t.spread), f("cold_seconds", t.cold_seconds);
  f("yardstick_seconds", t.yardstick_seconds), f("max_error", t.max_error), f("error_limit", t.limit);
  f("build_seconds", t.build_seconds);
}

const char* kind_text(TrialKind kind) { return kind == TrialKind::search ? "search" : "final-round"; }

TrialKind kind_from_text(const std::string& text) {
  for (const TrialKind kind : {TrialKind::search, TrialKind::final_round})
    if (text == kind_text(kind)) return kind;
  throw std::invalid_argument(fmt::format("kind '{}' is not known", text));
}

std::string versions_text(const TrialContext& context) {
  try {
    return nlohmann::json(context.versions).dump();
  } catch (const nlohmann::json::type_error&) {
    throw std::invalid_argument("record store: the text of a version is not UTF-8; expected names and numbers");
  }
}

/// Columns that read_record reads, in its order.
std::string select_text() {
  std::string columns =
      "SELECT t.id, t.batch, p.problem, p.target, t.schedule, t.kind, t.origin, t.unix_time, t.status, t.message, "
      "t.samples, c.machine, c.versions, c.threads";
  Trial trial;
  visit_figures(trial, [&](const char* name, double) { columns += fmt::format(", t.{}", name); });
  return columns + " FROM trials t JOIN tasks p ON p.id = t.task JOIN contexts c ON c.id = t.context";
}

TrialRecord read_record(const sqlite::Statement& row, const std::filesystem::path& path) {
  TrialRecord record;
  Trial& t = record.trial;
  int column = 0;
  record.id = row.integer(column++);
  try {
    record.batch = row.integer(column++);
    t.candidate = {row.text(column), row.text(column + 1), row.text(column + 2)};
    column += 3;
    record.kind = kind_from_text(row.text(column++));
    record.origin = row.text(column++);
    record.unix_time = row.real(column++);
    t.status = trial_status_from_text(row.text(column++));
    t.message = row.text(column++);
    t.samples = static_cast<int>(row.integer(column++));
    record.context.machine = row.text(column++);
    record.context.versions = nlohmann::json::parse(row.text(column++)).get<std::map<std::string, std::string>>();
    record.context.threads = static_cast<int>(row.integer(column++));
    visit_figures(t, [&](const char*, double& value) { value = row.real(column++); });
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("record store '{}': trial {}: {}; the store was changed by another program",
                                         path.string(), record.id, error.what()));
  }
  return record;
}

/// Writes the records of one add(); looks contexts and tasks up by their texts, and adds those that are new.
class Writer {
 public:
  explicit Writer(const sqlite::Database& database)
      : context_in_(database,
                    "INSERT INTO contexts (machine, versions, threads) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
        context_id_(database, "SELECT id FROM contexts WHERE machine = ? AND versions = ? AND threads = ?"),
        task_in_(database, "INSERT INTO tasks (problem, target) VALUES (?, ?) ON CONFLICT DO NOTHING"),
        task_id_(database, "SELECT id FROM tasks WHERE problem = ? AND target = ?"),
        trial_in_(database, insert_text()),
        batch_(database.integer("SELECT coalesce(max(id), 0) + 1 FROM trials")) {}

  void write(const TrialRecord& record) {
    const Trial& t = record.trial;
    int parameter = 0;
    trial_in_.bind(parameter++, batch_);
    trial_in_.bind(parameter++, task_id(t.candidate));
    trial_in_.bind(parameter++, std::string_view(t.candidate.schedule));
    trial_in_.bind(parameter++, context_id(record.context));
    trial_in_.bind(parameter++, std::string_view(kind_text(record.kind)));
    trial_in_.bind(parameter++, std::string_view(record.origin));
    trial_in_.bind(parameter++, record.unix_time);
    trial_in_.bind(parameter++, std::string_view(to_text(t.status)));
    trial_in_.bind(parameter++, std::string_view(t.message));
    trial_in_.bind(parameter++, std::int64_t{t.samples});
    visit_figures(t, [&](const char*, double value) { trial_in_.bind(parameter++, value); });
    trial_in_.run();
  }

 private:
  static std::string insert_text() {
    std::string columns = "batch, task, schedule, context, kind, origin, unix_time, status, message, samples";
    std::string values = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
    Trial trial;
    visit_figures(trial, [&](const char* name, double) { columns += fmt::format(", {}", name), values += ", ?"; });
    return fmt::format(
        "INSERT INTO trials ({}) VALUES ({}) ON CONFLICT (task, schedule, context) "
        "WHERE kind = 'search' DO NOTHING",
        columns, values);
  }

  std::int64_t context_id(const TrialContext& context) {
    const std::string versions = versions_text(context);
    for (sqlite::Statement* statement : {&context_in_, &context_id_}) {
      statement->reset();
      statement->bind(0, std::string_view(context.machine));
      statement->bind(1, std::string_view(versions));
      statement->bind(2, std::int64_t{context.threads});
      statement->step();
    }
    return context_id_.integer(0);
  }

  std::int64_t task_id(const Candidate& candidate) {
    for (sqlite::Statement* statement : {&task_in_, &task_id_}) {
      statement->reset();
      statement->bind(0, std::string_view(candidate.problem));
      statement->bind(1, std::string_view(candidate.target));
      statement->step();
    }
    return task_id_.integer(0);
  }

  sqlite::Statement context_in_, context_id_, task_in_, task_id_, trial_in_;
  std::int64_t batch_;
};

}  // namespace

struct RecordStore::Impl {
  sqlite::Database database;

  std::vector<TrialRecord> read(sqlite::Statement& rows) const {
    std::vector<TrialRecord> records;
    while (rows.step()) records.push_back(read_record(rows, database.path()));
    return records;
  }
};

RecordStore::RecordStore(const std::filesystem::path& path, Access access)
    : impl_(new Impl{open_store(path, access == Access::read_write)}) {}
RecordStore::~RecordStore() = default;
RecordStore::RecordStore(RecordStore&&) noexcept = default;

void RecordStore::add(const std::vector<TrialRecord>& records) {
  if (records.empty()) return;
  sqlite::Transaction transaction(impl_->database);
  {
    Writer writer(impl_->database);
    for (const TrialRecord& record : records) writer.write(record);
  }
  transaction.commit();
}

std::optional<TrialRecord> RecordStore::find(const Candidate& candidate, const TrialContext& context) const {
  static const std::string sql = select_text() +
                                 " WHERE t.kind = 'search' AND p.problem = ? AND p.target = ? AND t.schedule = ? "
                                 "AND c.machine = ? AND c.versions = ? AND c.threads = ?";
  sqlite::Statement rows(impl_->database, sql);
  int parameter = 0;
  const std::string versions = versions_text(context);
  for (const std::string* text :
       {&candidate.problem, &candidate.target, &candidate.schedule, &context.machine, &versions})
    rows.bind(parameter++, std::string_view(*text));
  rows.bind(parameter, std::int64_t{context.threads});
  std::vector<TrialRecord> found = impl_->read(rows);
  return found.empty() ? std::nullopt : std::optional<TrialRecord>(std::move(found.front()));
}

std::vector<TrialRecord> RecordStore::records(const Filter& filter) const {
  std::string sql = select_text() + " WHERE 1";
  std::vector<std::string> texts;
  const auto require = [&](const char* condition, std::string text) {
    sql += condition;
    texts.push_back(std::move(text));
  };
  if (!filter.problem.empty()) require(" AND p.problem = ?", filter.problem);
  if (!filter.target.empty()) require(" AND p.target = ?", filter.target);
  if (filter.kind) require(" AND t.kind = ?", kind_text(*filter.kind));
  if (filter.context) {
    require(" AND c.machine = ?", filter.context->machine);
    require(" AND c.versions = ?", versions_text(*filter.context));
    sql += fmt::format(" AND c.threads = {}", filter.context->threads);
  }
  sqlite::Statement rows(impl_->database, sql + " ORDER BY t.id");
  for (std::size_t i = 0; i < texts.size(); ++i) rows.bind(static_cast<int>(i), std::string_view(texts[i]));
  return impl_->read(rows);
}

}  // namespace sepconv::autoschedule

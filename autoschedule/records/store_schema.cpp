#include "autoschedule/records/store_schema.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "autoschedule/old_problem_text.h"

namespace sepconv::autoschedule {
namespace {

namespace fs = std::filesystem;
using sqlite::Database;
using sqlite::Error;

constexpr int kOldVersion = 1;  // its problems have another text form

constexpr std::int64_t kApplicationId = 0x73657063;  // "sepc", in the file's header: tells stores from other files

// Trials are normalised: a search has few contexts and problems, and many trials of each. Nothing is ever changed.
constexpr const char* kTables = R"(
CREATE TABLE contexts (
  id INTEGER PRIMARY KEY,
  machine TEXT NOT NULL,
  versions TEXT NOT NULL,  -- JSON object, names sorted
  threads INTEGER NOT NULL,
  UNIQUE (machine, versions, threads)
) STRICT;
CREATE TABLE tasks (
  id INTEGER PRIMARY KEY,
  problem TEXT NOT NULL,
  target TEXT NOT NULL,
  UNIQUE (problem, target)
) STRICT;
CREATE TABLE trials (
  id INTEGER PRIMARY KEY,
  batch INTEGER NOT NULL,  -- id of the first trial that came with this one
  task INTEGER NOT NULL REFERENCES tasks (id),
  schedule TEXT NOT NULL,
  context INTEGER NOT NULL REFERENCES contexts (id),
  kind TEXT NOT NULL,
  origin TEXT NOT NULL,
  unix_time REAL,
  status TEXT NOT NULL,
  message TEXT NOT NULL,
  samples INTEGER NOT NULL,
  seconds REAL,  -- here and below: null is a value that is no number
  seconds_min REAL,
  spread REAL,
  cold_seconds REAL,
  yardstick_seconds REAL,
  max_error REAL,
  error_limit REAL,
  build_seconds REAL
) STRICT;
CREATE UNIQUE INDEX one_search_trial ON trials (task, schedule, context) WHERE kind = 'search';
CREATE INDEX trials_of_tasks ON trials (task, context);
CREATE TRIGGER trials_stay BEFORE DELETE ON trials BEGIN SELECT RAISE(ABORT, 'trials are only added'); END;
CREATE TRIGGER trials_keep BEFORE UPDATE ON trials BEGIN SELECT RAISE(ABORT, 'trials are only added'); END;
)";

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw std::invalid_argument(fmt::format("record store '{}': {}", path.string(), why));
}

/// Whether nothing has been written into the database yet: it is new, or its maker was killed before the tables.
bool is_blank(const Database& database) {
  return database.integer("PRAGMA application_id") == 0 && database.integer("PRAGMA user_version") == 0 &&
         database.integer("SELECT count(*) FROM sqlite_schema") == 0;
}

void check_identity(const Database& database) {
  if (database.integer("PRAGMA application_id") != kApplicationId)
    refuse(database.path(), "it is an SQLite file of another program; name another file");
  if (const auto version = database.integer("PRAGMA user_version"); version != kStoreVersion && version != kOldVersion)
    refuse(database.path(), fmt::format("it has version {}; this sepconv knows version {}: use the sepconv that wrote "
                                        "it, or tune into a new store",
                                        version, kStoreVersion));
}

bool is_old(const Database& database) { return database.integer("PRAGMA user_version") == kOldVersion; }

/// Gives the problems of the table `tasks` that unqualified names mean their texts of today.
void renew_problems(const Database& database) {
  std::vector<std::pair<std::int64_t, std::string>> problems;
  sqlite::Statement rows(database, "SELECT id, problem FROM tasks");
  while (rows.step()) problems.emplace_back(rows.integer(0), rows.text(1));
  sqlite::Statement update(database, "UPDATE tasks SET problem = ? WHERE id = ?");
  for (const auto& [id, problem] : problems) {
    update.bind(0, std::string_view(current_problem_text(problem)));
    update.bind(1, id);
    update.run();
  }
}

/// All or nothing, and once: another tuner may have done it just now.
void renew_file(const Database& database) {
  sqlite::Transaction transaction(database);
  if (is_old(database)) {
    renew_problems(database);
    database.execute(fmt::format("PRAGMA user_version = {}", kStoreVersion).c_str());
  }
  transaction.commit();
}

/// The file stays as it is: a temporary table takes the name of the old one on this connection.
void renew_reading(const Database& database) {
  database.execute("PRAGMA query_only = 0");
  database.execute("CREATE TEMPORARY TABLE tasks AS SELECT * FROM main.tasks");
  renew_problems(database);
  database.execute("PRAGMA query_only = 1");
}

/// Readers and writers then never wait for each other. SQLite does not wait for other programs in this statement.
void use_write_ahead_log(const Database& database) {
  for (int tries = 0;; ++tries) {
    try {
      database.execute("PRAGMA journal_mode = WAL");
      return;
    } catch (const Error& error) {
      if (error.code() != SQLITE_BUSY || tries == 1000) throw;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

/// Makes the tables if there are none, and finds out whether the file can be written at all.
void prepare_tables(const Database& database) {
  sqlite::Transaction transaction(database);
  if (is_blank(database)) {  // else another tuner made them just now
    database.execute(kTables);
    database.execute(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str());
    database.execute(fmt::format("PRAGMA user_version = {}", kStoreVersion).c_str());
  }
  transaction.commit();
}

Database open_to_write(const fs::path& path) {
  Database database(path, Database::Mode::create);
  if (!is_blank(database)) check_identity(database);
  if (database.is_read_only())
    refuse(path, "it cannot be written: change its permissions, or copy it to your own folder");
  use_write_ahead_log(database);
  database.execute("PRAGMA synchronous = FULL");  // what add() returned from survives a power cut
  prepare_tables(database);
  return database;
}

/// A file with a write-ahead log is read by way of files beside it. Where these cannot be made and no log is waiting,
/// the file itself is everything.
Database open_to_read(const fs::path& path) {
  try {
    Database database(path, Database::Mode::query);
    database.integer("SELECT count(*) FROM sqlite_schema");  // reads the file
    return database;
  } catch (const Error& error) {
    if (error.code() != SQLITE_CANTOPEN && error.code() != SQLITE_READONLY) throw;
    std::error_code none;
    const fs::path log = path.string() + "-wal";
    if (const auto size = fs::file_size(log, none); !none && size > 0)
      refuse(path, fmt::format("trials wait in '{}', and the folder cannot be written: copy both files to your own "
                               "folder and name the copy",
                               log.string()));
    return Database(path, Database::Mode::immutable);
  }
}

void check_path(const fs::path& path, bool write) {
  std::error_code none;
  const fs::file_status status = fs::status(path, none);
  if (path.empty()) throw std::invalid_argument("record store: the path is empty; name a file");
  if (fs::is_directory(status)) refuse(path, "it is a folder; name a file");
  if (!write && !fs::exists(status)) refuse(path, "it does not exist; 'sepconv tune' creates it");
}

}  // namespace

Database open_store(const fs::path& path, bool write) {
  check_path(path, write);
  try {
    Database database = write ? open_to_write(path) : open_to_read(path);
    if (!write && is_blank(database)) refuse(path, "it is empty; 'sepconv tune' creates a store");
    check_identity(database);
    // The first line only says in which database; the last one is about one page or row.
    if (const std::string damage = database.text("PRAGMA quick_check(1)"); damage != "ok")
      refuse(path, fmt::format("it is damaged ({}): use a backup, or keep what 'sqlite3 FILE .recover' can read",
                               damage.substr(damage.rfind('\n') + 1)));
    if (is_old(database)) write ? renew_file(database) : renew_reading(database);
    return database;
  } catch (const Error& error) {
    if (error.code() == SQLITE_FULL || error.code() == SQLITE_IOERR) throw;  // the machine, not the file
    throw std::invalid_argument(error.what());
  }
}

}  // namespace sepconv::autoschedule

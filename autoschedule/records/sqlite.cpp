#include "autoschedule/records/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>
#include <limits>

namespace sepconv::autoschedule::sqlite {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyMilliseconds = 60'000;  // writers hold the file for milliseconds; more means a stuck program

/// What a user can do about an error, for those that come from outside of this program.
std::string remedy(int code, const fs::path& path) {
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fmt::format("another program has held it for {} s: end that program, or use another store",
                         kBusyMilliseconds / 1000);
    case SQLITE_FULL: return "the disk is full: make room and start again; what was added before is kept";
    case SQLITE_IOERR: return "the disk is full or failing: check it and start again; what was added before is kept";
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return "it cannot be written: change its permissions and its folder's, or copy it to your own folder";
    case SQLITE_CANTOPEN:
      return fmt::format("its folder '{}' must exist and be writable",
                         path.has_parent_path() ? path.parent_path().string() : ".");
    case SQLITE_CORRUPT: return "it is damaged: use a backup, or keep what 'sqlite3 FILE .recover' can read";
    case SQLITE_NOTADB: return "it is not an SQLite file: name another file";
    default: return {};
  }
}

/// URI of a file that SQLite may take for unchanging.
std::string immutable_uri(const fs::path& path) {
  std::string uri = "file:";
  for (const unsigned char c : fs::absolute(path).string())
    if (c == '%' || c == '?' || c == '#' || c < 0x21 || c > 0x7e)
      uri += fmt::format("%{:02x}", c);
    else
      uri += static_cast<char>(c);
  return uri + "?immutable=1";
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Database::Database(const fs::path& path, Mode mode) : path_(path) {
  // A path that begins with "file:" or ":" would otherwise mean something else to SQLite.
  const std::string name = mode == Mode::immutable ? immutable_uri(path) : fs::absolute(path).string();
  const int flags = mode == Mode::create      ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                    : mode == Mode::immutable ? SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
                                              : SQLITE_OPEN_READWRITE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail(code);
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  if (mode == Mode::query) execute("PRAGMA query_only = 1");
}

void Database::execute(const char* sql) const {
  if (const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr); code != SQLITE_OK) fail(code);
}

std::int64_t Database::integer(const char* sql) const {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Database::text(const char* sql) const {
  Statement statement(*this, sql);
  return statement.step() ? statement.text(0) : std::string();
}

bool Database::is_read_only() const { return sqlite3_db_readonly(handle(), "main") == 1; }

void Database::fail(int code) const {
  const int primary = code & 0xff;
  const char* what = handle_ ? sqlite3_errmsg(handle()) : sqlite3_errstr(code);
  const std::string advice = remedy(primary, path_);
  throw Error(primary,
              fmt::format("record store '{}': {}{}{}", path_.string(), what, advice.empty() ? "" : "; ", advice));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(const Database& database, std::string_view sql) : database_(&database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database.handle(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) database.fail(code);
}

void Statement::bind(int parameter, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(statement_.get(), parameter + 1, value); code != SQLITE_OK)
    database_->fail(code);
}

void Statement::bind(int parameter, double value) {
  if (const int code = sqlite3_bind_double(statement_.get(), parameter + 1, value); code != SQLITE_OK)
    database_->fail(code);
}

void Statement::bind(int parameter, std::string_view value) {
  const int code = sqlite3_bind_text64(statement_.get(), parameter + 1, value.data() ? value.data() : "", value.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) database_->fail(code);
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) database_->fail(code);
  return code == SQLITE_ROW;
}

void Statement::run() {
  step();
  reset();
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

double Statement::real(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
}

Transaction::Transaction(const Database& database) : database_(&database) { database.execute("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_->handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  database_->execute("COMMIT");
  open_ = false;
}

}  // namespace sepconv::autoschedule::sqlite

#pragma once
// SQLite in C++: connections and statements that close themselves, and errors that say which file and what to do.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace sepconv::autoschedule::sqlite {

/// What SQLite reported, in one line that names the file.
class Error : public std::runtime_error {
 public:
  Error(int error_code, const std::string& message) : std::runtime_error(message), code_(error_code) {}
  int code() const { return code_; }  // SQLITE_BUSY, ...; without extension

 private:
  int code_;
};

/// One connection. Not for several threads at a time.
class Database {
 public:
  enum class Mode {
    create,     // reads and writes; makes the file
    query,      // reads; opened for writing if possible, since SQLite then cleans up its auxiliary files
    immutable,  // reads a file that no process writes, in a folder that cannot be written
  };

  /// @throws Error; SQLite reads the file only when it is asked something.
  Database(const std::filesystem::path& path, Mode mode);

  /// Runs statements that give no rows, or whose rows do not matter.
  void execute(const char* sql) const;
  /// The first column of the first row.
  std::int64_t integer(const char* sql) const;
  std::string text(const char* sql) const;

  bool is_read_only() const;
  const std::filesystem::path& path() const { return path_; }
  sqlite3* handle() const { return handle_.get(); }

  /// @throws Error for the connection's last result `code`.
  [[noreturn]] void fail(int code) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::filesystem::path path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// One prepared statement. Parameters and columns count from 0, in the order of the SQL text.
class Statement {
 public:
  Statement(const Database& database, std::string_view sql);

  void bind(int parameter, std::int64_t value);
  void bind(int parameter, double value);  // NaN is stored as null
  void bind(int parameter, std::string_view value);

  /// Goes to the next row, or ends. Afterwards run() or reset() starts again.
  bool step();
  /// Runs a statement that gives no rows, and makes it ready to run again.
  void run();
  void reset();

  std::int64_t integer(int column) const;
  double real(int column) const;  // null is NaN
  std::string text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  const Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// All or none of what is written until commit(); other writers wait.
class Transaction {
 public:
  explicit Transaction(const Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Database* database_;
  bool open_ = true;
};

}  // namespace sepconv::autoschedule::sqlite

// Files that are no store, or that cannot be written, are refused in one line that says what to do.

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <random>

#include "autoschedule/records/record_store.h"
#include "generators/compile/files.h"
#include "tests/autoschedule/records/example_trials.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

namespace fs = std::filesystem;
using Access = RecordStore::Access;

std::string refusal(const fs::path& path, Access access) {
  const std::string message = message_of<std::invalid_argument>([&] { const RecordStore store(path, access); });
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  EXPECT_NE(message.find(path.string()), std::string::npos) << message;
  return message;
}

void expect_refused(const fs::path& path, const std::string& why) {
  const bool existed = fs::exists(path);
  const std::string before = fs::is_regular_file(path) ? read_file(path) : "";
  for (const Access access : {Access::read_write, Access::read_only})
    EXPECT_NE(refusal(path, access).find(why), std::string::npos) << refusal(path, access);
  EXPECT_EQ(fs::exists(path), existed);
  if (fs::is_regular_file(path)) {
    EXPECT_EQ(read_file(path), before);  // other people's files stay as they are
  }
}

void run_sql(const fs::path& path, const char* sql) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
  sqlite3_close(database);
}

void fill(const fs::path& path, int trials = 200) {
  RecordStore store(path);
  std::vector<TrialRecord> records;
  for (int i = 0; i < trials; ++i) records.push_back(example_record(i));
  store.add(records);
}

/// What `body` returns in a child process that may not do what root may.
std::string as_common_user(const std::function<std::string()>& body) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    std::string answer = "cannot give up root's rights";
    if (::geteuid() != 0 || (::setgid(kNobody) == 0 && ::setuid(kNobody) == 0)) answer = body();
    ::_exit(::write(ends[1], answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string answer(4096, '\0');
  answer.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(ends[0], answer.data(), answer.size()))));
  ::close(ends[0]);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  return answer;
}

TEST(StoreFiles, RefusesWhatIsNoStore) {
  const TestFolder folder;
  write_file(folder / "garbage",
             "this is no SQLite file, but it is long enough for one's header" + std::string(500, 'x'));
  expect_refused(folder / "garbage", "it is not an SQLite file: name another file");

  std::string random(8192, '\0');
  std::mt19937 generator(1);
  for (char& c : random) c = static_cast<char>(generator());
  write_file(folder / "random", random);
  expect_refused(folder / "random", "it is not an SQLite file");

  run_sql(folder / "other", "CREATE TABLE people (name TEXT)");
  expect_refused(folder / "other", "it is an SQLite file of another program; name another file");

  expect_refused(folder.path(), "it is a folder; name a file");
}

TEST(StoreFiles, RefusesDamagedStores) {
  const TestFolder folder;
  fill(folder / "s.db");
  const std::string whole = read_file(folder / "s.db");
  write_file(folder / "half", whole.substr(0, whole.size() / 2));
  EXPECT_NE(refusal(folder / "half", Access::read_write).find("damaged"), std::string::npos);
  EXPECT_NE(refusal(folder / "half", Access::read_only).find("damaged"), std::string::npos);

  std::string hole = whole;
  hole.replace(hole.size() / 2, 6000, 6000, '\x55');
  write_file(folder / "hole", hole);
  EXPECT_NE(refusal(folder / "hole", Access::read_write).find("damaged"), std::string::npos);
  EXPECT_NE(refusal(folder / "hole", Access::read_only).find("damaged"), std::string::npos);
}

TEST(StoreFiles, RefusesOtherVersions) {
  const TestFolder folder;
  fill(folder / "s.db", 1);
  run_sql(folder / "s.db", "PRAGMA user_version = 99");
  expect_refused(folder / "s.db", "it has version 99; this sepconv knows version 2: use the sepconv that wrote it");
}

TEST(StoreFiles, ReadingMakesNothing) {
  const TestFolder folder;
  EXPECT_NE(refusal(folder / "none", Access::read_only).find("it does not exist"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder / "none"));
  std::ofstream(folder / "empty");
  EXPECT_NE(refusal(folder / "empty", Access::read_only).find("it is empty"), std::string::npos);
  EXPECT_EQ(fs::file_size(folder / "empty"), 0u);
  fill(folder / "s.db", 1);
  RecordStore reader(folder / "s.db", Access::read_only);
  EXPECT_THROW(reader.add({example_record(5)}), std::runtime_error);
}

TEST(StoreFiles, MakesAStoreOfAnEmptyFileAndOfOddNames) {
  const TestFolder folder;
  for (const char* name : {"empty", "file:a?b=c#d %41.db", "a folder/\xc3\xa9 'quoted' \"store\".db"}) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name);
    fill(folder / name, 3);
    EXPECT_EQ(RecordStore(folder / name, Access::read_only).records().size(), 3u) << name;
  }
}

TEST(StoreFiles, NamesAMissingFolder) {
  const TestFolder folder;
  const std::string message = refusal(folder / "no/such/s.db", Access::read_write);
  EXPECT_NE(message.find("its folder '" + (folder / "no/such").string() + "' must exist"), std::string::npos)
      << message;
}

TEST(StoreFiles, RecordsAreOnlyAdded) {
  const TestFolder folder;
  fill(folder / "s.db", 3);
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open((folder / "s.db").c_str(), &database), SQLITE_OK);
  for (const char* sql : {"DELETE FROM trials", "UPDATE trials SET seconds = 0"}) {
    EXPECT_NE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    EXPECT_STREQ(sqlite3_errmsg(database), "trials are only added");
  }
  sqlite3_close(database);
}

TEST(StoreFiles, NamesWhatAnotherProgramChanged) {
  const TestFolder folder;
  fill(folder / "s.db", 3);
  run_sql(folder / "s.db", "DROP TRIGGER trials_keep; UPDATE trials SET status = 'splendid' WHERE id = 2");
  const RecordStore store(folder / "s.db", Access::read_only);
  const std::string message = message_of<std::runtime_error>([&] { store.records(); });
  EXPECT_NE(message.find("trial 2: trial status 'splendid' is not known"), std::string::npos) << message;
}

TEST(StoreFiles, ReadsFromAReadOnlyFolder) {
  const TestFolder folder;
  fill(folder / "s %41?.db", 3);
  fs::permissions(folder / "s %41?.db", fs::perms(0444));
  fs::permissions(folder.path(), fs::perms(0555));
  EXPECT_EQ(as_common_user([&] {
              try {
                return std::to_string(RecordStore(folder / "s %41?.db", Access::read_only).records().size());
              } catch (const std::exception& error) {
                return std::string(error.what());
              }
            }),
            "3");
}

TEST(StoreFiles, NamesFilesAndFoldersThatCannotBeWritten) {
  const TestFolder folder;
  fill(folder / "s.db", 3);
  fs::permissions(folder / "s.db", fs::perms(0444));
  fs::permissions(folder.path(), fs::perms(0777));
  const auto why = [&](const char* name) {
    return as_common_user(
        [&] { return message_of<std::invalid_argument>([&] { const RecordStore store(folder / name); }); });
  };
  EXPECT_NE(why("s.db").find("s.db': it cannot be written: change its permissions"), std::string::npos) << why("s.db");
  fs::permissions(folder / "s.db", fs::perms(0666));
  fs::permissions(folder.path(), fs::perms(0555));
  EXPECT_NE(why("s.db").find("change its permissions and its folder's"), std::string::npos) << why("s.db");
  EXPECT_NE(why("new.db").find("must exist and be writable"), std::string::npos) << why("new.db");
}

TEST(StoreFiles, AFullDiskIsAClearErrorAndLosesNothing) {
  const TestFolder folder;
  fill(folder / "s.db", 10);
  fs::permissions(folder / "s.db", fs::perms(0666));
  fs::permissions(folder.path(), fs::perms(0777));
  int added = 10;
  const std::string answer = as_common_user([&] {  // "COUNT MESSAGE": what was added, and why not more
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {200'000, 200'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    RecordStore store(folder / "s.db");
    const std::string message = message_of<std::runtime_error>([&] {
      for (;; ++added) store.add({example_record(added)});
    });
    return std::to_string(added) + " " + message;
  });
  EXPECT_NE(answer.find("s.db': disk I/O error; the disk is full or failing"), std::string::npos) << answer;
  const std::size_t promised = std::stoul(answer);
  EXPECT_GT(promised, 10u);
  EXPECT_EQ(RecordStore(folder / "s.db").records().size(), promised);
}

}  // namespace
}  // namespace sepconv::test

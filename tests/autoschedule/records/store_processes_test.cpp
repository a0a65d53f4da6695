// Several processes with one store, and processes that are killed while they write.

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "autoschedule/records/record_store.h"
#include "tests/autoschedule/records/example_trials.h"

namespace sepconv::test {

using namespace autoschedule;

namespace {

/// Runs `body` in a child process, which ends with status 0 if it returns and 1 if it throws.
pid_t start(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  int status = 0;
  try {
    body();
  } catch (const std::exception& error) {
    ::fprintf(stderr, "%s\n", error.what());
    status = 1;
  }
  ::_exit(status);
}

int end_of(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

std::string integrity(const std::filesystem::path& path) {
  sqlite3* database = nullptr;
  std::string answer = "nothing";
  EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  const auto keep = [](void* to, int, char** values, char**) {
    *static_cast<std::string*>(to) = values[0];
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(database, "PRAGMA integrity_check", keep, &answer, nullptr), SQLITE_OK);
  sqlite3_close(database);
  return answer;
}

TEST(StoreProcesses, FourWriteAtATime) {
  constexpr int kWriters = 4, kAdds = 25;
  const TestFolder folder;
  std::vector<pid_t> children;
  for (int writer = 0; writer < kWriters; ++writer)
    children.push_back(start([&] {
      RecordStore store(folder / "s.db");  // the first one makes it
      for (int i = 0; i < kAdds; ++i) store.add({example_record(1000 * writer + i), example_record(-1 - i)});
    }));
  for (const pid_t child : children) EXPECT_EQ(end_of(child), 0);
  EXPECT_EQ(integrity(folder / "s.db"), "ok");
  const RecordStore store(folder / "s.db", RecordStore::Access::read_only);
  EXPECT_EQ(store.records().size(), static_cast<std::size_t>(kWriters * kAdds + kAdds));  // common ones only once
}

TEST(StoreProcesses, ReadsWhileAnotherWrites) {
  const TestFolder folder;
  { const RecordStore made(folder / "s.db"); }
  const pid_t child = start([&] {
    RecordStore store(folder / "s.db");
    for (int i = 0; i < 100; ++i) store.add({example_record(2 * i), example_record(2 * i + 1)});
  });
  const RecordStore reader(folder / "s.db", RecordStore::Access::read_only);
  for (std::size_t seen = 0; seen < 200;) {
    const std::size_t now = reader.records().size();
    EXPECT_EQ(now % 2, 0u);
    EXPECT_GE(now, seen);
    if (now == seen && ::kill(child, 0) != 0) break;
    seen = now;
  }
  EXPECT_EQ(end_of(child), 0);
  EXPECT_EQ(reader.records().size(), 200u);
}

TEST(StoreProcesses, KillLosesNothingThatWasAdded) {
  const TestFolder folder;
  const std::filesystem::path path = folder / "s.db";
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::set<int> promised;
  int next = 0;
  for (int round = 0; round < 10; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = start([&] {
      ::close(ends[0]);
      RecordStore store(path);
      for (int i = next;; ++i) {
        store.add({example_record(i), example_record(-1 - i)});
        if (::write(ends[1], &i, sizeof i) != sizeof i) ::_exit(2);  // after add() has returned
      }
    });
    ::close(ends[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution<>(0, 60'000)(random)));
    ::kill(child, SIGKILL);
    EXPECT_TRUE(WIFSIGNALED(end_of(child)));
    for (int i = 0; ::read(ends[0], &i, sizeof i) == sizeof i;) {
      promised.insert(i);
      next = i + 2;  // the one after may or may not have been added
    }
    ::close(ends[0]);
    EXPECT_EQ(integrity(path), "ok");
  }
  EXPECT_GT(promised.size(), 10u);  // the children got somewhere
  const RecordStore store(path);
  for (const int i : promised) {
    EXPECT_TRUE(store.find(example_record(i).trial.candidate, example_context())) << i;
    EXPECT_TRUE(store.find(example_record(-1 - i).trial.candidate, example_context())) << i;
  }
  EXPECT_EQ(store.records().size() % 2, 0u);  // all or none of an add()
}

}  // namespace
}  // namespace sepconv::test

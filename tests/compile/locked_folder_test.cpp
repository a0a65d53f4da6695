// Folders that several processes, here threads, make and clean up at once.

#include "generators/compile/locked_folder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

TEST(LockedFolder, NobodyTakesAFolderThatIsBeingMade) {
  constexpr int kThreads = 4, kFolders = 400;
  const TempDir parent;
  std::atomic<int> missing = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&] {
      for (int i = 0; i < kFolders; ++i) {
        const LockedFolder folder(parent.path(), ".building-");
        remove_stale_folders(parent.path(), ".building-");
        missing += std::filesystem::is_directory(folder.path()) ? 0 : 1;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missing, 0);
  EXPECT_TRUE(std::filesystem::is_empty(parent.path()));
}

}  // namespace
}  // namespace sepconv::test

// Files that appear whole or not at all.

#include "runtime/core/whole_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <set>

namespace sepconv::test {
namespace {

namespace fs = std::filesystem;

class WholeFile : public testing::Test {
 protected:
  WholeFile() {
    std::string name = (fs::temp_directory_path() / "sepconv-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    folder_ = name;
  }
  ~WholeFile() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  static std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static void write(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }
  std::set<std::string> names() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.insert(entry.path().filename().string());
    return names;
  }

  fs::path folder_;
};

TEST_F(WholeFile, ReplacesAFileAndKeepsItsMode) {
  const fs::path file = folder_ / "file";
  write(file, "old");
  ::chmod(file.c_str(), 0640);
  EXPECT_EQ(detail::write_whole_file(file, "new"), std::nullopt);
  EXPECT_EQ(contents(file), "new");
  EXPECT_EQ(fs::status(file).permissions(), fs::perms{0640});
  EXPECT_EQ(names(), std::set<std::string>{"file"});
}

TEST_F(WholeFile, ANewFileHasTheModeOfTheUmask) {
  const mode_t old = ::umask(022);
  EXPECT_EQ(detail::write_whole_file(folder_ / "file", "x"), std::nullopt);
  ::umask(old);
  EXPECT_EQ(fs::status(folder_ / "file").permissions(), fs::perms{0644});
}

TEST_F(WholeFile, LinksAreFollowed) {
  fs::create_directory(folder_ / "real");
  write(folder_ / "real" / "file", "old");
  fs::create_symlink("real/file", folder_ / "link");
  fs::create_symlink(folder_ / "link", folder_ / "second");
  EXPECT_EQ(detail::write_whole_file(folder_ / "second", "new"), std::nullopt);
  EXPECT_TRUE(fs::is_symlink(folder_ / "second"));
  EXPECT_EQ(contents(folder_ / "real" / "file"), "new");
  fs::create_symlink("real/later", folder_ / "dangling");
  EXPECT_EQ(detail::write_whole_file(folder_ / "dangling", "later"), std::nullopt);
  EXPECT_EQ(contents(folder_ / "real" / "later"), "later");
  fs::create_symlink("loop", folder_ / "loop");
  EXPECT_NE(detail::write_whole_file(folder_ / "loop", "x"), std::nullopt);
}

TEST_F(WholeFile, APipeIsWrittenTo) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  EXPECT_EQ(detail::write_whole_file(pipe, "bytes"), std::nullopt);
  char bytes[8] = {};
  EXPECT_EQ(::read(reader, bytes, sizeof bytes), 5);
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(names(), std::set<std::string>{"pipe"});
}

TEST_F(WholeFile, APipeWithoutANameIsWrittenTo) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_EQ(detail::write_whole_file("/proc/self/fd/" + std::to_string(ends[1]), "bytes"), std::nullopt);
  char bytes[8] = {};
  EXPECT_EQ(::read(ends[0], bytes, sizeof bytes), 5);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(WholeFile, DevicesStay) {
  EXPECT_EQ(detail::write_whole_file("/dev/null", "bytes"), std::nullopt);
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_EQ(detail::write_whole_file("/dev/full", "bytes"), "No space left on device");
}

TEST_F(WholeFile, TheReasonIsGivenAndNothingIsLeft) {
  EXPECT_EQ(detail::write_whole_file(folder_, "x"), "Is a directory");
  EXPECT_EQ(detail::write_whole_file(folder_ / "none" / "file", "x"), "No such file or directory");
  EXPECT_EQ(detail::write_whole_file(folder_ / std::string(256, 'n'), "x"), "File name too long");
  EXPECT_EQ(detail::write_whole_file(folder_ / std::string(255, 'n'), "x"), std::nullopt);
  EXPECT_EQ(names().size(), 1u);
}

TEST_F(WholeFile, AFullDiskLeavesTheOldFile) {
  const fs::path file = folder_ / "file";
  write(file, "old");
  rlimit old{};
  ::getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, old.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const auto reason = detail::write_whole_file(file, std::string(5000, 'x'));
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(reason, "File too large");
  EXPECT_EQ(contents(file), "old");
  EXPECT_EQ(names(), std::set<std::string>{"file"});
}

TEST_F(WholeFile, FilesOfKilledWritersAreRemovedAndThoseOfOthersStay) {
  write(folder_ / ".sepconv-tmp-dead", "half");
  write(folder_ / ".sepconv-tmp-alive", "half");
  const int lock = ::open((folder_ / ".sepconv-tmp-alive").c_str(), O_RDONLY);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  EXPECT_EQ(detail::write_whole_file(folder_ / "file", "x"), std::nullopt);
  EXPECT_EQ(names(), (std::set<std::string>{"file", ".sepconv-tmp-alive"}));
  ::close(lock);
}

}  // namespace
}  // namespace sepconv::test

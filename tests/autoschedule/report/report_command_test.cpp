// `sepconv report` as a program.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "generators/compile/files.h"
#include "tests/autoschedule/report/plausible_store.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

namespace fs = std::filesystem;

class ReportCommand : public testing::Test {
 protected:
  ReportCommand() {
    std::string path = (fs::temp_directory_path() / "sepconv_report_XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a folder for the test");
    folder = path;
  }
  ~ReportCommand() override { fs::remove_all(folder); }

  /// Runs it with these arguments; `output` is what it printed.
  int run(const std::string& arguments) {
    const std::string command =
        std::string(SEPCONV_PROGRAM) + " report " + arguments + " >" + (folder / "output").string() + " 2>&1";
    const int status = std::system(command.c_str());
    output = read_file(folder / "output");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string path(const char* name) const { return "'" + (folder / name).string() + "'"; }

  void expect_only(const std::set<std::string>& names) {
    for (const auto& entry : fs::directory_iterator(folder))
      EXPECT_TRUE(names.contains(entry.path().filename())) << entry.path();
  }

  fs::path folder;
  std::string output;
};

TEST_F(ReportCommand, WritesAPage) {
  RecordStore(folder / "a.db").add(plausible_records(2, 20, 1));
  EXPECT_EQ(run(path("a.db") + " -o " + path("a.html") + " --peak 60 --bandwidth 20"), 0) << output;
  const std::string page = read_file(folder / "a.html");
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
  EXPECT_NE(page.find("60 GFLOP/s"), std::string::npos);
  expect_only({"a.db", "a.html", "output"});
}

TEST_F(ReportCommand, RefusesAStoreWithoutTrials) {
  { const RecordStore store(folder / "a.db"); }
  EXPECT_EQ(run(path("a.db") + " -o " + path("a.html")), 2);
  EXPECT_NE(output.find("it has no trials yet"), std::string::npos) << output;
  expect_only({"a.db", "output"});
}

TEST_F(ReportCommand, RefusesWhatIsNoStore) {
  write_file(folder / "a.db", "no store");
  EXPECT_EQ(run(path("a.db") + " -o " + path("a.html")), 2);
  EXPECT_EQ(run(path("none.db") + " -o " + path("a.html")), 2);
  EXPECT_NE(output.find("it does not exist"), std::string::npos) << output;
  expect_only({"a.db", "output"});
}

TEST_F(ReportCommand, RefusesAPeakThatIsNone) {
  RecordStore(folder / "a.db").add(plausible_records(1, 2, 1));
  for (const char* peak : {"fast", "0", "-1", "nan", "1e999", "60x"}) {
    EXPECT_EQ(run(path("a.db") + " -o " + path("a.html") + " --peak=" + peak), 2) << peak;
    EXPECT_NE(output.find("expected GFLOP/s of one core"), std::string::npos) << output;
  }
}

TEST_F(ReportCommand, SaysWhereItCouldNotWrite) {
  RecordStore(folder / "a.db").add(plausible_records(1, 2, 1));
  EXPECT_EQ(run(path("a.db") + " -o " + path("none/a.html")), 3);
  EXPECT_NE(output.find("cannot write"), std::string::npos) << output;
  EXPECT_NE(output.find("none/a.html"), std::string::npos) << output;
}

}  // namespace
}  // namespace sepconv::test

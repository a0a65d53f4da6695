// A kernel that fails, crashes or hangs: it is named, and the old library stays as it was.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/compile/compile_fixture.h"

namespace sepconv::test {
namespace {

TEST_F(CompileLibrary, AFailingKernelIsNamedWithItsMessage) {
  expect_named_failure("fail", "exit status 1\n");
  expect_named_failure("fail", "message:  fake generator: a loop nest that cannot be");
  expect_named_failure("refuse", "exit status 2\n");
}

TEST_F(CompileLibrary, ACrashingKernelIsNamed) {
  expect_named_failure("crash", "killed by signal 11 (Segmentation fault)");
  expect_named_failure("crash", "message:  fake generator: about to crash");
}

TEST_F(CompileLibrary, AHangingKernelIsNamedAfterItsTimeLimit) {
  options_.kernel_seconds = 1.5;
  const auto begin = std::chrono::steady_clock::now();
  expect_named_failure("hang", "timed out after 1.5 s");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(CompileLibrary, UnusableGeneratorOutputIsNamed) {
  expect_named_failure("no_object", "the generator's output is unusable: cannot read");
  expect_named_failure("bad_facts", "kernel facts: field 'call_scratch_bytes' is missing");
}

TEST_F(CompileLibrary, AFailureLeavesTheOldLibraryAsItWas) {
  compile_library(small_plan(), options_);
  const std::string archive = output("libsmall.a"), header = output("small.h");
  const std::set<std::string> files = output_files();
  options_.cache_dir.reset();
  const ScopedVariable mode("FAKE_GENERATOR_MODE", "fail");
  EXPECT_NE(failure().find("exit status 1"), std::string::npos);
  EXPECT_EQ(output_files(), files);
  EXPECT_EQ(output("libsmall.a"), archive);
  EXPECT_EQ(output("small.h"), header);
}

TEST_F(CompileLibrary, AFileThatCannotBeReplacedUndoesTheOthers) {
  compile_library(small_plan(), options_);
  const std::string archive = output("libsmall.a");
  std::filesystem::remove(options_.output_dir / "small.h");
  std::filesystem::create_directories(options_.output_dir / "small.h" / "in_the_way");
  Plan plan = small_plan();
  plan.layers.pop_back();
  try {
    compile_library(plan, options_);
    FAIL() << "expected an exception";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("small.h'"), std::string::npos) << error.what();
  }
  EXPECT_EQ(output("libsmall.a"), archive);
}

TEST_F(CompileLibrary, StopsSoonWhenCancelled) {
  const ScopedVariable mode("FAKE_GENERATOR_MODE", "hang");
  std::atomic<bool> cancelled{false};
  options_.cancelled = &cancelled;
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    cancelled = true;
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THROW(compile_library(small_plan(), options_), generators::CompileCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  EXPECT_EQ(output_files(), std::set<std::string>{});
}

TEST_F(CompileLibrary, LeftOversOfAKilledBuildAreRemoved) {
  const auto stale = options_.output_dir / ".sepconv-staging-killed";
  std::filesystem::create_directories(stale / "objects");
  compile_library(small_plan(), options_);
  EXPECT_FALSE(std::filesystem::exists(stale));
}

}  // namespace
}  // namespace sepconv::test

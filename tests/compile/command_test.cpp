// `sepconv compile` as a user calls it: exit statuses, messages, files.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "tests/compile/test_environment.h"

extern char** environ;

namespace sepconv::test {

using namespace generators;

namespace {

constexpr const char* kLayers = R"([
  {"class_name": "SeparableConv2D", "input_shape": [null, 14, 14, 8],
   "config": {"name": "block/one", "filters": 16, "kernel_size": [3, 3], "padding": "same", "activation": "relu"}},
  {"class_name": "DepthwiseConv2D", "input_shape": [null, 14, 14, 8],
   "config": {"name": "block/two", "kernel_size": [5, 5], "strides": [2, 2]}},
  {"class_name": "SeparableConv1D", "input_shape": [null, 40, 8],
   "config": {"name": "time", "filters": 8, "kernel_size": 3}}
])";

class CompileCommand : public testing::Test {
 protected:
  CompileCommand() { write_file(layers_, kLayers); }

  /// The command line of `sepconv compile LAYERS.json -o out` with the fake generator, and more words.
  std::vector<std::string> words(const std::vector<std::string>& more) const {
    std::vector<std::string> argv = {SEPCONV_PROGRAM, "compile", layers_, "-o", out_, "--generator", FAKE_GENERATOR};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }

  ProcessResult compile(const std::vector<std::string>& more = {}) const { return run_process(words(more)); }

  void expect_refused(const std::vector<std::string>& argv, int status, const std::string& message) const {
    const ProcessResult result = run_process(argv);
    EXPECT_EQ(result.end, ProcessResult::End::exited) << result.output;
    EXPECT_EQ(result.code, status) << result.output;
    EXPECT_NE(result.output.find(message), std::string::npos) << "no '" << message << "' in:\n" << result.output;
    EXPECT_EQ(files(), std::set<std::string>{});
  }

  void expect_wrong_use(const std::vector<std::string>& more, const std::string& message) const {
    expect_refused(words(more), 2, message);
  }

  std::set<std::string> files() const {
    std::set<std::string> names;
    if (std::filesystem::exists(out_))
      for (const auto& entry : std::filesystem::directory_iterator(out_)) names.insert(entry.path().filename());
    return names;
  }

  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }

  TempDir dir_;
  ScopedVariable cache_{"XDG_CACHE_HOME", (dir_.path() / "cache").string()};
  std::string layers_ = path("layers.json"), out_ = path("out");
};

TEST_F(CompileCommand, WritesTheLibraryAndSaysSo) {
  const ProcessResult result = compile({"--target", "x86-64-avx2,x86-64-sse41", "-j", "2"});
  ASSERT_TRUE(result.ok()) << result.output;
  EXPECT_NE(result.output.find("layers: 3 layers, 6 kernels (0 from the cache), 0 layers skipped"), std::string::npos)
      << result.output;
  EXPECT_NE(result.output.find("[6/6] "), std::string::npos)
      << result.output;  // plain lines, since this is no terminal
  EXPECT_EQ(result.output.find('\r'), std::string::npos) << result.output;
  EXPECT_EQ(files(), (std::set<std::string>{"liblayers.a", "layers.h", "layers.weights", "layers.lock.json",
                                            "layersConfig.cmake"}));
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "cache" / "sepconv"));
}

TEST_F(CompileCommand, RebuildingWithNothingChangedWritesNothing) {
  ASSERT_TRUE(compile().ok());
  const ScopedVariable mode("FAKE_GENERATOR_MODE", "fail");  // any call would fail
  const ProcessResult again = compile();
  ASSERT_TRUE(again.ok()) << again.output;
  EXPECT_NE(again.output.find("9 kernels (9 from the cache)"), std::string::npos) << again.output;
  EXPECT_EQ(again.output.find("wrote"), std::string::npos) << again.output;
  EXPECT_EQ(compile({"--no-cache"}).code, 3);
  EXPECT_EQ(compile({"--cache", path("other")}).code, 3);
}

TEST_F(CompileCommand, TheLockfileGivesTheSameBytes) {
  ASSERT_TRUE(compile({"--no-cache"}).ok());
  std::filesystem::rename(out_, path("first"));
  const std::string lock = path("first/layers.lock.json");
  const ProcessResult result = compile({"--no-cache", "--lock", lock, "--locked"});
  ASSERT_TRUE(result.ok()) << result.output;
  for (const std::string& name : files())
    EXPECT_EQ(read_file(path("out/" + name)), read_file(path("first/" + name))) << name;
}

TEST_F(CompileCommand, TheLockfileHasRowsForGpus) {
  ASSERT_TRUE(compile({"--target", "x86-64-avx2,cuda-sm80"}).ok());
  const std::string lock = path("gpu.lock.json");
  std::string text = read_file(path("out/layers.lock.json"));
  const std::size_t begin = text.find("\"schedule\": \"gpu_fuse"), step = text.find("_k8", begin);
  ASSERT_NE(step, std::string::npos) << text;
  write_file(lock, text.replace(step, 3, "_k4"));
  const ProcessResult result = compile({"--target", "x86-64-avx2,cuda-sm80", "--lock", lock, "--locked"});
  ASSERT_TRUE(result.ok()) << result.output;
  EXPECT_EQ(read_file(path("out/layers.lock.json")), text);
  std::filesystem::remove_all(out_);
  expect_wrong_use({"--target", "cuda-sm70", "--lock", lock, "--locked"}, "on target 'cuda-sm70'");
}

TEST_F(CompileCommand, ALockfileThatLacksALayer) {
  ASSERT_TRUE(compile({"--layers", "time"}).ok());
  const std::string lock = path("one.lock.json");
  std::filesystem::rename(path("out/layers.lock.json"), lock);
  std::filesystem::remove_all(out_);
  expect_wrong_use({"--lock", lock, "--locked"}, "no row for layer 'block/");
  const ProcessResult result = compile({"--lock", lock});
  ASSERT_TRUE(result.ok()) << result.output;
  EXPECT_NE(result.output.find("note: layer 'block/one' on x86-64-avx2 has no row in the lockfile; the rule chose"),
            std::string::npos)
      << result.output;
  EXPECT_EQ(result.output.find("layer 'time' on"), std::string::npos) << result.output;
}

TEST_F(CompileCommand, BlocksAreMadeForThreads) {
  write_file(layers_, R"([{"class_name": "SeparableConv2D", "input_shape": [null, 14, 14, 512],
    "config": {"name": "odd", "filters": 512, "kernel_size": [3, 3], "padding": "same"}}])");
  const auto rows_of_a_block = [&](const std::string& threads) {
    EXPECT_TRUE(compile({"--target", "x86-64-avx2", "--no-tables", "--threads", threads}).ok());
    const std::string text = read_file(path("out/layers.lock.json"));
    return std::stoi(text.substr(text.find("_oh") + 3));
  };
  EXPECT_NE(rows_of_a_block("1"), 7);
  EXPECT_EQ(rows_of_a_block("2"), 7);
  std::filesystem::remove_all(out_);
  expect_wrong_use({"--threads", "0"}, "--threads");
}

TEST_F(CompileCommand, RowsOfOtherLayersStayInTheLockfile) {
  ASSERT_TRUE(compile().ok());
  const std::string all = read_file(path("out/layers.lock.json"));
  ASSERT_TRUE(compile({"--lock", path("out/layers.lock.json"), "--layers", "time"}).ok());
  EXPECT_EQ(read_file(path("out/layers.lock.json")), all);
}

TEST_F(CompileCommand, DynamicAndSharedLibraries) {
  ASSERT_TRUE(compile({"--dynamic", "--shared", "--name", "open_ended", "--target", "x86-64-avx2"}).ok());
  EXPECT_TRUE(files().contains("libopen_ended.so"));
  EXPECT_NE(read_file(path("out/open_ended.lock.json")).find("i?x?x8"), std::string::npos);
}

TEST_F(CompileCommand, WrongUseIsNamed) {
  expect_refused({SEPCONV_PROGRAM}, 2, "A subcommand is required");
  expect_refused({SEPCONV_PROGRAM, "compile"}, 2, "model is required");
  expect_refused({SEPCONV_PROGRAM, "compile", layers_}, 2, "--output is required");
  expect_refused({SEPCONV_PROGRAM, "compile", path("none.keras"), "-o", out_}, 2, "none.keras");
  expect_wrong_use({"--no-such-option"}, "--no-such-option");
  expect_wrong_use({"--target", "x86-64-avx3"}, "unknown name 'x86-64-avx3'; expected one of");
  expect_wrong_use({"--target", "x86-64-avx2,x86-64-avx2"}, "'x86-64-avx2' is given twice");
  for (const char* shape :
       {"", "14x", "x14", "1x2x3x4x5x6", "0x14x8", "14xax8", "14,14,8", "[14x14,8]", "99999999999x1"})
    expect_wrong_use({"--input-shape", shape}, shape[0] == '\0' ? "--input-shape" : "expected HxWxC or LxC");
  for (const char* shape : {"14", "14x14x8x8", "9x9x9"})
    expect_wrong_use({"--input-shape", shape}, "fits no layer of the list");
  expect_wrong_use({"--input-shape", "image=14x14x8"}, "a list of layers has no named inputs");
  expect_wrong_use({"--layer-shape", "14x14x8"}, "expected NAME=HxWxC");
  expect_wrong_use({"--layer-shape", "=14x14x8"}, "expected a name before the '='");
  for (const char* name : {"two words", "class", "1st", "../up", "sepconv"})
    expect_wrong_use({"--name", name}, std::string("name: '") + name + "' cannot name a library");
  expect_wrong_use({"--layers", "none*"}, "matches 'none*'");
  expect_wrong_use({"--name", ""}, "--name: must not be empty");
  expect_wrong_use({"--locked"}, "--lock");
  expect_wrong_use({"--lock", path("none.lock.json")}, "none.lock.json");
  expect_wrong_use({"-j", "0"}, "--jobs");
  expect_wrong_use({"--timeout", "0"}, "--timeout");
  expect_wrong_use({"--cache", path("c"), "--no-cache"}, "--no-cache");
}

TEST_F(CompileCommand, InputFilesThatAreWrongAreNamed) {
  write_file(path("new.lock.json"), R"({"format": "sepconv-lock", "version": 7, "schedule_version": 2, "rows": []})");
  expect_wrong_use({"--lock", path("new.lock.json")}, "new.lock.json: lockfile: version 7 is unknown");
  write_file(layers_, "[{");
  expect_wrong_use({}, "layers.json");
  write_file(layers_, "[]");
  expect_wrong_use({}, "has no layer that can be compiled");
  write_file(path("file"), "");
  write_file(layers_, kLayers);
  expect_refused({SEPCONV_PROGRAM, "compile", layers_, "-o", path("file")}, 2, "file' is not a folder");
}

TEST_F(CompileCommand, SkippedLayersAreListedWithTheirReason) {
  write_file(layers_, R"([{"class_name": "Conv2D", "input_shape": [null, 14, 14, 8],
                           "config": {"name": "wide", "filters": 4, "groups": 2, "kernel_size": [3, 3]}}])");
  expect_wrong_use({}, "skipped 'wide' (Conv2D): ");
  expect_wrong_use({}, "has no layer that can be compiled");
}

TEST_F(CompileCommand, KernelsThatFailCrashOrHangAreNamed) {
  const ScopedVariable match("FAKE_GENERATOR_MATCH", "k5x5");
  for (const auto& [mode, reason] : {std::pair{"fail", "failed: exit status 1"},
                                     {"refuse", "failed: exit status 2"},
                                     {"crash", "failed: killed by signal 11"},
                                     {"hang", "failed: timed out after 1 s"}}) {
    const ScopedVariable variable("FAKE_GENERATOR_MODE", mode);
    expect_refused(words({"--timeout", "1", "--no-cache"}), 3,
                   "the kernel of layer 'block/two' " + std::string(reason));
  }
}

/// Starts the command in the background, with a generator that never ends, and waits until it runs.
class Background {
 public:
  Background(std::vector<std::string> argv, const std::filesystem::path& log) {
    std::vector<char*> words;
    for (std::string& word : argv) words.push_back(word.data());
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    EXPECT_EQ(posix_spawn(&pid_, words[0], &actions, nullptr, words.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    for (int tries = 0; tries < 1000 && !std::filesystem::exists(log); ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    EXPECT_TRUE(std::filesystem::exists(log)) << "no kernel was started";
  }

  /// The wait status after the signal.
  int end_with(int signal) const {
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return status;
  }

 private:
  pid_t pid_ = -1;
};

TEST_F(CompileCommand, AnInterruptEndsTheChildrenAndLeavesNothing) {
  const ScopedVariable mode("FAKE_GENERATOR_MODE", "hang"), log("FAKE_GENERATOR_LOG", path("log"));
  for (const int signal : {SIGINT, SIGTERM}) {
    std::filesystem::remove(path("log"));
    const Background command(words({"--timeout", "60"}), path("log"));
    const int status = command.end_with(signal);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signal);
    EXPECT_EQ(files(), std::set<std::string>{});
  }
}

TEST_F(CompileCommand, AKilledBuildLeavesNoOutputAndTheNextOneCleansUp) {
  {
    // A delay, not a hang: nobody ends the children of a killed build, so they must end by themselves.
    const ScopedVariable delay("FAKE_GENERATOR_DELAY", "1"), log("FAKE_GENERATOR_LOG", path("log"));
    const Background command(words({}), path("log"));
    EXPECT_TRUE(WIFSIGNALED(command.end_with(SIGKILL)));
  }
  for (const std::string& name : files()) EXPECT_EQ(name.rfind(".sepconv-staging-", 0), 0u) << name;
  ASSERT_TRUE(compile().ok());
  EXPECT_EQ(files(), (std::set<std::string>{"liblayers.a", "layers.h", "layers.weights", "layers.lock.json",
                                            "layersConfig.cmake"}));
}

TEST_F(CompileCommand, HelpHasExamples) {
  const ProcessResult help = run_process({SEPCONV_PROGRAM, "compile", "--help"});
  EXPECT_TRUE(help.ok());
  EXPECT_NE(help.output.find("Examples:\n  sepconv compile "), std::string::npos) << help.output;
  EXPECT_TRUE(run_process({SEPCONV_PROGRAM, "--help"}).ok());
  EXPECT_TRUE(run_process({SEPCONV_PROGRAM, "--version"}).ok());
}

TEST_F(CompileCommand, ATerminalGetsABar) {
  if (const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY); terminal < 0)
    GTEST_SKIP() << "lacks right: to open a terminal (/dev/ptmx: " << std::strerror(errno) << ")";
  else
    ::close(terminal);
  const std::string command = fmt::format("{}", fmt::join(words({}), " "));
  const ScopedVariable terminal("TERM", "xterm");
  const ProcessResult result = run_process({"script", "-qec", command, "/dev/null"});
  ASSERT_TRUE(result.ok()) << result.output;
  EXPECT_NE(result.output.find("\r[####"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("] 9/9 "), std::string::npos) << result.output;
}

}  // namespace
}  // namespace sepconv::test

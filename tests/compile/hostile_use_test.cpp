// `sepconv` where the machine or the names are not what one expects: closed streams, odd folders, odd layers.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

namespace fs = std::filesystem;

/// A list of one layer; the name is written into JSON as it is.
std::string layer_named(const std::string& name) {
  return R"([{"class_name": "DepthwiseConv2D", "input_shape": [null, 14, 14, 8],
              "config": {"name": ")" +
         name + R"(", "kernel_size": [3, 3]}}])";
}

class HostileUse : public testing::Test {
 protected:
  HostileUse() { write_file(layers_, layer_named("block/one")); }

  std::vector<std::string> words(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> argv = {SEPCONV_PROGRAM, "compile",      layers_,    "-o",         out_.string(),
                                     "--generator",   FAKE_GENERATOR, "--target", "x86-64-avx2"};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }

  ProcessResult compile(const std::vector<std::string>& more = {}) const { return run_process(words(more)); }

  /// The command after what a shell does first, as in `exec "$@" >&-`.
  static ProcessResult in_shell(const std::string& script, const std::vector<std::string>& argv) {
    std::vector<std::string> shell = {"sh", "-c", script, "sh"};
    shell.insert(shell.end(), argv.begin(), argv.end());
    return run_process(shell);
  }

  static void expect_status(const ProcessResult& result, int status) {
    EXPECT_EQ(result.end, ProcessResult::End::exited) << result.code << result.output;
    EXPECT_EQ(result.code, status) << result.output;
  }

  static void expect_has(const ProcessResult& result, const std::string& text) {
    EXPECT_NE(result.output.find(text), std::string::npos) << "no '" << text << "' in:\n" << result.output;
  }

  TempDir dir_;
  ScopedVariable cache_{"XDG_CACHE_HOME", (dir_.path() / "cache").string()};
  std::string layers_ = (dir_.path() / "layers.json").string();
  fs::path out_ = dir_.path() / "out";
};

TEST_F(HostileUse, StderrThatCannotBeWrittenIsNoCrash) {
  for (const std::string redirection : {"2>/dev/full", "2>&-"}) {
    fs::remove_all(out_);
    expect_status(in_shell("exec \"$@\" " + redirection, words({"--no-cache"})), 0);
    EXPECT_TRUE(fs::exists(out_ / "liblayers.a")) << redirection;
    expect_status(in_shell("exec \"$@\" " + redirection, words({"--name", "class"})), 2);
    expect_status(in_shell("exec \"$@\" " + redirection, {SEPCONV_PROGRAM, "no-such-command"}), 2);
  }
}

TEST_F(HostileUse, StdoutThatCannotBeWrittenIsNoSuccess) {
  for (const std::string redirection : {">/dev/full", ">&-"})
    for (const std::vector<std::string>& argv : {words(),
                                                 {SEPCONV_PROGRAM, "inspect", layers_},
                                                 {SEPCONV_PROGRAM, "inspect", layers_, "--json"},
                                                 {SEPCONV_PROGRAM, "targets"},
                                                 {SEPCONV_PROGRAM, "compile", "--help"}}) {
      const ProcessResult result = in_shell("exec \"$@\" " + redirection, argv);
      expect_status(result, 3);
      expect_has(result, "sepconv: the output cannot be written: ");
    }
}

TEST_F(HostileUse, AParentThatIgnoresSigchld) {
  expect_status(in_shell("trap '' CHLD; exec \"$@\"", words({"--shared"})), 0);
}

TEST_F(HostileUse, FoldersWithCharactersThatToolsTakeForTheirOwn) {
  for (const std::string name :
       {"100%", "a,b", "@file", "two words", "-o", "quo'te\"", "new\nline", "$HOME", "a:b", "*"}) {
    out_ = dir_.path() / name;
    expect_status(compile(), 0);
    EXPECT_TRUE(fs::exists(out_ / "liblayers.a")) << name;
    expect_status(compile({"--shared", "--report"}), 0);
    EXPECT_TRUE(fs::exists(out_ / "liblayers.so")) << name;
  }
}

TEST_F(HostileUse, NamesOfLayersThatNoFileCanHoldAreRefusedBeforeAnyKernelIsCompiled) {
  const ScopedVariable log("FAKE_GENERATOR_LOG", (dir_.path() / "log").string());
  const auto refused = [&](const std::string& name, const std::string& message) {
    write_file(layers_, layer_named(name));
    const ProcessResult result = compile();
    expect_status(result, 2);
    expect_has(result, message);
    EXPECT_FALSE(fs::exists(dir_.path() / "log")) << name;
  };
  refused("a\\nb", R"(its name 'a\u000ab' holds control characters)");
  refused("a\\u007fb", "control characters");
  refused(std::string(2000, 'n'), "has 2000 characters; at most 1000 are allowed");
}

TEST_F(HostileUse, EscapeSequencesOfNamesDoNotReachTheTerminal) {
  write_file(layers_, layer_named("red\\u001b[31m \\u009b31m \\b\\r"));
  for (const std::vector<std::string>& argv :
       {words(), {SEPCONV_PROGRAM, "inspect", layers_}, {SEPCONV_PROGRAM, "inspect", layers_, "--json"}}) {
    const ProcessResult result = run_process(argv);
    EXPECT_EQ(result.output.find('\x1b'), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find("\xc2\x9b"), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find('\b'), std::string::npos) << result.output;
    expect_has(result, "red\\u001b[31m");
  }
}

TEST_F(HostileUse, APatternOnAHugeName) {
  write_file(layers_, layer_named(std::string(200001, 'x')));
  const ProcessResult result = run_process({SEPCONV_PROGRAM, "verify", layers_, "--only", ".*y$"});
  expect_status(result, 2);
  expect_has(result, "has 200001 characters; at most 1000 can be matched");
}

TEST_F(HostileUse, PatternsThatNeedTimeOrMemoryWithoutEnd) {
  write_file(layers_, layer_named(std::string(1000, 'a')));
  const std::string deep = std::string(400, '(') + "a" + std::string(400, ')') + "b";
  for (const std::string& pattern : {std::string("(a*)*b$"), std::string("(a|a)*b"), deep}) {
    const ProcessResult result = run_process({SEPCONV_PROGRAM, "verify", layers_, "--only", pattern}, {.seconds = 20});
    expect_status(result, 2);
    expect_has(result, "has nothing to verify that --only matches");
  }
  const ProcessResult result =
      run_process({SEPCONV_PROGRAM, "bench", "--suite", layers_, "--only", std::string(100'000, 'a')});
  expect_status(result, 2);
  expect_has(result, "has 100000 characters; at most 1000 are allowed");
}

TEST_F(HostileUse, ALayerThatNeedsTooMuchMemoryIsSkippedAndOthersAreCompiled) {
  write_file(layers_, R"([
    {"class_name": "SeparableConv2D", "input_shape": [null, 2, 500000, 512],
     "config": {"name": "huge", "filters": 8, "kernel_size": [3, 3], "padding": "same", "depth_multiplier": 3}},
    {"class_name": "DepthwiseConv2D", "input_shape": [null, 14, 14, 8],
     "config": {"name": "small", "kernel_size": [3, 3]}}])");
  const ProcessResult result = compile();
  expect_status(result, 0);
  expect_has(result, "skipped 'huge' (separable): no schedule on x86-64-avx2: ");
  expect_has(result, "1 layers, 1 kernels (0 from the cache), 1 layers skipped");
}

TEST_F(HostileUse, FilesThatNeverEndAreNotRead) {
  const auto refused = [&](const std::vector<std::string>& argv, const std::string& message) {
    const ProcessResult result = run_process(argv, {.seconds = 20, .memory_bytes = std::uint64_t{2} << 30});
    expect_status(result, 2);
    expect_has(result, message);
  };
  const std::string lock = (dir_.path() / "loop.lock.json").string();
  fs::create_symlink("loop.lock.json", lock);
  refused(words({"--lock", "/dev/zero"}), "lockfile: cannot read '/dev/zero': it is not a file");
  refused(words({"--lock", dir_.path().string()}), "': it is a folder");
  refused(words({"--lock", lock}), "': Too many levels of symbolic links");
  for (const std::string& path : {lock, std::string("/dev/full")})
    refused({SEPCONV_PROGRAM, "tune", layers_, "--by-model", "--lock", path}, "lockfile: cannot ");
  refused({SEPCONV_PROGRAM, "tune", layers_, "--by-model", "--lock", (dir_.path() / "no/lock.json").string()},
          "no/lock.json': No such file or directory");
  refused({SEPCONV_PROGRAM, "inspect", "/dev/zero"}, "/dev/zero: a pipe or a device, not a file");
  refused({SEPCONV_PROGRAM, "inspect", dir_.path().string()}, ": a folder, not a file");
}

TEST_F(HostileUse, AnErrorIsNoLongerThanAPersonReads) {
  const std::string lock = (dir_.path() / "lock.json").string();
  for (const std::string& text : {std::string(1'000'000, '1'), "{\"format\": \"" + std::string(100'000, 'x') + "\"}"}) {
    write_file(lock, text);
    const ProcessResult result = compile({"--lock", lock});
    expect_status(result, 2);
    expect_has(result, "lock.json: lockfile: ");
    EXPECT_LT(result.output.size(), 3000U);
  }
}

TEST_F(HostileUse, AnInterruptedTunerLeavesNoFolder) {
  const ScopedVariable delay("FAKE_GENERATOR_DELAY", "5");
  const fs::path folder = dir_.path() / "scratch";
  fs::create_directory(folder);
  const ScopedVariable scratch("TMPDIR", folder.string());
  const ProcessResult result = run_process({"timeout", "--preserve-status", "-s", "INT", "1", SEPCONV_PROGRAM, "tune",
                                            layers_, "--trials", "1", "--target", "x86-64-sse41", "--generator",
                                            FAKE_GENERATOR, "--lock", (dir_.path() / "lock.json").string()});
  expect_has(result, "tune: interrupted; ");
  EXPECT_TRUE(fs::is_empty(folder)) << result.output;
}

TEST_F(HostileUse, ATunerWhoseTrialsAllFailHasNotTuned) {
  const ScopedVariable mode("FAKE_GENERATOR_MODE", "fail");
  const std::string lock = (dir_.path() / "lock.json").string();
  const ProcessResult result = run_process({SEPCONV_PROGRAM, "tune", layers_, "--trials", "1", "--no-halide",
                                            "--target", "x86-64-sse41", "--generator", FAKE_GENERATOR, "--lock", lock});
  expect_status(result, 3);
  expect_has(result, "sepconv: tune: every trial failed; first failure, of layer 'block/one': ");
  EXPECT_FALSE(fs::exists(lock));
}

TEST_F(HostileUse, NanIsNoNumber) {
  for (const std::vector<std::string>& argv : std::vector<std::vector<std::string>>{
           words({"--timeout", "nan"}),
           {SEPCONV_PROGRAM, "bench", "--suite", layers_, "--seconds", "NaN"},
           {SEPCONV_PROGRAM, "tune", layers_, "--lock", "lock.json", "--minutes", "nan"},
           {SEPCONV_PROGRAM, "report", "store.sqlite", "--bandwidth", "-nan"}}) {
    const ProcessResult result = run_process(argv);
    expect_status(result, 2);
    expect_has(result, "expected a number");
  }
}

TEST_F(HostileUse, EmptyTextsAreRefused) {
  for (const std::vector<std::string>& argv :
       std::vector<std::vector<std::string>>{{SEPCONV_PROGRAM, "inspect", layers_, "--weights", ""},
                                             {SEPCONV_PROGRAM, "tune", layers_, "--by-model", "--lock", ""},
                                             {SEPCONV_PROGRAM, "report", "store.sqlite", "-o", ""}}) {
    const ProcessResult result = run_process(argv);
    expect_status(result, 2);
    expect_has(result, "must not be empty");
  }
}

TEST_F(HostileUse, AModelFileWithTheNameOfAMacro) {
  const fs::path model = dir_.path() / "linux.json";
  write_file(model, layer_named("one"));
  std::vector<std::string> argv = words();
  argv[2] = model.string();
  expect_status(run_process(argv), 0);
  EXPECT_TRUE(fs::exists(out_ / "liblinux_model.a"));
}

TEST_F(HostileUse, LinksInTheOutputFolderAreFollowed) {
  fs::create_directories(out_);
  fs::create_directories(dir_.path() / "headers");
  write_file(dir_.path() / "headers" / "layers.h", "old");
  fs::create_symlink("../headers/layers.h", out_ / "layers.h");
  expect_status(compile(), 0);
  EXPECT_TRUE(fs::is_symlink(out_ / "layers.h"));
  EXPECT_NE(read_file(dir_.path() / "headers" / "layers.h"), "old");
}

TEST_F(HostileUse, WhatIsNoFileInTheOutputFolderIsRefused) {
  fs::create_directories(out_ / "layers.h");
  const ProcessResult result = compile();
  expect_status(result, 3);
  expect_has(result, "layers.h': it is not a regular file");
  EXPECT_FALSE(fs::exists(out_ / "liblayers.a"));
}

}  // namespace
}  // namespace sepconv::test

// Models are read in a child process: its crashes, its limits, and the plan that it hands back.

#include "tools/model_child.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "generators/compile/process.h"
#include "tests/compile/test_environment.h"
#include "tests/tools/plan_bytes_of.h"
#include "tools/plan_bytes.h"

namespace sepconv::tools::test {

using namespace sepconv::test;
using namespace generators;

namespace {

std::filesystem::path data(const std::string& name) {
  return std::filesystem::path(SEPCONV_TEST_DATA) / "models" / name;
}

void expect_equal(const Plan& a, const Plan& b) {
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    const PlannedLayer &x = a.layers[i], &y = b.layers[i];
    SCOPED_TRACE(x.name);
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.absorbed, y.absorbed);
    EXPECT_EQ(x.problem, y.problem);
    EXPECT_EQ(x.has_weights, y.has_weights);
    EXPECT_EQ(x.padding, y.padding);
    EXPECT_EQ(x.zero_padding, y.zero_padding);
    EXPECT_EQ(x.batch, y.batch);
    EXPECT_EQ(x.weights.arrays, y.weights.arrays);
    for (std::size_t k = 0; k < x.weights.arrays.size(); ++k)
      EXPECT_EQ(x.weights.arrays[k].is_double(), y.weights.arrays[k].is_double());
  }
  ASSERT_EQ(a.skipped.size(), b.skipped.size());
  for (std::size_t i = 0; i < a.skipped.size(); ++i) {
    EXPECT_EQ(a.skipped[i].name, b.skipped[i].name);
    EXPECT_EQ(a.skipped[i].class_name, b.skipped[i].class_name);
    EXPECT_EQ(a.skipped[i].reason, b.skipped[i].reason);
  }
}

TEST(ModelChild, HandsBackTheSamePlan) {
  for (const char* name : {"kws1d.keras", "tcn_causal.h5", "nested.keras", "tiny_bf16.keras", "xception_mini.h5",
                           "wrapped.keras", "mobilenet_v1_025_96.keras", "kws1d.json"}) {
    SCOPED_TRACE(name);
    expect_equal(plan_in_child(data(name)), plan_file(data(name)));
  }
  PlanOptions options;
  options.layers = "*dw_1";
  EXPECT_EQ(plan_in_child(data("mobilenet_v1_025_96.keras"), options).layers.size(), 1u);
}

template <class Exception>
std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Exception& error) {
    return error.what();
  }
  return "no exception";
}

TEST(ModelChild, WhatTheReaderThrowsComesThrough) {
  EXPECT_EQ(message<std::invalid_argument>([] { plan_in_child("no/such/file"); }), "no/such/file: no such file");
  EXPECT_EQ(
      message<std::runtime_error>([] { text_in_child("f", []() -> std::string { throw std::runtime_error("r"); }); }),
      "r");
  EXPECT_EQ(text_in_child("f", [] { return std::string("a\0b", 3); }), std::string("a\0b", 3));
  EXPECT_EQ(text_in_child("f", [] { return std::string(); }), "");
}

TEST(ModelChild, LongMessagesAreCut) {
  const std::string text = message<std::invalid_argument>(
      [] { text_in_child("f", []() -> std::string { throw std::invalid_argument(std::string(1 << 20, 'x')); }); });
  EXPECT_EQ(text, std::string(1997, 'x') + "...");
}

TEST(ModelChild, ACrashIsOneErrorThatNamesTheFile) {
  const std::string text = message<std::invalid_argument>([] {
    text_in_child("f.h5", [] {
      std::signal(SIGSEGV, SIG_DFL);
      std::raise(SIGSEGV);
      return std::string();
    });
  });
  EXPECT_EQ(text, "f.h5: damaged: the process that reads it crashed: killed by signal 11 (Segmentation fault)");
}

TEST(ModelChild, LimitsAreNamed) {
  const std::string text = message<std::invalid_argument>([] {
    text_in_child("f.h5", [] {
      std::vector<std::string> kept;
      for (int i = 0; i < 10000; ++i) kept.emplace_back(std::size_t{1} << 20, 'x');
      return std::to_string(kept.size());
    });
  });
  EXPECT_EQ(text,
            "f.h5: the process that reads it needed more than 768 MiB of memory, the limit for a file of 0 bytes");
}

TEST(PlanBytes, DamagedOnesAreRefused) {
  const std::string whole = bytes_of(plan_file(data("nested.keras")));
  expect_equal(plan_from_bytes(whole), plan_file(data("nested.keras")));
  EXPECT_THROW(plan_from_bytes(whole + "x"), std::invalid_argument);
  EXPECT_THROW(plan_from_bytes(""), std::invalid_argument);
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 200)
    EXPECT_THROW(plan_from_bytes(std::string_view(whole).substr(0, size)), std::invalid_argument);
  std::mt19937 engine(3);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = whole;
    for (int n = 0; n < 4; ++n) damaged[engine() % damaged.size()] = static_cast<char>(engine());
    try {
      plan_from_bytes(damaged);
    } catch (const std::invalid_argument&) {
    }
  }
}

class HostileModels : public testing::Test {
 protected:
  ProcessResult run(const std::vector<std::string>& words) const {
    std::vector<std::string> argv{SEPCONV_PROGRAM};
    argv.insert(argv.end(), words.begin(), words.end());
    return run_process(argv, {60});
  }
  TempDir dir_;
};

TEST_F(HostileModels, ACrashInsideTheHdf5LibraryIsOneLine) {
  // A link's name lies outside of its group's heap: libhdf5 1.10 reads there and crashes; 1.14 reads the file.
  const std::string file = data("../hostile/local_heap_crash.h5").string();
  const std::string output = (dir_.path() / "w.weights.h5").string();
  if (run({"inspect", file}).ok()) return;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"inspect", file},
                                                {"compile", file, "-o", dir_.path().string()},
                                                {"verify", file},
                                                {"tune", file, "--lock", (dir_.path() / "l.json").string()},
                                                {"save-weights", file, "-o", output},
                                                {"bench", "--suite", file}}) {
    const ProcessResult result = run(words);
    EXPECT_EQ(result.code, 2) << words[0] << ": " << result.output;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << words[0] << ": " << result.output;
    EXPECT_EQ(result.output.find("sepconv: "), 0u) << result.output;
  }
  EXPECT_FALSE(std::filesystem::exists(output));
}

}  // namespace
}  // namespace sepconv::tools::test

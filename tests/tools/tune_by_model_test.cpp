// `sepconv tune --by-model`: rows for targets that cannot run here, and what is said without it.

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "generators/spec/target.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

using nlohmann::json;

class TuneByModel : public testing::Test {
 protected:
  TuneByModel() {
    const json layer = {{"name", "small"},
                        {"group", "tests"},
                        {"kind", "separable"},
                        {"dims", 2},
                        {"batch", 1},
                        {"H", 14},
                        {"W", 14},
                        {"C", 24},
                        {"F", 40},
                        {"kernel", {3, 3}},
                        {"depth_multiplier", 1},
                        {"stride", {1, 1}},
                        {"bias", true},
                        {"dilation", {1, 1}},
                        {"data_format", "channels_last"},
                        {"padding", "same"},
                        {"dtype", "float32"},
                        {"activation", "relu"},
                        {"source", "a test"}};
    write_file(suite_, json{{"format", 1}, {"groups", {"tests"}}, {"layers", {layer}}}.dump());
  }

  ProcessResult tune(const std::string& lock, const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {SEPCONV_PROGRAM, "tune",        suite_, "--lock", (dir_.path() / lock).string(),
                                     "--cache",       cache_of(lock)};
    argv.insert(argv.end(), words.begin(), words.end());
    return run_process(argv);
  }

  std::string cache_of(const std::string& lock) const { return (dir_.path() / (lock + ".cache")).string(); }
  std::string text_of(const std::string& lock) const { return read_file(dir_.path() / lock); }

  TempDir dir_;
  std::string suite_ = (dir_.path() / "suite.json").string();
};

// Nothing runs: so this passes on machines without AVX-512.
TEST_F(TuneByModel, WritesMarkedRowsAndTheSameOnesForASeed) {
  const std::vector<std::string> words = {"--target", "x86-64-avx512", "--by-model", "--least-gain", "1", "--trials",
                                          "48",       "--seed",        "5"};
  const ProcessResult first = tune("a.lock.json", words), second = tune("b.lock.json", words);
  ASSERT_TRUE(first.ok()) << first.output;
  EXPECT_EQ(text_of("a.lock.json"), text_of("b.lock.json"));
  EXPECT_EQ(second.output.substr(0, second.output.rfind("wrote")), first.output.substr(0, first.output.rfind("wrote")));
  EXPECT_NE(first.output.find("nothing was measured"), std::string::npos) << first.output;
  const json rows = json::parse(text_of("a.lock.json")).at("rows");
  ASSERT_EQ(rows.size(), 1u) << first.output;
  EXPECT_EQ(rows[0].at("target"), "x86-64-avx512");
  const json& record = rows[0].at("record");
  EXPECT_EQ(record.at("source"), "model");
  EXPECT_LT(record.at("predicted"), 1);
  for (const char* field : {"seconds", "ratio", "spread", "samples", "machine"}) EXPECT_FALSE(record.contains(field));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "a.lock.sqlite"));
}

TEST_F(TuneByModel, TheKernelsOfItsRowsNeedNoCompilation) {
  const std::string lock = (dir_.path() / "a.lock.json").string();
  const ProcessResult tuned = tune(
      "a.lock.json", {"--target", "x86-64-avx512", "--by-model", "--least-gain", "1", "--trials", "48", "--seed", "5"});
  ASSERT_TRUE(tuned.ok()) << tuned.output;
  ASSERT_EQ(json::parse(text_of("a.lock.json")).at("rows").size(), 1u) << tuned.output;
  const ProcessResult compiled =
      run_process({SEPCONV_PROGRAM, "compile", suite_, "--lock", lock, "--locked", "--target", "x86-64-avx512",
                   "--cache", cache_of("a.lock.json"), "-o", (dir_.path() / "out").string()});
  EXPECT_TRUE(compiled.ok()) << compiled.output;
  EXPECT_NE(compiled.output.find("1 kernels (1 from the cache)"), std::string::npos) << compiled.output;
}

TEST_F(TuneByModel, LeavesRowsWithoutAClearGainOut) {
  const ProcessResult result = tune("none.lock.json", {"--target", "arm-64", "--by-model", "--least-gain", "90"});
  ASSERT_TRUE(result.ok()) << result.output;
  EXPECT_NE(result.output.find("0 of 1 layers have"), std::string::npos) << result.output;
  EXPECT_TRUE(json::parse(text_of("none.lock.json")).at("rows").empty());
}

TEST_F(TuneByModel, IsNamedWhereATargetCannotBeTimed) {
  const Target& elsewhere = target_from_name(is_native(target_from_name("arm-64")) ? "x86-64-avx2" : "arm-64");
  for (const std::string& name : {elsewhere.name, std::string("cuda-sm80")}) {
    const ProcessResult result = tune("no.lock.json", {"--target", name, "--trials", "4"});
    EXPECT_EQ(result.code, 2);
    EXPECT_NE(result.output.find("target: '" + name + "' "), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("--by-model"), std::string::npos) << result.output;
    EXPECT_EQ(result.output.find('\n'), result.output.size() - 1) << result.output;
    EXPECT_FALSE(std::filesystem::exists(dir_.path() / "no.lock.json"));
  }
}

TEST_F(TuneByModel, RefusesWhatOnlyMeasuringHas) {
  const std::vector<std::string> by_model = {"--target", "arm-64", "--by-model"};
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--minutes", "1"},
                                               {"--resume"},
                                               {"--runner", "qemu-aarch64 runner"},
                                               {"--cpu", "0"}}) {
    std::vector<std::string> words = by_model;
    words.insert(words.end(), more.begin(), more.end());
    const ProcessResult result = tune("no.lock.json", words);
    EXPECT_EQ(result.code, 2) << more.front();
    EXPECT_NE(result.output.find(more.front()), std::string::npos) << result.output;
  }
  const ProcessResult alone = tune("no.lock.json", {"--least-gain", "2", "--trials", "4"});
  EXPECT_EQ(alone.code, 2) << alone.output;
  const ProcessResult endless = tune("no.lock.json", {});
  EXPECT_EQ(endless.code, 2);
  EXPECT_NE(endless.output.find("--trials"), std::string::npos) << endless.output;
  const ProcessResult gpu = tune("no.lock.json", {"--target", "cuda-sm80", "--by-model"});
  EXPECT_EQ(gpu.code, 2);
  EXPECT_NE(gpu.output.find("'cuda-sm80': the rule for GPUs already uses a cost model"), std::string::npos)
      << gpu.output;
}

}  // namespace
}  // namespace sepconv::test

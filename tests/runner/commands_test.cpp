// `sepconv verify`, `inspect` and `run` as a user calls them, with the real generator and runner.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "generators/compile/process.h"
#include "runner/compare.h"
#include "runner/golden_cases.h"
#include "runner/layer_run.h"
#include "runner/npy.h"
#include "runner/npz.h"
#include "tools/runner_client.h"

namespace sepconv::test {

using namespace generators;
using namespace runner;

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kData = SEPCONV_TEST_DATA;
constexpr const char* kTarget = "x86-64-sse41";  // runs on every x86-64 CPU that builds this

constexpr const char* kLayers = R"([
  {"class_name": "SeparableConv2D", "input_shape": [null, 6, 5, 4],
   "config": {"name": "one", "filters": 8, "kernel_size": [3, 3], "padding": "same", "activation": "relu"}},
  {"class_name": "DepthwiseConv1D", "input_shape": [null, null, 8],
   "config": {"name": "open", "kernel_size": 3, "padding": "same"}},
  {"class_name": "Conv2D", "input_shape": [null, 6, 5, 4],
   "config": {"name": "full", "filters": 8, "groups": 2, "kernel_size": [3, 3]}}
])";

class Commands : public testing::Test {
 protected:
  Commands()
      : folder_(fs::path(testing::TempDir()) / ("sepconv_commands_" + std::to_string(::getpid()) + "_" +
                                                testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~Commands() override { fs::remove_all(folder_); }

  static ProcessResult sepconv(std::vector<std::string> words) {
    words.insert(words.begin(), SEPCONV_PROGRAM);
    return run_process(words);
  }
  /// verify with a cache that the tests share.
  static ProcessResult verify(const fs::path& path, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"verify", path.string(), "--cache", SEPCONV_TEST_CACHE});
    return sepconv(more);
  }
  static void expect(const ProcessResult& result, int status, const std::string& text) {
    EXPECT_EQ(result.end, ProcessResult::End::exited);
    EXPECT_EQ(result.code, status) << result.output;
    EXPECT_NE(result.output.find(text), std::string::npos) << "no '" << text << "' in:\n" << result.output;
  }
  /// A folder with one golden case, after `change`.
  fs::path golden(
      const std::string& name, const std::function<void(json&)>& change = [](json&) {}) const {
    std::ifstream file(kData / "goldens" / "cases.json");
    json document = json::parse(file);
    json row;
    for (const json& r : document["cases"])
      if (r["name"] == name) row = r;
    change(row);
    document["cases"] = json::array({row});
    fs::create_directories(folder_ / "golden");
    fs::copy_file(kData / "goldens" / (name + ".npz"), folder_ / "golden" / (name + ".npz"),
                  fs::copy_options::overwrite_existing);
    std::ofstream(folder_ / "golden" / "cases.json") << document;
    return folder_ / "golden";
  }
  /// Stands for sepconv-runner: reports one line, with these members, for the one layer that it is asked for.
  fs::path runner_that_reports(const std::string& members) const {
    const fs::path script = folder_ / "runner";
    // MODE LIBRARY WEIGHTS --report FILE --layer=NAME --target TARGET
    std::ofstream(script) << "#!/bin/sh\n"
                             "report=$5 layer=${6#--layer=}\n"
                             "while [ $# -gt 1 ] && [ \"$1\" != --target ]; do shift; done\n"
                             "printf '{\"name\":\"%s\",\"layer\":\"%s\",\"target\":\"%s\"," +
                                 members + "}\\n' \"$layer\" \"$layer\" \"$2\" >\"$report\"\n";
    fs::permissions(script, fs::perms::owner_all);
    return script;
  }
  fs::path layers() const {
    std::ofstream(folder_ / "layers.json") << kLayers;
    return folder_ / "layers.json";
  }

  fs::path folder_;
};

TEST_F(Commands, VerifyAcceptsWhatKerasComputed) {
  const ProcessResult result = verify(golden("s2_k3_same"), {"--target", kTarget, "--dynamic"});
  expect(result, 0, "2 ok, 0 failed");
  expect(result, 0, "max error");
}

TEST_F(Commands, NamesThatACommandLineCouldMistake) {
  json layers = json::array();
  for (const char* name : {"[a,b]", "{a,b}", "-x", "--report", "%%", "a b", "*", "'quoted'"})
    layers.push_back({{"class_name", "DepthwiseConv2D"},
                      {"input_shape", {nullptr, 6, 5, 4}},
                      {"config", {{"name", name}, {"kernel_size", {3, 3}}}}});
  std::ofstream(folder_ / "names.json") << layers;
  const ProcessResult result = verify(folder_ / "names.json", {"--target", kTarget});
  expect(result, 0, std::to_string(layers.size()) + " ok, 0 failed");

  const ProcessResult compiled =
      sepconv({"compile", (folder_ / "names.json").string(), "-o", (folder_ / "out").string(), "--target", kTarget,
               "--shared", "--cache", SEPCONV_TEST_CACHE});
  expect(compiled, 0, "libnames.so");
}

TEST_F(Commands, HugeStridesAndDilationsEqualTheReference) {
  std::ofstream(folder_ / "huge.json") << R"([
    {"class_name": "DepthwiseConv2D", "input_shape": [null, 3, 8, 8],
     "config": {"name": "stride", "kernel_size": [3, 3], "strides": [50000, 50000], "padding": "same",
                "data_format": "channels_first"}},
    {"class_name": "SeparableConv2D", "input_shape": [null, 20, 28, 28],
     "config": {"name": "both", "filters": 8, "kernel_size": [3, 3], "strides": [50000, 50000], "padding": "same",
                "data_format": "channels_first"}},
    {"class_name": "SeparableConv1D", "input_shape": [null, 3, 700],
     "config": {"name": "stride_of_21", "filters": 8, "kernel_size": 50, "strides": 21, "data_format": "channels_first"}},
    {"class_name": "DepthwiseConv1D", "input_shape": [null, 16, 3],
     "config": {"name": "dilation", "kernel_size": 2, "dilation_rate": 268435454, "padding": "same"}}])";
  expect(verify(folder_ / "huge.json", {"--target", kTarget}), 0, "4 ok, 0 failed");
}

TEST_F(Commands, VerifyFailsOnAMiss) {
  const ProcessResult result = verify(golden("s2_k3_same",
                                             [](json& row) {
                                               row["max_abs_err_vs_float64"] = 0;
                                               row["max_abs_output"] = 1e-3;
                                             }),
                                      {"--target", kTarget});
  expect(result, 1, "MISS   s2_k3_same");
  expect(result, 1, "0 ok, 1 failed");
}

TEST_F(Commands, VerifyRunsEveryTypeAndActivationsAlongAnAxis) {
  for (const char* name : {"s2_softmax", "s2_glu", "d1_f64", "d1_f16", "d1_bf16", "s2_mixed_f16"})
    expect(verify(golden(name), {"--target", kTarget}), 0, "1 ok, 0 failed");
}

TEST_F(Commands, VerifyOffersTheStrictFloatMode) {
  expect(verify(golden("s2_k3_same"), {"--target", kTarget, "--strict-float"}), 0, "1 ok, 0 failed");
}

TEST_F(Commands, VerifyChecksEveryLayerOfAModel) {
  const ProcessResult result = verify(layers(), {"--target", kTarget});
  expect(result, 0, "4 ok, 0 failed");  // `open` once for each padding
  expect(result, 0, "open[1x16 causal]");
  expect(result, 0, "skipped  full: ");
  expect(result, 0, "holds no weights");
  expect(verify(layers(), {"--target", kTarget, "--strict"}), 1, "1 skipped");
  expect(verify(layers(), {"--target", kTarget, "--only", "^one$"}), 0, "1 ok, 0 failed");
}

TEST_F(Commands, VerifyMissingFeaturesFailOnlyWhenTheTargetWasAskedFor) {
  // Reports what the runner does on a CPU without AVX-512, which this one may have.
  const std::string runner = runner_that_reports(R"("status":"not_run","message":"CPU lacks avx512")");
  expect(verify(golden("s1_k3_same"), {"--runner", runner}), 0, "x86-64-avx512: not run: CPU lacks avx512");
  expect(verify(golden("s1_k3_same"), {"--runner", runner, "--target", "x86-64-avx512"}), 1, "1 not run on this CPU");
}

TEST_F(Commands, VerifyRefusesWrongUse) {
  const fs::path folder = golden("s1_k3_same");
  expect(verify(folder / "no"), 2, "does not exist");
  expect(verify(folder, {"--target", "pdp-11"}), 2, "pdp-11");
  expect(verify(folder, {"--only", "("}), 2, "--only: '('");
  expect(verify(folder, {"--only", "nothing"}), 2, "that --only matches");
  expect(verify(folder, {"--runner", " "}), 2, "--runner: expected a command");
  expect(verify(folder, {"--no-such-option"}), 2, "--no-such-option");
  fs::remove(folder / "s1_k3_same.npz");
  expect(verify(folder), 2, "cannot read the zip file");
}

TEST_F(Commands, VerifyReportsARunnerThatIsNone) {
  expect(verify(golden("s1_k3_same"), {"--target", kTarget, "--runner", (folder_ / "no").string()}), 3, "no");
  expect(verify(golden("s1_k3_same"), {"--target", kTarget, "--runner", "false"}), 3, "exit status 1");
}

TEST_F(Commands, InspectShowsLayersAndWhyOthersAreNotCompiled) {
  const ProcessResult text = sepconv({"inspect", layers().string()});
  expect(text, 0, "6x5x4");
  expect(text, 0, "full (Conv2D): ");
  expect(text, 0, "1 of them have dynamic extents");
  expect(sepconv({"inspect", (kData / "models" / "mobilenet_v1_025_96.keras").string(), "--layers", "conv_dw_4"}), 0,
         "conv_pad_4 conv_dw_4_bn conv_dw_4_relu conv_pw_4 conv_pw_4_bn conv_pw_4_relu");
  const ProcessResult as_json = sepconv({"inspect", layers().string(), "--json"});
  const json document = json::parse(as_json.output, nullptr, false);
  ASSERT_FALSE(document.is_discarded()) << as_json.output;
  // 30 pixels, (9 taps * 4 channels + 4 * 8 pointwise) multiply-adds each.
  EXPECT_EQ(document["layers"][0]["flops"], 2.0 * 30 * (9 * 4 + 4 * 8));
  EXPECT_FALSE(document["layers"][1].contains("flops"));
  EXPECT_EQ(document["skipped"].size(), 1u);
}

TEST_F(Commands, InspectRefusesWhatIsNoModel) {
  std::ofstream(folder_ / "bad.keras") << "no zip";
  expect(sepconv({"inspect", (folder_ / "bad.keras").string()}), 2, "bad.keras");
  expect(sepconv({"inspect", (folder_ / "absent.keras").string()}), 2, "absent.keras");
  expect(sepconv({"inspect", layers().string(), "--layers", "x*"}), 2, "no convolution layer's name matches 'x*'");
  expect(sepconv({"inspect"}), 2, "model");
}

TEST_F(Commands, SaveWeightsWritesAModelOrALayer) {
  const std::string model = kData / "models" / "nested.h5", all = folder_ / "all.weights.h5", one = folder_ / "one.npz";
  expect(sepconv({"save-weights", model, "-o", all}), 0, "all weights of");
  EXPECT_TRUE(fs::exists(all));
  expect(sepconv({"save-weights", model, "-o", one, "--layer", "block/sep"}), 0, "the weights of 1 layer");
  const auto arrays = read_npz(one);
  ASSERT_EQ(arrays.size(), 2u);
  expect(sepconv({"save-weights", model, "-o", one}), 0, "the weights of 4 layers");
  EXPECT_EQ(read_npz(one).count("stem/dw.depthwise_kernel") + read_npz(one).count("stem/dw.kernel"), 1u);
  EXPECT_EQ(arrays.at("depthwise_kernel").shape, (std::vector<std::int64_t>{3, 3, 8, 1}));
}

TEST_F(Commands, SaveWeightsRefusesAndLeavesNothing) {
  const std::string model = kData / "models" / "nested.h5", file = folder_ / "out.npz";
  expect(sepconv({"save-weights", model, "-o", file, "--layer", "sap"}), 2, "no layer 'sap'; its layers: stem/dw");
  expect(sepconv({"save-weights", model, "-o", folder_ / "out.bin"}), 2, "must end in .weights.h5");
  expect(sepconv({"save-weights", kData / "models" / "kws1d.json", "-o", folder_ / "out.weights.h5"}), 2,
         "without weights");
  expect(sepconv({"save-weights", model, "-o", folder_ / "none" / "out.npz"}), 3, "cannot be written");
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Commands, WeightsMayComeFromAnotherFile) {
  const fs::path models = kData / "models";
  const std::string model = models / "tcn_causal.json", out = folder_ / "out.npz";
  for (const char* weights : {"tcn_causal.h5", "tcn_causal.keras"}) {
    expect(sepconv({"save-weights", model, "--weights", models / weights, "-o", out, "--layer", "dw"}), 0, "1 layer");
    EXPECT_EQ(read_npz(out).at("depthwise_kernel").shape, (std::vector<std::int64_t>{5, 24, 2}));
    expect(sepconv({"inspect", model, "--weights", models / weights}), 0, "dw");
  }
  expect(sepconv({"inspect", model, "--weights", models / "kws1d.keras"}), 2, "kws1d.keras: layer 'c0'");
  expect(sepconv({"inspect", model, "--weights", models / "none.h5"}), 2, "none.h5: no such file");
  expect(sepconv({"verify", model, "--weights", models / "nested.h5"}), 2, "nested.h5: expected the weights of");
  expect(sepconv({"save-weights", model, "-o", out, "--layer", "dw"}), 2, "with --weights");
}

TEST_F(Commands, EveryHelpHasAnExample) {
  for (const char* command : {"inspect", "verify", "run", "save-weights"})
    expect(sepconv({command, "--help"}), 0, std::string("  sepconv ") + command);
}

class RunCommand : public Commands {
 protected:
  void compile(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"compile",  (kData / "models" / "tcn_causal.keras").string(),
                                      "-o",       out_.string(),
                                      "--name",   "net",
                                      "--target", kTarget,
                                      "--layers", "c[01]",
                                      "--cache",  SEPCONV_TEST_CACHE};
    words.insert(words.end(), more.begin(), more.end());
    const ProcessResult result = sepconv(words);
    ASSERT_TRUE(result.ok()) << result.output;
  }
  ProcessResult run(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"run", out_.string(), "--input", x_.string(), "--output", y_.string()};
    words.insert(words.end(), more.begin(), more.end());
    return sepconv(words);
  }
  void write_input(std::vector<std::int64_t> shape) const {
    std::int64_t elems = 1;
    for (const std::int64_t extent : shape) elems *= extent;
    std::vector<float> values(static_cast<std::size_t>(elems));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 17) / 8 - 1;
    write_npy(x_, npy_from_floats(values, std::move(shape)));
  }

  fs::path out_ = folder_ / "out", x_ = folder_ / "x.npy", y_ = folder_ / "y.npy";
};

TEST_F(RunCommand, WritesWhatTheLayerComputes) {
  compile({"--shared"});
  write_input({3, 64, 20});
  expect(run({"--layer", "c0"}), 0, "\"name\":\"c0\"");
  const NpyArray y = read_npy(y_);
  EXPECT_EQ(y.shape, (std::vector<std::int64_t>{3, 64, 32}));
  // The same bits from a pool of threads and from one target by name.
  expect(run({"--layer", "c0", "--threads", "3", "--target", kTarget}), 0, kTarget);
  EXPECT_EQ(read_npy(y_).data, y.data);
}

TEST_F(RunCommand, RefusesWhatDoesNotFit) {
  compile({"--shared"});
  write_input({3, 64, 20});
  expect(run({}), 2, "--layer");
  expect(run({"--layer", "c9"}), 2, "has no layer 'c9'; it has c0, c1");
  expect(run({"--layer", "c0", "--padding", "same"}), 2, "static extents");
  expect(run({"--layer", "c0", "--target", "x86-64-avx2"}), 3, "no kernel of the library");
  write_input({3, 63, 20});
  expect(run({"--layer", "c0"}), 2, "63");
  write_input({64, 20});
  expect(run({"--layer", "c0"}), 2, "axes");
  std::ofstream(x_) << "no npy";
  expect(run({"--layer", "c0"}), 2, "not a .npy file");
  EXPECT_FALSE(fs::exists(y_));
}

TEST_F(RunCommand, SaysWhenTheLibraryCannotBeLoaded) {
  write_input({3, 64, 20});
  expect(run({"--layer", "c0"}), 2, "is not a folder");
  fs::create_directories(out_);
  expect(run({"--layer", "c0"}), 2, "0 .weights files");
  compile({});
  expect(run({"--layer", "c0"}), 2, "compile again with --shared");
}

/// The client against a runner made of a shell script.
class RunnerClient : public Commands {
 protected:
  tools::RunnerRequest request(const std::string& script) const {
    std::ofstream(folder_ / "runner.sh") << "report=\"$5\"\n" << script;
    return {{"sh", (folder_ / "runner.sh").string()},
            "check",
            "lib.so",
            "a.weights",
            {"a", "b", "c"},
            {},
            folder_ / "report",
            20,
            nullptr};
  }
};

TEST_F(RunnerClient, ACrashFailsItsCaseAndTheRestStillRuns) {
  const auto cases = tools::run_cases(request(R"(
    line() { echo "{\"name\":\"$1\",\"layer\":\"$1\",\"status\":\"$2\",\"max_error\":0.5,\"limit\":1}" >> "$report"; }
    case "$*" in
      *"--layer=a"*) line a started; line a ok; line b started; kill -SEGV $$ ;;
      *) line c started; line c miss; exit 1 ;;
    esac)"));
  ASSERT_EQ(cases.size(), 3u);
  EXPECT_EQ(cases[0].status, "ok");
  EXPECT_EQ(cases[0].max_error, 0.5);
  EXPECT_FALSE(cases[0].failed());
  EXPECT_EQ(cases[1].layer, "b");
  EXPECT_EQ(cases[1].status, "error");
  EXPECT_NE(cases[1].message.find("signal 11"), std::string::npos) << cases[1].message;
  EXPECT_TRUE(cases[1].failed());
  EXPECT_EQ(cases[2].status, "miss");
  EXPECT_TRUE(cases[2].failed());
}

TEST_F(RunnerClient, ARunnerThatCannotWorkIsAnErrorWithItsMessage) {
  try {
    tools::run_cases(request("echo 'sepconv-runner: out of paper' >&2; exit 3"));
    FAIL() << "expected an exception";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("out of paper"), std::string::npos) << error.what();
  }
}

TEST_F(RunnerClient, ARunnerThatLeavesLayersOutIsAnError) {
  EXPECT_THROW(tools::run_cases(request("echo '{\"name\":\"a\",\"layer\":\"a\",\"status\":\"ok\"}' > \"$report\"")),
               std::runtime_error);
}

TEST_F(RunnerClient, ATimeLimitFailsTheCaseThatRan) {
  tools::RunnerRequest slow = request(
      "case \"$*\" in *'--layer=a'*) echo '{\"name\":\"a\",\"layer\":\"a\",\"status\":\"started\"}' > \"$report\"; "
      "sleep 30 ;; "
      "esac");
  slow.seconds = 0.5;
  slow.layers = {"a"};
  const auto cases = tools::run_cases(slow);
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_NE(cases[0].message.find("timed out"), std::string::npos) << cases[0].message;
}

TEST(RunnerClientText, Words) {
  EXPECT_EQ(tools::words(" qemu  -L x ", "--runner"), (std::vector<std::string>{"qemu", "-L", "x"}));
  EXPECT_THROW(tools::words(" ", "--runner"), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::test

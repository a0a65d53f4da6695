// `sepconv bench` as a harness drives it: the protocol's lines, results against the reference, wrong inputs.

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "runner/compare.h"
#include "runner/reference.h"
#include "runner/seeded.h"
#include "tests/compile/test_environment.h"
#include "tests/stage_weights.h"

namespace sepconv::test {

using namespace generators;
using namespace runner;

namespace {

using nlohmann::json;

constexpr const char* kTarget = "x86-64-sse41";  // runs on every x86-64 CPU that builds this

json layer(const std::string& name) {
  return {{"name", name},
          {"group", "tests"},
          {"kind", "separable"},
          {"dims", 2},
          {"batch", 2},
          {"H", 5},
          {"W", 6},
          {"C", 8},
          {"F", 16},
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
}

json causal_layer(const std::string& name) {
  json l = layer(name);
  for (const char* key : {"H", "W"}) l.erase(key);
  l.update({{"dims", 1}, {"L", 9}, {"kernel", {2}}, {"stride", {1}}, {"dilation", {3}}, {"padding", "causal"}});
  return l;
}

json first_layer(const std::string& name) {
  json l = layer(name);
  l.update({{"kind", "depthwise"},
            {"F", nullptr},
            {"data_format", "channels_first"},
            {"stride", {2, 2}},
            {"depth_multiplier", 2},
            {"activation", "relu6"}});
  return l;
}

class BenchCommand : public testing::Test {
 protected:
  void write_suite(const std::vector<json>& layers) {
    write_file(suite_, json{{"format", 1}, {"groups", {"tests"}}, {"layers", layers}}.dump());
  }

  ProcessResult bench(std::vector<std::string> words) const {
    words.insert(words.begin(), {SEPCONV_PROGRAM, "bench", "--suite", suite_, "--target", kTarget, "--seconds", "0.001",
                                 "--cache", (dir_.path() / "cache").string()});
    return run_process(words);
  }

  /// run_process mixes stdout with the progress on stderr.
  static std::vector<json> lines(const std::string& output) {
    std::vector<json> parsed;
    std::istringstream stream(output);
    for (std::string line; std::getline(stream, line);)
      if (line.starts_with("{")) parsed.push_back(json::parse(line));
    return parsed;
  }

  void expect_wrong(const std::vector<std::string>& words, const std::string& message) const {
    const ProcessResult result = bench(words);
    EXPECT_EQ(result.code, 2) << result.output;
    EXPECT_NE(result.output.find(message), std::string::npos) << "no '" << message << "' in: " << result.output;
    EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 1) << result.output;
  }

  void write_floats(const std::string& name, const std::vector<double>& values) const {
    const std::vector<float> floats(values.begin(), values.end());
    write_file(dir_.path() / name, {reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float)});
  }

  TempDir dir_;
  std::string suite_ = (dir_.path() / "suite.json").string();
};

TEST_F(BenchCommand, PrintsALineForEachLayerThatMatches) {
  write_suite({layer("one"), causal_layer("two"), first_layer("three")});
  const ProcessResult result = bench({"--only", "^t"});
  ASSERT_TRUE(result.ok()) << result.output;
  const std::vector<json> answers = lines(result.output);
  ASSERT_EQ(answers.size(), 2u) << result.output;
  EXPECT_EQ(answers[0].at("name"), "two");
  EXPECT_EQ(answers[1].at("name"), "three");
  for (const json& answer : answers) {
    EXPECT_EQ(answer.at("peer"), "sepconv");
    EXPECT_FALSE(answer.at("version").get<std::string>().empty());
    EXPECT_GT(answer.at("ms_min"), 0.0);
    EXPECT_GE(answer.at("ms_median"), answer.at("ms_min"));
    EXPECT_GE(answer.at("runs"), 5);
    EXPECT_NE(answer.at("note").get<std::string>().find("block_"), std::string::npos);
    EXPECT_EQ(answer.at("variant"), kTarget);
    EXPECT_EQ(answer.at("strict"), true);
  }
}

TEST_F(BenchCommand, AnswersNamesLineByLine) {
  write_suite({layer("one"), causal_layer("two")});
  const std::string command = "printf 'two\\nnobody\\n\\none\\none\\n' | " SEPCONV_PROGRAM " bench --serve --suite '" +
                              suite_ + "' --seconds 0.001 --threads 2 --target " + kTarget;
  const ProcessResult result = run_process({"sh", "-c", command});
  ASSERT_TRUE(result.ok()) << result.output;
  const std::vector<json> answers = lines(result.output);
  ASSERT_EQ(answers.size(), 4u) << result.output;
  EXPECT_EQ(answers[0].at("name"), "two");
  EXPECT_GT(answers[0].at("ms_median"), 0.0);
  EXPECT_EQ(answers[1].at("name"), "nobody");
  EXPECT_EQ(answers[1].at("error"), "no such layer");
  EXPECT_FALSE(answers[1].contains("ms_median"));
  EXPECT_EQ(answers[2].at("name"), "one");
  EXPECT_EQ(answers[3].at("name"), "one");
}

TEST_F(BenchCommand, ComputesWhatTheReferenceComputes) {
  ConvProblem first = problem_from_text("f32_nchw_i5x6x8.dw_k3x3_s2x2_p1x1x0x1_m2.bias.relu6");
  ConvProblem causal = problem_from_text("f32_nhwc_i1x9x8.dw_k1x2_d1x3_p0x0x3x0.conv_o16_k1x1.bias.relu");
  set_bias(output(first), true), set_bias(output(causal), true);
  write_suite({first_layer("first"), causal_layer("causal")});
  const std::vector<std::pair<std::string, ConvProblem>> cases = {{"first", first}, {"causal", causal}};
  for (const auto& [name, problem] : cases) {
    const SeededCase data = real_values(problem, 2, 7);
    write_floats(name + ".x.bin", data.input);
    const test::NamedArrays weights = test::named(problem, data.weights);
    write_floats(name + ".dw.bin", weights.depthwise.to_doubles());
    if (problem.has(StageKind::conv)) write_floats(name + ".pw.bin", weights.pointwise.to_doubles());
    write_floats(name + ".b.bin", weights.bias.to_doubles());
  }
  const ProcessResult result = bench({"--io-dir", dir_.path().string()});
  ASSERT_TRUE(result.ok()) << result.output;
  const std::vector<json> answers = lines(result.output);
  ASSERT_EQ(answers.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& [name, problem] = cases[i];
    const std::string path = (dir_.path() / (name + ".sepconv." + kTarget + ".y.bin")).string();
    EXPECT_EQ(answers[i].at("files"), (json{{kTarget, path}}));
    const SeededCase data = real_values(problem, 2, 7);
    const ReferenceOutput expected = reference_with_limits(problem, data.weights, 2, data.input, 1);
    const std::string bytes = read_file(path);
    std::vector<float> floats(bytes.size() / sizeof(float));
    std::memcpy(floats.data(), bytes.data(), floats.size() * sizeof(float));
    ASSERT_EQ(floats.size(), expected.values.size()) << name;
    const std::vector<double> values(floats.begin(), floats.end());
    const Comparison comparison = compare(values, expected.values, expected.limits, DataType::float32);
    EXPECT_TRUE(comparison.ok) << name << ": off by " << comparison.max_error << " at " << comparison.index;
  }
}

TEST_F(BenchCommand, AFileThatDoesNotFitIsThatLayersError) {
  write_suite({layer("one")});
  write_floats("one.x.bin", std::vector<double>(2 * 5 * 6 * 8));
  write_floats("one.dw.bin", std::vector<double>(71));
  const ProcessResult result = bench({"--io-dir", dir_.path().string()});
  EXPECT_EQ(result.code, 1) << result.output;
  const std::vector<json> answers = lines(result.output);
  ASSERT_EQ(answers.size(), 1u) << result.output;
  EXPECT_NE(answers[0].at("error").get<std::string>().find("one.dw.bin: 284 bytes; expected 72 float32 values"),
            std::string::npos)
      << answers[0];
}

TEST_F(BenchCommand, ANameThatLeavesTheFolderIsThatLayersError) {
  json layers = json::array();
  for (const char* name : {"../one", "/one"})
    layers.push_back({{"class_name", "DepthwiseConv2D"},
                      {"input_shape", {nullptr, 5, 6, 8}},
                      {"config", {{"name", name}, {"kernel_size", {3, 3}}}}});
  write_file(suite_, layers.dump());
  const ProcessResult result = bench({"--io-dir", dir_.path().string()});
  EXPECT_EQ(result.code, 1) << result.output;
  const std::vector<json> answers = lines(result.output);
  ASSERT_EQ(answers.size(), 2u) << result.output;
  for (const json& answer : answers)
    EXPECT_NE(answer.at("error").get<std::string>().find("would lie outside the folder"), std::string::npos) << answer;
}

TEST_F(BenchCommand, RefusesWrongSuites) {
  json grouped = layer("one");
  grouped["kind"] = "grouped";
  write_suite({grouped});
  expect_wrong({}, "layer 1 'one': kind: expected one of separable, depthwise, received \"grouped\"");
  write_file(suite_, "[");
  expect_wrong({}, "suite.json: not valid JSON");
  write_file(suite_, std::string(100000, '['));
  expect_wrong({}, "suite.json: JSON nested deeper than");
  std::filesystem::remove(suite_);
  expect_wrong({}, "suite.json: no such file");
}

json keras_layer(const std::string& name, const json& extent) {
  return {{"class_name", "DepthwiseConv2D"},
          {"input_shape", {nullptr, extent, 6, 8}},
          {"config", {{"name", name}, {"kernel_size", 3}}}};
}

TEST_F(BenchCommand, TimesLayersOfKerasWithFixedExtents) {
  write_file(suite_, json::array({keras_layer("one", 5), keras_layer("open", nullptr)}).dump());
  const ProcessResult result = bench({"--only", "one"});
  ASSERT_TRUE(result.ok()) << result.output;
  ASSERT_EQ(lines(result.output).size(), 1u) << result.output;
  EXPECT_GT(lines(result.output)[0].at("ms_median"), 0.0);
  expect_wrong({},
               "suite.json: layer 'open' is 'f32_nhwc_i?x?x8.dw_k3x3_p?x?x?x?.bias'"
               "; only float32 layers with static extents can be timed");
}

/// The problems that `sepconv inspect` plans, and that compile and tune take.
TEST_F(BenchCommand, OtherCommandsReadTheSameSuites) {
  write_suite({layer("one"), causal_layer("two"), first_layer("three")});
  const ProcessResult result = run_process({SEPCONV_PROGRAM, "inspect", suite_, "--json", "--layers", "t*"});
  ASSERT_TRUE(result.ok()) << result.output;
  const json planned = json::parse(result.output).at("layers");
  ASSERT_EQ(planned.size(), 2u);
  EXPECT_EQ(planned[0].at("problem"), "f32_nhwc_i1x9x8.dw_k1x2_d1x3_p0x0x3x0.conv_o16_k1x1.bias.relu");
  EXPECT_EQ(planned[1].at("problem"), "f32_nchw_i5x6x8.dw_k3x3_s2x2_p1x1x0x1_m2.bias.relu6");
  const std::string lock = (dir_.path() / "suite.lock.json").string();
  const std::string cache = (dir_.path() / "tuning_cache").string();
  const ProcessResult tuned = run_process({SEPCONV_PROGRAM, "tune", suite_, "--lock", lock, "--trials", "1",
                                           "--no-halide", "--target", kTarget, "--layers", "two", "--cache", cache});
  ASSERT_TRUE(tuned.ok()) << tuned.output;
  EXPECT_EQ(json::parse(read_file(lock)).at("rows").at(0).at("problem"), planned[0].at("problem"));
  const ProcessResult compiled =
      run_process({SEPCONV_PROGRAM, "compile", suite_, "--lock", lock, "--locked", "--target", kTarget, "--layers",
                   "two", "--cache", cache, "-o", (dir_.path() / "tuned").string()});
  EXPECT_NE(compiled.output.find("1 kernels (1 from the cache)"), std::string::npos) << compiled.output;
}

TEST_F(BenchCommand, RefusesWrongOptions) {
  write_suite({layer("one")});
  expect_wrong({"--only", "("}, "--only: '(' is not a regular expression");
  expect_wrong({"--only", "two"}, "--only: 'two' matches no layer");
  expect_wrong({"--io-dir", (dir_.path() / "nowhere").string()}, "nowhere' is not a folder");
  expect_wrong({"--lock", (dir_.path() / "none.lock.json").string()}, "none.lock.json");
  const ProcessResult foreign = run_process({SEPCONV_PROGRAM, "bench", "--suite", suite_, "--target", "cuda-sm80"});
  EXPECT_EQ(foreign.code, 2);
  EXPECT_NE(foreign.output.find("'cuda-sm80' is not for this machine's kind of CPU"), std::string::npos);
}

}  // namespace
}  // namespace sepconv::test

// `sepconv run`, `verify`, `inspect` and `bench` of whole networks, with the real generator and runner.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "runner/network_reference.h"
#include "runner/npz.h"
#include "runner/seeded.h"
#include "sepconv/plan.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;
using namespace runner;

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kTarget = "x86-64-sse41";  // runs on every x86-64 CPU that builds this

json layer(const char* class_name, const std::string& name, json config, const std::vector<std::string>& inputs = {}) {
  config["name"] = name;
  json calls = json::array(), call = json::array();
  for (const std::string& input : inputs) call.push_back({input, 0, 0, json::object()});
  if (!inputs.empty()) calls.push_back(call);
  return {{"module", "keras.layers"},
          {"class_name", class_name},
          {"name", name},
          {"config", config},
          {"inbound_nodes", calls}};
}

json model(const std::vector<json>& layers, const std::vector<std::string>& inputs,
           const std::vector<std::string>& outputs) {
  const auto ports = [](const std::vector<std::string>& names) {
    json list = json::array();
    for (const std::string& name : names) list.push_back({name, 0, 0});
    return list;
  };
  return {{"class_name", "Functional"},
          {"keras_version", "3.10.0"},
          {"config",
           {{"name", "m"}, {"layers", layers}, {"input_layers", ports(inputs)}, {"output_layers", ports(outputs)}}}};
}

/// a, b -> sum & <mean>: two inputs, two outputs.
json two_by_two() {
  return model({layer("InputLayer", "a", {{"batch_shape", {nullptr, 6, 5, 3}}}),
                layer("InputLayer", "b", {{"batch_shape", {nullptr, 6, 5, 4}}}),
                layer("Conv2D", "conv", {{"filters", 4}, {"kernel_size", {3, 3}}, {"padding", "same"}}, {"a"}),
                layer("Add", "sum & <mean>", json::object(), {"conv", "b"}),
                layer("SeparableConv2D", "sep", {{"filters", 8}, {"kernel_size", {3, 3}}, {"activation", "relu"}},
                      {"sum & <mean>"}),
                layer("GlobalAveragePooling2D", "pool", json::object(), {"sep"})},
               {"a", "b"}, {"sum & <mean>", "pool"});
}

json one_by_one() {
  return model({layer("InputLayer", "image", {{"batch_shape", {nullptr, 6, 5, 3}}}),
                layer("SeparableConv2D", "sep", {{"filters", 8}, {"kernel_size", {3, 3}}}, {"image"}),
                layer("Conv2D", "last", {{"filters", 2}, {"kernel_size", {1, 1}}}, {"sep"})},
               {"image"}, {"last"});
}

class NetworkCommands : public testing::Test {
 protected:
  static ProcessResult sepconv(std::vector<std::string> words) {
    words.insert(words.begin(), SEPCONV_PROGRAM);
    return run_process(words);
  }
  static void expect(const ProcessResult& result, int status, const std::string& text) {
    EXPECT_EQ(result.end, ProcessResult::End::exited);
    EXPECT_EQ(result.code, status) << result.output;
    EXPECT_NE(result.output.find(text), std::string::npos) << "no '" << text << "' in:\n" << result.output;
  }
  std::string path(const std::string& name) const { return (dir_.path() / name).string(); }
  std::string written(const json& document) const {
    write_file(path("m.json"), document.dump());
    return path("m.json");
  }
  ProcessResult verify(const json& document, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"verify", written(document), "--cache", SEPCONV_TEST_CACHE, "--target", kTarget});
    return sepconv(more);
  }
  /// The network, its seeded weights, and values for its inputs.
  struct Example {
    NetworkPlan plan;
    std::vector<NamedWeights> weights;
    PortValues inputs;
  };
  Example example(const json& document, std::int64_t batch) const {
    PlanOptions options;
    options.network = true;
    const Plan plan = plan_file(written(document), options);
    if (!plan.network) throw std::runtime_error(plan.why_no_network);
    Example result{plan.network->plan, {}, {}};
    for (const PlannedLayer& planned : plan.network->layers)
      result.weights.push_back({planned.name, planned.problem, real_values(planned.problem, 1, 1).weights});
    for (const std::int32_t input : result.plan.inputs) {
      const NetworkTensor& tensor = result.plan.tensors[static_cast<std::size_t>(input)];
      result.inputs.push_back(
          real_numbers(batch * elements_of_one(tensor), DataType::float32, static_cast<std::uint64_t>(input)));
    }
    return result;
  }
  static std::int64_t elements_of_one(const NetworkTensor& tensor) {
    std::int64_t elements = tensor.images;
    for (const std::int64_t extent : tensor.shape) elements *= extent;
    return elements;
  }
  /// A library whose weights file has that network: models without weights have none.
  Example library(const json& document) const {
    Example e = example(document, 2);
    const ProcessResult compiled = sepconv({"compile", path("m.json"), "--network", "--shared", "-o", path("out"),
                                            "--target", kTarget, "--cache", SEPCONV_TEST_CACHE});
    EXPECT_TRUE(compiled.ok()) << compiled.output;
    save_weights_file(path("out/m.weights"), {{}, e.plan, e.weights});
    return e;
  }
  ProcessResult run(std::vector<std::string> more) const {
    more.insert(more.begin(), {"run", path("out")});
    return sepconv(more);
  }
  static std::vector<std::int64_t> shape_of(const NetworkTensor& tensor, std::int64_t batch) {
    std::vector<std::int64_t> shape = {batch};
    shape.insert(shape.end(), tensor.shape.begin(), tensor.shape.end());
    return shape;
  }
  static NpyArray array_of(const Example& e, std::int32_t tensor, const std::vector<double>& values, DataType dtype) {
    return npy_from_values(values, shape_of(e.plan.tensors[static_cast<std::size_t>(tensor)], 2), dtype);
  }
  static void expect_close(const NpyArray& actual, const std::vector<double>& expected) {
    const std::vector<double> values = actual.doubles();
    ASSERT_EQ(values.size(), expected.size());
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], expected[i], 1e-5) << i;
  }

  TempDir dir_;
};

TEST_F(NetworkCommands, RunPredictsWithSeveralInputsAndOutputs) {
  const Example e = library(two_by_two());
  write_npy(path("a.npy"), array_of(e, e.plan.inputs[0], e.inputs[0], DataType::float32));
  write_npy(path("b=1.npy"), array_of(e, e.plan.inputs[1], e.inputs[1], DataType::float32));
  const std::string y = path("y.npz");
  expect(run({"--input", "b=" + path("b=1.npy"), "--input", "a=" + path("a.npy"), "--output", y}), 0, "\"batch\":2");
  const NetworkValues expected = network_reference(e.plan, e.weights, 2, e.inputs);
  const std::map<std::string, NpyArray> outputs = read_npz(y);
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_EQ(outputs.at("pool").shape, (std::vector<std::int64_t>{2, 8}));
  expect_close(outputs.at("sum & <mean>"), expected.of(e.plan, e.plan.outputs[0]));
  expect_close(outputs.at("pool"), expected.of(e.plan, e.plan.outputs[1]));
  // The same from one .npz.
  write_npz(path("x.npz"), {{"a", read_npy(path("a.npy"))}, {"b", read_npy(path("b=1.npy"))}});
  expect(run({"--input", path("x.npz"), "--output", path("z.npz"), "--threads", "2"}), 0, path("z.npz"));
  EXPECT_EQ(read_file(path("z.npz")), read_file(y));
}

TEST_F(NetworkCommands, RunRefusesFilesThatDoNotFit) {
  const Example e = library(two_by_two());
  const NpyArray a = array_of(e, e.plan.inputs[0], e.inputs[0], DataType::float32),
                 b = array_of(e, e.plan.inputs[1], e.inputs[1], DataType::float32);
  write_npy(path("a.npy"), a), write_npy(path("b.npy"), b);
  const std::string given_a = "a=" + path("a.npy"), y = path("y.npz");
  expect(run({"--input", path("a.npy"), "--output", y}), 2, "names none of the network's 2 inputs");
  expect(run({"--input", given_a, "--output", y}), 2, "no file for 'b', float32 (None, 6, 5, 4)");
  expect(run({"--input", given_a, "--input", given_a, "--output", y}), 2, "is the second file for 'a'");
  expect(run({"--input", given_a, "--input", "b=" + path("a.npy"), "--output", y}), 2,
         "a.npy: shape (2, 6, 5, 3); expected 'b', float32 (None, 6, 5, 4)");
  expect(run({"--input", given_a, "--input", "b=" + path("b.npy"), "--output", path("y.npy")}), 2,
         "cannot hold the network's 2 outputs; expected a name that ends in .npz");
  write_npz(path("x.npz"), {{"a", a}});
  expect(run({"--input", path("x.npz"), "--output", y}), 2, "x.npz: no array 'b'");
  write_npz(path("x.npz"), {{"a", a}, {"b", array_of(e, e.plan.inputs[1], e.inputs[1], DataType::float64)}});
  expect(run({"--input", path("x.npz"), "--output", y}), 2, "elements of type <f8; expected 'b', float32");
  write_npz(path("x.npz"), {{"a", a}, {"b", b}, {"c", a}});
  expect(run({"--input", path("x.npz"), "--output", y}), 2, "no input is named 'c'");
  std::vector<double> one(e.inputs[1].begin(), e.inputs[1].begin() + 120);
  write_npy(path("b.npy"), npy_from_values(one, {1, 6, 5, 4}, DataType::float32));
  expect(run({"--input", given_a, "--input", "b=" + path("b.npy"), "--output", y}), 2, "has a batch of 1");
  EXPECT_FALSE(fs::exists(y));
}

TEST_F(NetworkCommands, VerifyChecksLayersAndThenTheNetwork) {
  const ProcessResult both = verify(two_by_two());
  expect(both, 0, "holds no weights; using seeded ones");
  expect(both, 0, "ok     sep");
  expect(both, 0, "ok     network");
  expect(both, 0, "3 ok, 0 failed");
  const ProcessResult alone = verify(two_by_two(), {"--network"});
  expect(alone, 0, "3 steps, output '");
  expect(alone, 0, "1 ok, 0 failed");
  expect(verify(two_by_two(), {"--only", "^sep$"}), 0, "1 ok, 0 failed");
  expect(verify(two_by_two(), {"--from", "sep", "--to", "sep"}), 0, "1 step, output 'sep'");
}

TEST_F(NetworkCommands, VerifySaysWhyThereIsNoNetwork) {
  json open = one_by_one();
  open["config"]["layers"][0]["config"]["batch_shape"] = {nullptr, nullptr, nullptr, 3};
  const ProcessResult result = verify(open, {"--network"});
  expect(result, 1, "no network: ");
  expect(verify(open), 0, "no network: ");
  expect(sepconv({"verify", SEPCONV_TEST_DATA "/goldens", "--network"}), 2, "is a folder of cases; expected a model");
}

TEST_F(NetworkCommands, VerifyComparesWithGivenOutputs) {
  const Example e = example(one_by_one(), 2);
  const std::vector<double> last = network_reference(e.plan, e.weights, 2, e.inputs).of(e.plan, e.plan.outputs[0]);
  const NpyArray x = array_of(e, e.plan.inputs[0], e.inputs[0], DataType::float32),
                 y = array_of(e, e.plan.outputs[0], last, DataType::float64);
  const auto with = [&](const std::map<std::string, NpyArray>& arrays) {
    write_npz(path("io.npz"), arrays);
    return verify(one_by_one(), {"--io", path("io.npz")});
  };
  expect(with({{"x", x}, {"y", y}}), 0, "1 ok, 0 failed");
  expect(with({{"image", x}, {"last", y}}), 0, "1 ok, 0 failed");
  expect(with({{"image", x}, {"first", y}}), 2,
         "no array 'last' or 'y'; expected one for 'last', float32 (None, 4, 3, 2)");
  expect(with({{"image", x}, {"y", y}, {"z", y}}), 2, "no input or output is named 'z'");
  expect(with({{"image", y}, {"last", y}}), 2, "elements of type <f8; expected 'image', float32 (None, 6, 5, 3)");
  expect(with({{"image", x}, {"last", x}}), 2, "shape (2, 6, 5, 3); expected 'last'");
  std::vector<double> wrong = last;
  wrong[7] += 1e-2;
  const ProcessResult miss = with({{"x", x}, {"y", array_of(e, e.plan.outputs[0], wrong, DataType::float32)}});
  expect(miss, 1, "MISS   network");
  expect(miss, 1, "all steps compute what the model says; the given outputs are others");
}

/// The client against a runner made of a shell script.
TEST_F(NetworkCommands, VerifyNamesTheStepThatCrashes) {
  // MODE LIBRARY WEIGHTS --report FILE
  write_file(path("runner.sh"),
             "echo '{\"name\":\"network\",\"step\":\"sep\",\"status\":\"started\"}' > \"$5\"\nkill -SEGV $$\n");
  const std::string runner = "sh " + path("runner.sh");
  expect(verify(one_by_one(), {"--network", "--runner", runner}), 1, "in step 'sep': the kernel's process: ");
  write_file(path("runner.sh"), "echo 'sepconv-runner: out of paper' >&2\nexit 3\n");
  expect(verify(one_by_one(), {"--network", "--runner", runner}), 3, "out of paper");
  write_file(
      path("runner.sh"),
      "echo '{\"status\":\"miss\",\"step\":\"sep\",\"step_number\":0,\"step_own\":true,\"steps\":2,\"max_error\":1,"
      "\"limit\":0.5,\"output\":\"last\",\"largest\":2}' > \"$5\"\nexit 1\n");
  expect(verify(one_by_one(), {"--network", "--runner", runner}), 1, "step 1 of 2, 'sep', departs first");
}

TEST_F(NetworkCommands, InspectShowsStepsAndMemory) {
  const std::string m = written(two_by_two());
  const ProcessResult text = sepconv({"inspect", m, "--network", "--svg", path("memory.svg")});
  expect(text, 0, "dw 3x3, conv 1x1 bias+relu");
  expect(text, 0, "conv 3x3 bias+add");
  expect(text, 0, "the most that live at once: ");
  expect(text, 0, "3 steps: ");
  const std::string svg = read_file(path("memory.svg"));
  EXPECT_NE(svg.find("<title>sep: 4x3x8, 384 bytes at 0, steps 2 to 3</title>"), std::string::npos) << svg;
  EXPECT_NE(svg.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_EQ(svg.find("<script"), std::string::npos);
  const ProcessResult parsed =
      run_process({"python3", "-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])", path("memory.svg")});
  EXPECT_TRUE(parsed.ok()) << parsed.output;
  const ProcessResult as_json = sepconv({"inspect", m, "--network", "--json"});
  const json document = json::parse(as_json.output, nullptr, false);
  ASSERT_FALSE(document.is_discarded()) << as_json.output;
  const json& network = document.at("network");
  EXPECT_EQ(network.at("inputs"), (json{"a", "b"}));
  EXPECT_EQ(network.at("steps").size(), 3u);
  EXPECT_EQ(network.at("steps")[0].at("operands"), (json{"b"}));
  EXPECT_EQ(network.at("steps")[0].at("flops"), 2.0 * 30 * 27 * 4);
  EXPECT_EQ(network.at("tensor_bytes"), 384);
  EXPECT_EQ(network.at("largest_live_bytes"), 384);
}

TEST_F(NetworkCommands, InspectDrawsNamesThatAreMarkup) {
  json document = one_by_one();
  const std::string name = "<b>&\"'\xc3\xa4";
  document["config"]["layers"][1]["name"] = document["config"]["layers"][1]["config"]["name"] = name;
  document["config"]["layers"][2]["inbound_nodes"][0][0][0] = name;
  const ProcessResult text = sepconv({"inspect", written(document), "--network", "--svg", path("memory.svg")});
  ASSERT_TRUE(text.ok()) << text.output;
  EXPECT_NE(read_file(path("memory.svg")).find("<title>&lt;b&gt;&amp;&quot;&#39;\xc3\xa4: "), std::string::npos);
  const ProcessResult parsed =
      run_process({"python3", "-c", "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])", path("memory.svg")});
  EXPECT_TRUE(parsed.ok()) << parsed.output;
}

TEST_F(NetworkCommands, InspectSaysWhyThereIsNoNetwork) {
  json open = one_by_one();
  open["config"]["layers"][0]["config"]["batch_shape"] = {nullptr, nullptr, nullptr, 3};
  expect(sepconv({"inspect", written(open), "--network"}), 1, "no network: ");
  const json document = json::parse(sepconv({"inspect", path("m.json"), "--network", "--json"}).output);
  EXPECT_TRUE(document.at("network").is_null());
  EXPECT_FALSE(document.at("why").get<std::string>().empty());
  expect(sepconv({"inspect", path("m.json"), "--svg", path("memory.svg")}), 2, "--network");
}

TEST_F(NetworkCommands, BenchShowsWhereTheTimeGoes) {
  const std::vector<std::string> command = {"bench",    "--network", written(two_by_two()),
                                            "--target", kTarget,     "--seconds",
                                            "0.01",     "--cache",   SEPCONV_TEST_CACHE};
  const ProcessResult text = sepconv(command);
  expect(text, 0, "sum of the steps ");
  expect(text, 0, "slowest: ");
  expect(text, 0, "dw 3x3, conv 1x1 bias+relu");
  std::vector<std::string> more = command;
  more.insert(more.end(), {"--json", "--threads", "2", "--batch", "3"});
  const std::string output = sepconv(more).output;
  const json document = json::parse(output.substr(std::min(output.find("{\n"), output.size())), nullptr, false);
  ASSERT_FALSE(document.is_discarded()) << output;
  EXPECT_EQ(document.at("steps").size(), 3u);
  EXPECT_EQ(document.at("batch"), 3);
  EXPECT_EQ(document.at("target"), kTarget);
  EXPECT_GT(document.at("us_median"), 0.0);
  EXPECT_GE(document.at("rounds"), 5);
  double share = 0;
  for (const json& step : document.at("steps")) share += step.at("share").get<double>();
  EXPECT_NEAR(share, 1, 1e-9);
  EXPECT_EQ(document.at("slowest").size(), 3u);
}

TEST_F(NetworkCommands, BenchRefusesWrongUse) {
  json open = one_by_one();
  open["config"]["layers"][0]["config"]["batch_shape"] = {nullptr, nullptr, nullptr, 3};
  expect(sepconv({"bench", "--network", written(open)}), 1, "no network: ");
  expect(sepconv({"bench"}), 2, "expected --suite FILE, for layers, or --network MODEL");
  expect(sepconv({"bench", "--suite", path("m.json"), "--network", path("m.json")}), 2, "excludes");
  expect(sepconv({"bench", "--suite", path("m.json"), "--batch", "2"}), 2, "--network");
}

}  // namespace
}  // namespace sepconv::test

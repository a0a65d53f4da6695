// Libraries with a network: their header, their weights, and a program in C that calls it.

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "generators/compile/files.h"
#include "generators/compile/network_targets.h"
#include "generators/compile/process.h"
#include "runtime/core/memory_plan.h"
#include "sepconv/weights_file.h"
#include "tests/compile/compile_fixture.h"
#include "tests/runtime/network_plans.h"

namespace sepconv::test {

using namespace generators;

namespace {

/// A chain of two 1x1 convolutions, next to the layers of the small plan.
Plan network_plan() {
  Plan plan = small_plan();
  NetworkBuilder b = chain(6, 5, {4, 8, 3});
  detail::plan_memory(b.plan);
  PlannedNetwork network{b.plan, {}};
  for (const NetworkStep& step : b.plan.steps) {
    PlannedLayer planned;
    planned.name = step.layer;
    planned.problem = step.problem;
    planned.weights = ConvWeights{std::vector<float>(elements_of(weights_of(step.problem)[0]), 0.1f)};
    planned.has_weights = true;
    network.layers.push_back(planned);
  }
  plan.network = network;
  return plan;
}

class NetworkLibrary : public CompileLibrary {
 protected:
  NetworkLibrary() { options_.targets = {"x86-64-avx2", "x86-64-sse41"}; }

  std::string path(const std::string& name) const { return (options_.output_dir / name).string(); }

  /// Runs the compiler in the library's folder with these words.
  void run_compiler(const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {TEST_CXX};
    std::istringstream flags(TEST_CXX_FLAGS);
    for (std::string flag; flags >> flag;) argv.push_back(flag);
    argv.insert(argv.end(), words.begin(), words.end());
    const ProcessResult result = run_process(argv);
    ASSERT_TRUE(result.ok()) << result.output;
  }
  std::string refusal(const Plan& plan) const {
    try {
      compile_library(plan, options_);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(NetworkLibrary, HasTheKernelsOfItsLayersAndOfItsNetwork) {
  const CompileResult result = compile_library(network_plan(), options_);
  EXPECT_EQ(result.kernels.size(), 2 * 4u);
  EXPECT_EQ(output_files(), (std::set<std::string>{"libsmall.a", "small.h", "small.weights", "small.lock.json",
                                                   "smallConfig.cmake", "small_predict.h", "small_predict.cpp"}));
  const WeightsFile weights = load_weights_file(path("small.weights"));
  EXPECT_EQ(weights.layers.size(), 3u);
  EXPECT_EQ(weights.network_layers.size(), 2u);
  ASSERT_TRUE(weights.network);
  EXPECT_EQ(to_text(*weights.network), to_text(network_plan().network->plan));
  EXPECT_TRUE(compile_library(network_plan(), options_).written.empty()) << "the same plan gives the same bytes";
}

TEST_F(NetworkLibrary, ANetworkAloneIsALibrary) {
  Plan plan = network_plan();
  plan.layers.clear();
  EXPECT_EQ(compile_library(plan, options_).kernels.size(), 2 * 2u);
  write_file(path("user.cpp"), "#include \"small.h\"\n#include \"small.h\"\n");
  run_compiler({"-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", RUNTIME_INCLUDE_DIR,
                path("user.cpp")});
}

/// The network alone, whose last step ends with an activation along an axis.
Plan plan_with(ActivationKind last) {
  Plan plan = network_plan();
  plan.layers.clear();
  for (ConvProblem* problem : {&plan.network->layers[1].problem, &plan.network->plan.steps[1].problem})
    set_activation(problem->stages.back().epilogue, default_activation(last));
  return plan;
}

std::vector<std::string> kernel_texts(const Plan& plan, const std::vector<std::string>& targets) {
  PlannedKernelOptions options;
  options.library = "small";
  options.targets = targets;
  std::vector<std::string> texts;
  for (const PlannedKernel& kernel : plan_kernels(plan, options))
    texts.push_back(kernel.target.name + " " + to_text(kernel.problem));
  return texts;
}

TEST_F(NetworkLibrary, GpusGetAKernelOfEachStepAndOfItsSoftmax) {
  Plan plan = plan_with(ActivationKind::softmax);
  skip_layers_without_schedule(plan, {"cuda-sm80"}, 1, nullptr);
  ASSERT_TRUE(plan.network) << plan.why_no_network;
  const std::vector<std::string> both = kernel_texts(plan, {"x86-64-avx2", "cuda-sm80"});
  EXPECT_EQ(both.size(), 2 * 2u + 1);
  EXPECT_EQ(std::count(both.begin(), both.end(), "cuda-sm80 f32_nhwc_i30x1x3.copy_k1x1.softmax"), 1);
  EXPECT_EQ(kernel_texts(plan, {"cuda-sm80"}).size(), 3u);
}

TEST_F(NetworkLibrary, AStepThatGpusLackLeavesTheNetworkToCpus) {
  Plan plan = plan_with(ActivationKind::sparsemax);
  const std::vector<std::string> targets = {"x86-64-avx2", "opencl"};
  skip_layers_without_schedule(plan, targets, 1, nullptr);
  ASSERT_TRUE(plan.network);
  EXPECT_EQ(kernel_texts(plan, targets).size(), 2u);
  const std::vector<std::string> lines = network_refusals(*plan.network, targets, 1, nullptr).lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0],
            "no network on opencl: layer 'conv_2': there is no GPU kernel of sparsemax; end the network before it with "
            "--to LAYER, or name a CPU target");
  skip_layers_without_schedule(plan, {"opencl"}, 1, nullptr);
  EXPECT_FALSE(plan.network);
  EXPECT_EQ(plan.why_no_network.find("on opencl: layer 'conv_2': there is no GPU kernel of sparsemax"), 0u)
      << plan.why_no_network;

  Plan in_double = network_plan();
  for (NetworkStep& step : in_double.network->plan.steps) step.problem.dtype = DataType::float64;
  skip_layers_without_schedule(in_double, {"opencl"}, 1, nullptr);
  EXPECT_EQ(in_double.why_no_network, "on opencl: layer 'conv_1': there are no kernels for f64");
}

TEST_F(NetworkLibrary, AStepWithoutKernelRemovesTheNetwork) {
  Plan plan = network_plan();
  plan.network->layers[1].problem.stages[0].epilogue = {{EpilogueKind::prelu, {}, Broadcast::none}};
  plan.network->layers[1].problem.stages.insert(plan.network->layers[1].problem.stages.begin(), 3,
                                                plan.network->layers[1].problem.stages[0]);
  plan.network->plan.steps[1].problem = plan.network->layers[1].problem;
  skip_layers_without_schedule(plan, options_.targets, 1, nullptr);
  EXPECT_FALSE(plan.network);
  EXPECT_EQ(plan.why_no_network.find("layer 'conv_2': "), 0u) << plan.why_no_network;
  EXPECT_EQ(plan.layers.size(), 3u);
}

TEST_F(NetworkLibrary, HeaderIsPlainDataForStaticAsserts) {
  compile_library(network_plan(), options_);
  write_file(path("user.cpp"), R"(
#include <small.h>
static_assert(sizeof small::inputs / sizeof small::inputs[0] == 1, "one input");
static_assert(small::inputs[0].rank == 4 && small::inputs[0].extents[2] == 4 && small::inputs[0].elements == 120, "");
static_assert(small::outputs[0].extents[0] == 6 && small::outputs[0].dtype == sepconv::DataType::float32, "");
static_assert(small::workspace_bytes == small::workspace_bytes_for(1, 1), "");
static_assert(small::workspace_bytes_for(3, 2) > 3 * 960 && small::workspace_bytes < 10000, "");
alignas(64) static unsigned char workspace[small::workspace_bytes];
const void* use() { return small::network().weights == nullptr ? workspace : nullptr; }
)");
  run_compiler({"-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", RUNTIME_INCLUDE_DIR,
                "-I", options_.output_dir.string(), path("user.cpp")});
  EXPECT_EQ(output("small.h").find("<sepconv/network.h>"), std::string::npos);
}

TEST_F(NetworkLibrary, WeightsAreEmbedded) {
  options_.embed = true;
  compile_library(network_plan(), options_);
  const ProcessResult nm = run_process({"nm", path("libsmall.a")});
  EXPECT_NE(nm.output.find(" R sepconv_weights_small\n"), std::string::npos) << nm.output;
  EXPECT_EQ(nm.output.find("_binary_"), std::string::npos) << nm.output;
  const std::string weights = output("small.weights");
  EXPECT_NE(output("libsmall.a").find(weights), std::string::npos);
  const ProcessResult sections = run_process({"readelf", "-SW", path("libsmall.a")});
  EXPECT_NE(sections.output.find(".rodata.sepconv_weights"), std::string::npos) << sections.output;
  EXPECT_NE(output("small.h").find("::sepconv_weights_small"), std::string::npos);

  Plan plan = network_plan();
  plan.network->layers[1].has_weights = false;
  EXPECT_NE(refusal(plan).find("layer 'conv_2' of the network has no weights"), std::string::npos);
  plan.network.reset();
  plan.why_no_network = "layer 'x': because";
  EXPECT_NE(refusal(plan).find("no network: layer 'x': because"), std::string::npos);
  options_.shared = true;
  EXPECT_NE(refusal(network_plan()).find("leave out --shared"), std::string::npos);
}

TEST_F(NetworkLibrary, NetworksOfArmAndSharedLibraries) {
  options_.embed = true;
  options_.targets = {"arm-64-osx"};
  EXPECT_NE(refusal(network_plan()).find("not for macOS"), std::string::npos);
  options_.embed = false;
  options_.targets = {"x86-64-avx2"};
  options_.shared = true;
  compile_library(network_plan(), options_);
  run_compiler({"-std=c++17", "-fsyntax-only", "-x", "c++", "-I", RUNTIME_INCLUDE_DIR, path("small.h")});
}

TEST_F(NetworkLibrary, SixteenBitWeights) {
  compile_library(network_plan(), options_);
  const std::size_t plain = output("small.weights").size();
  options_.weights_dtype = DataType::bfloat16;
  compile_library(network_plan(), options_);
  EXPECT_LT(output("small.weights").size(), plain);
  EXPECT_EQ(load_weights_file(path("small.weights")).network_layers[0].weights.arrays[0][0],
            round_to(DataType::bfloat16, 0.1f));
  options_.weights_dtype = DataType::float16;
  Plan plan = network_plan();
  plan.network->layers[0].weights.arrays[0].set(0, 1e9);
  EXPECT_NE(refusal(plan).find("beyond the range of float16"), std::string::npos);
}

TEST_F(NetworkLibrary, WithoutWeightsTheFileHasNoNetwork) {
  Plan plan = network_plan();
  plan.network->layers[0].has_weights = false;
  plan.network->layers[0].weights = {};
  compile_library(plan, options_);
  EXPECT_FALSE(load_weights_file(path("small.weights")).network);
  EXPECT_NE(output("small.h").find("network()"), std::string::npos);
}

constexpr const char* kProgram = R"(
#include "small_predict.h"

#include <stdio.h>
#include <string.h>

static float input[2 * SMALL_INPUT_0_ELEMENTS], output[2 * SMALL_OUTPUT_0_ELEMENTS];
static char workspace[SMALL_WORKSPACE_BYTES];

int main(int argc, char** argv) {
  (void)argc;
  if (strcmp(SMALL_INPUT_0_NAME, "image") != 0 || SMALL_INPUT_COUNT != 1 || SMALL_OUTPUT_COUNT != 1) return 2;
  if (small_predict_error()[0] != 0) return 3;
  if (LOADS) {
    if (small_predict(input, output, 1, NULL, 0) == 0) return 4;
    if (strstr(small_predict_error(), "has not been called") == NULL) return 5;
    if (small_predict_load("missing.weights") == 0 || strstr(small_predict_error(), "missing.weights") == NULL) return 6;
    if (small_predict_load(argv[1]) != 0) return 7;
  }
  if (small_predict(input, output, 1, workspace, sizeof workspace) != 0) { puts(small_predict_error()); return 8; }
  if (small_predict(input, output, 2, NULL, 0) != 0) return 9;
  if (small_predict_workspace_bytes(1) != sizeof workspace || small_predict_workspace_bytes(0) > sizeof workspace) return 10;
  if (small_predict(input, output, 2, workspace, sizeof workspace) == 0) return 11;
  if (strstr(small_predict_error(), "workspace") == NULL) return 12;
  if (small_predict(NULL, output, 1, workspace, sizeof workspace) == 0) return 13;
  return 0;
}
)";

TEST_F(NetworkLibrary, IsCalledFromC) {
  options_.targets = {"x86-64-sse41"};
  for (const bool embed : {false, true}) {
    options_.embed = embed;
    compile_library(network_plan(), options_);
    const std::string folder = options_.output_dir.string();
    write_file(path("main.c"), kProgram);
    run_compiler({"-x", "c", "-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", embed ? "-DLOADS=0" : "-DLOADS=1",
                  "-I", folder, "-c", path("main.c"), "-o", path("main.o")});
    run_compiler({"-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", RUNTIME_INCLUDE_DIR, "-I", folder,
                  "-c", path("small_predict.cpp"), "-o", path("predict.o")});
    std::vector<std::string> link = {path("main.o"), path("predict.o"), path("libsmall.a")};
    std::istringstream libraries(TEST_RUNTIME_LIBRARIES);
    for (std::string library; libraries >> library;) link.push_back(library);
    link.insert(link.end(), {"-o", path("program")});
    run_compiler(link);
    const ProcessResult result = run_process({path("program"), path("small.weights")});
    EXPECT_TRUE(result.ok()) << embed << ": " << result.code << result.output;
  }
}

TEST_F(NetworkLibrary, SeveralTensorsArePassedAsArrays) {
  Plan plan = network_plan();
  plan.network->plan.outputs.insert(plan.network->plan.outputs.begin(), 1);
  detail::plan_memory(plan.network->plan);
  compile_library(plan, options_);
  const std::string header = output("small_predict.h");
  EXPECT_NE(header.find("const float* const* inputs, float* const* outputs, size_t batch"), std::string::npos)
      << header;
  EXPECT_NE(header.find("#define SMALL_OUTPUT_1_ELEMENTS 90 /* 6 x 5 x 3 of float32 */"), std::string::npos) << header;
  run_compiler({"-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", RUNTIME_INCLUDE_DIR,
                "-I", options_.output_dir.string(), path("small_predict.cpp")});
}

}  // namespace
}  // namespace sepconv::test

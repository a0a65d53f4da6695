// --input-shape and --layer-shape, on every command that reads a model.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

constexpr const char* kModel = R"({"class_name": "Functional", "config": {"name": "m", "layers": [
  {"class_name": "InputLayer", "name": "left", "config": {"name": "left", "batch_input_shape": [null, null, null, 8]},
   "inbound_nodes": []},
  {"class_name": "InputLayer", "name": "right", "config": {"name": "right", "batch_input_shape": [null, null, null, 8]},
   "inbound_nodes": []},
  {"class_name": "Lambda", "name": "own", "config": {"name": "own"}, "inbound_nodes": [[["left", 0, 0, {}]]]},
  {"class_name": "DepthwiseConv2D", "name": "a", "config": {"name": "a", "kernel_size": [3, 3], "padding": "same"},
   "inbound_nodes": [[["own", 0, 0, {}]]]},
  {"class_name": "DepthwiseConv2D", "name": "b=1", "config": {"name": "b=1", "kernel_size": [3, 3]},
   "inbound_nodes": [[["right", 0, 0, {}]]]}],
  "input_layers": [["left", 0, 0], ["right", 0, 0]], "output_layers": [["a", 0, 0], ["b=1", 0, 0]]}})";

class ShapeOptions : public testing::Test {
 protected:
  ShapeOptions() { write_file(file_, kModel); }

  ProcessResult run(const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {SEPCONV_PROGRAM};
    argv.insert(argv.end(), words.begin(), words.end());
    return run_process(argv);
  }

  TempDir dir_;
  std::string file_ = (dir_.path() / "model.json").string();
};

TEST_F(ShapeOptions, GiveTheShapesOfInputsAndLayersByName) {
  const ProcessResult open = run({"inspect", file_});
  ASSERT_TRUE(open.ok()) << open.output;
  EXPECT_NE(open.output.find("a (DepthwiseConv2D): input shape unknown after Lambda 'own'; pass --layer-shape "
                             "a=HxWxC"),
            std::string::npos)
      << open.output;
  const ProcessResult given = run({"inspect", "--input-shape", "right=9x8x8", "--layer-shape", "a=5x?x3",
                                   "--layer-shape", "b=1=9x8x8", file_, "--json"});
  ASSERT_TRUE(given.ok()) << given.output;
  const nlohmann::json layers = nlohmann::json::parse(given.output).at("layers");
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_NE(layers[0].at("problem").get<std::string>().find("i?x?x3"), std::string::npos);
  EXPECT_NE(layers[1].at("problem").get<std::string>().find("i9x8x8"), std::string::npos);
}

TEST_F(ShapeOptions, ThatNameNothingAreRefused) {
  const auto refused = [&](const std::vector<std::string>& words, const std::string& part) {
    std::vector<std::string> all = {"inspect", file_};
    all.insert(all.end(), words.begin(), words.end());
    const ProcessResult result = run(all);
    EXPECT_EQ(result.code, 2) << result.output;
    EXPECT_NE(result.output.find(part), std::string::npos) << result.output;
  };
  refused({"--input-shape", "rigt=9x8x8"}, "the model has no input 'rigt'; did you mean 'right'?");
  refused({"--layer-shape", "c=9x8x8"}, "the model has no layer 'c'; there are 'own', 'a', 'b=1'");
  refused({"--layer-shape", "elsewhere=9x8x8"}, "the model has no layer 'elsewhere'; there are 'own', 'a', 'b=1'");
  refused({"--layer-shape", "9x8x8"}, "--layer-shape: '9x8x8'; expected NAME=HxWxC");
  refused({"--input-shape", "9x8x8", "--input-shape", "7x7x8"}, "'7x7x8' is the second shape without a name");
  refused({"--layer-shape", "a=9xx8"}, "--layer-shape: '9xx8'; expected HxWxC");
}

TEST_F(ShapeOptions, StandOnEveryCommandThatReadsAModel) {
  for (const char* command : {"inspect", "compile", "verify", "tune", "bench", "report", "save-weights"}) {
    const ProcessResult help = run({command, "--help"});
    for (const char* option : {"--input-shape", "--layer-shape"})
      EXPECT_NE(help.output.find(option), std::string::npos) << command << "\n" << help.output;
  }
}

}  // namespace
}  // namespace sepconv::test

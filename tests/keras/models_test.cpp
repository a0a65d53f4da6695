// Plans of whole models that Keras wrote, in each form.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_weights.h"
#include "runtime/keras/model_graph.h"
#include "sepconv/plan.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

Plan plan_of(const std::string& file, const PlanOptions& options = {}) { return plan_file(data_path(file), options); }

PlannedLayer find(const Plan& plan, const std::string& name) {
  for (const PlannedLayer& layer : plan.layers)
    if (layer.name == name) return layer;
  throw std::runtime_error("no planned layer " + name);
}

struct Expected {
  const char* file;
  std::size_t layers, skipped;
  bool has_weights;
};

class ModelFiles : public testing::TestWithParam<Expected> {};

TEST_P(ModelFiles, PlanEveryConvolutionOrSayWhyNot) {
  const Expected& expected = GetParam();
  const Plan plan = plan_of(expected.file);
  EXPECT_EQ(plan.layers.size(), expected.layers);
  EXPECT_EQ(plan.skipped.size(), expected.skipped);
  std::set<std::string> names;
  for (const PlannedLayer& layer : plan.layers) {
    EXPECT_TRUE(names.insert(layer.name).second) << layer.name;
    EXPECT_EQ(layer.has_weights, expected.has_weights);
    EXPECT_NO_THROW(validate(layer.problem));
    if (layer.has_weights) {
      EXPECT_NO_THROW(validate(layer.weights, layer.problem));
    }
    EXPECT_EQ(layer.weights.arrays.empty(), !layer.has_weights);
  }
  for (const SkippedLayer& layer : plan.skipped) EXPECT_FALSE(layer.reason.empty());
}

INSTANTIATE_TEST_SUITE_P(AllForms, ModelFiles,
                         testing::Values(Expected{"mobilenet_v1_025_96.keras", 15, 0, true},
                                         Expected{"xception_mini.keras", 19, 0, true},
                                         Expected{"xception_mini.h5", 19, 0, true}, Expected{"kws1d.keras", 7, 0, true},
                                         Expected{"kws1d.json", 7, 0, false}, Expected{"tcn_causal.keras", 7, 0, true},
                                         Expected{"tcn_causal.h5", 7, 0, true},
                                         Expected{"tcn_causal.json", 7, 0, false},
                                         Expected{"tiny_bf16.keras", 2, 0, true}, Expected{"nested.keras", 4, 0, true},
                                         Expected{"nested.h5", 4, 0, true}, Expected{"grouped.keras", 3, 1, true},
                                         Expected{"grouped.h5", 3, 1, true}, Expected{"timed.keras", 5, 0, true},
                                         Expected{"timed_tfkeras.keras", 5, 0, true}),
                         [](const auto& test) {
                           std::string name = test.param.file;
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

class SameModel : public testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(SameModel, HasTheSamePlanInEachForm) {
  const Plan a = plan_of(GetParam().first), b = plan_of(GetParam().second);
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    SCOPED_TRACE(a.layers[i].name);
    EXPECT_EQ(a.layers[i].name, b.layers[i].name);
    EXPECT_EQ(a.layers[i].absorbed, b.layers[i].absorbed);
    EXPECT_EQ(to_text(a.layers[i].problem), to_text(b.layers[i].problem));
    if (!b.layers[i].has_weights) continue;
    EXPECT_EQ(a.layers[i].weights.arrays, b.layers[i].weights.arrays);
  }
  ASSERT_EQ(a.skipped.size(), b.skipped.size());
  for (std::size_t i = 0; i < a.skipped.size(); ++i) EXPECT_EQ(a.skipped[i].reason, b.skipped[i].reason);
}

INSTANTIATE_TEST_SUITE_P(Forms, SameModel,
                         testing::Values(std::pair{"xception_mini.keras", "xception_mini.h5"},
                                         std::pair{"tcn_causal.keras", "tcn_causal.h5"},
                                         std::pair{"tcn_causal.keras", "tcn_causal.json"},
                                         std::pair{"kws1d.keras", "kws1d.json"}, std::pair{"nested.keras", "nested.h5"},
                                         std::pair{"grouped.keras", "grouped.h5"}, std::pair{"timed.keras", "timed.h5"},
                                         std::pair{"timed_tfkeras.keras", "timed_tfkeras.h5"}));

/// "ReLU:6.0", "Activation:relu" or "BatchNormalization", as models.json names what follows a convolution.
std::string follower_name(const ModelLayer& layer) {
  if (layer.class_name == "Activation") return "Activation:" + member(layer.config(), "activation").get<std::string>();
  if (layer.class_name == "ReLU") return "ReLU:" + member(layer.config(), "max_value").dump();
  if (layer.class_name == "LeakyReLU") return "LeakyReLU:None";
  return layer.class_name;
}

TEST(ModelsJson, ListsTheChainsThatThePlannerFolds) {
  const json models = parse_json(read_file(data_path("models.json")), "models.json");
  std::size_t compared = 0;
  for (const json& model : models["models"]) {
    const std::string file = model["files"][0];
    SCOPED_TRACE(file);
    const ModelDocument document = read_document(data_path(file));
    std::map<std::string, ModelLayer> layers;
    for (const ModelLayer& layer : build_graph(document, {}).layers) layers[layer.name] = layer;
    // Without joins each convolution has its own chain.
    const Plan plan = plan_of(file, {{}, true, false});
    for (const json& row : model["conv_layers"]) {
      const std::string name = row["name"];
      SCOPED_TRACE(name);
      const auto planned =
          std::find_if(plan.layers.begin(), plan.layers.end(), [&](const auto& layer) { return layer.name == name; });
      if (planned == plan.layers.end()) {
        EXPECT_TRUE(std::any_of(plan.skipped.begin(), plan.skipped.end(),
                                [&](const SkippedLayer& layer) { return layer.name == name; }));
        continue;
      }
      // What follows can be folded while the convolution's own activation is linear.
      std::vector<std::string> wanted;
      if (row["activation"] == "linear") wanted = row["then"].get<std::vector<std::string>>();
      std::vector<std::string> folded;
      bool after = false;
      for (const std::string& absorbed : planned->absorbed) {
        if (after) folded.push_back(follower_name(layers.at(absorbed)));
        after = after || absorbed == name;
      }
      EXPECT_EQ(folded, wanted);
      const std::vector<std::int64_t> output = row["output_shape"];
      EXPECT_EQ(planned->problem.OC(), output.back());
      EXPECT_EQ(planned->problem.OW(), output[output.size() - 2]);
      ++compared;
    }
  }
  EXPECT_GT(compared, 50u);
}

TEST(Mobilenet, JoinsWholeBlocks) {
  const PlannedLayer block = find(plan_of("mobilenet_v1_025_96.keras"), "conv_dw_4");
  EXPECT_EQ(to_text(block.problem), "f32_nhwc_i24x24x32.dw_k3x3_s2x2_p0x1x0x1.bias.relu6.conv_o64_k1x1.bias.relu6");
  EXPECT_EQ(block.absorbed, (std::vector<std::string>{"conv_pad_4", "conv_dw_4", "conv_dw_4_bn", "conv_dw_4_relu",
                                                      "conv_pw_4", "conv_pw_4_bn", "conv_pw_4_relu"}));
  EXPECT_EQ(block.padding, "valid");
  EXPECT_EQ(block.zero_padding, (std::array<std::int32_t, 4>{0, 1, 0, 1}));
}

TEST(Mobilenet, WithoutFoldsOrJoinsEachLayerStandsAlone) {
  const Plan plan = plan_of("mobilenet_v1_025_96.keras", {{}, false, false});
  EXPECT_EQ(plan.layers.size(), 28u);
  const PlannedLayer layer = find(plan, "conv_dw_4");
  EXPECT_EQ(to_text(layer.problem), "f32_nhwc_i25x25x32.dw_k3x3_s2x2");
  EXPECT_EQ(layer.absorbed, std::vector<std::string>{"conv_dw_4"});
}

TEST(Mobilenet, FoldsWhatFollowsTheFirstConvolution) {
  const PlannedLayer layer = find(plan_of("mobilenet_v1_025_96.keras"), "conv1");
  EXPECT_EQ(to_text(layer.problem), "f32_nhwc_i96x96x3.conv_o8_k3x3_s2x2_p0x1x0x1.bias.relu6");
  EXPECT_EQ(layer.absorbed, (std::vector<std::string>{"conv1", "conv1_bn", "conv1_relu"}));
}

TEST(TcnCausal, FollowsTheRulesOfTheKerasThatWroteIt) {
  const Plan plan = plan_of("tcn_causal.h5");
  EXPECT_EQ(to_text(find(plan, "down").problem),
            "f32_nhwc_i1x64x32.dw_k1x2_s1x2_p0x0x1x0.conv_o24_k1x1.bias.hard_sigmoid_keras2");
  EXPECT_FLOAT_EQ(static_cast<float>(activation_of(find(plan, "dw").problem.stages.back().epilogue).negative_slope),
                  0.3f);
  EXPECT_EQ(find(plan, "c4").padding, "causal");
}

TEST(TinyBf16, ComputesInItsOwnType) {
  const ModelDocument document = read_document(data_path("tiny_bf16.keras"));
  const ModelGraph graph = build_graph(document, {});
  const LayerWeights weights(document);
  const auto arrays = weights.read(graph.layers[0], 3);
  EXPECT_EQ(arrays[0].shape, (std::vector<std::int64_t>{3, 3, 3, 1}));
  EXPECT_EQ(arrays[1].shape, (std::vector<std::int64_t>{1, 1, 3, 8}));
  double largest = 0;
  for (const double value : arrays[0].values) largest = std::max(largest, std::abs(value));
  EXPECT_GT(largest, 0.05f);  // bits taken for another type would be far off
  EXPECT_LT(largest, 10.0f);
  for (const KerasArray& array : arrays) {
    EXPECT_EQ(array.dtype, DataType::bfloat16);
    for (const double value : array.values) EXPECT_EQ(round_to(DataType::bfloat16, value), value);
  }
  const Plan plan = plan_of("tiny_bf16.keras");
  for (const PlannedLayer& layer : plan.layers) EXPECT_EQ(layer.problem.dtype, DataType::bfloat16);
  EXPECT_EQ(plan.layers[0].weights.arrays.at(0), WeightArray(arrays[0].values));
}

TEST(Layers, AreChosenByGlob) {
  PlanOptions options;
  options.layers = "conv_dw_1?";
  EXPECT_EQ(plan_of("mobilenet_v1_025_96.keras", options).layers.size(), 4u);
  options.layers = "block/*";
  EXPECT_EQ(plan_of("nested.keras", options).layers.size(), 2u);
  options.layers = "nothing*";
  EXPECT_THROW(plan_of("nested.keras", options), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::keras::test

// LAYERS.json: layers without a model.

#include <gtest/gtest.h>

#include "runtime/keras/planner.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

json item(json more = json::object(), json config = json::object()) {
  json result{{"class_name", "DepthwiseConv2D"},
              {"config", {{"name", "a"}, {"kernel_size", {3, 3}}}},
              {"input_shape", {nullptr, 8, 8, 4}}};
  if (more.is_object()) result.update(more);
  if (config.is_object()) result["config"].update(config);
  return result;
}

Plan plan(const json& list, PlanOptions options = {}) {
  const ModelDocument layers = document(list);
  EXPECT_TRUE(is_layer_list(list));
  return plan_layer_list(layers, options);
}

TEST(LayerList, PlansEachLayer) {
  const json list = json::array(
      {item(), item({{"input_shape", nullptr}, {"build_config", {{"input_shape", {2, 9, 9, 4}}}}}, {{"name", "b"}}),
       item({{"class_name", "SeparableConv1D"}, {"input_shape", {4, 10, 12}}},
            {{"name", nullptr}, {"kernel_size", {3}}, {"filters", 2}, {"groups", 1}, {"activation", "hard_sigmoid"}})});
  const Plan result = plan(list);
  ASSERT_EQ(result.layers.size(), 3u);
  EXPECT_EQ(to_text(result.layers[0].problem), "f32_nhwc_i8x8x4.dw_k3x3.bias");
  EXPECT_EQ(result.layers[1].problem.IH, 9);
  EXPECT_EQ(result.layers[2].name, "layer_2");
  EXPECT_EQ(result.layers[2].absorbed, std::vector<std::string>{"layer_2"});
  // `groups` is written by tf.keras 2 only.
  EXPECT_EQ(activation_of(result.layers[2].problem.stages.back().epilogue).kind, ActivationKind::hard_sigmoid_keras2);
  EXPECT_FALSE(result.layers[0].has_weights);
}

TEST(LayerList, TakesASingleLayerToo) { EXPECT_EQ(plan(item()).layers.size(), 1u); }

TEST(LayerList, ListsWhatIsNotCompiled) {
  const json list = json::array({item({}, {{"activation", {{"class_name", "PReLU"}, {"config", json::object()}}}}),
                                 item({{"input_shape", nullptr}}, {{"name", "b"}})});
  const Plan result = plan(list);
  ASSERT_EQ(result.skipped.size(), 2u);
  EXPECT_EQ(result.skipped[0].reason, "activation 'PReLU' has weights of its own and is not compiled");
  EXPECT_EQ(result.skipped[1].reason, "input shape unknown; pass --layer-shape b=HxWxC");
}

TEST(LayerList, UsesTheGivenShapeWhereUnknown) {
  PlanOptions options;
  options.input_shape = {6, 7, 4};
  const Plan result = plan(json::array({item({{"input_shape", {nullptr, nullptr, nullptr, 4}}})}), options);
  EXPECT_EQ(result.layers[0].problem.IW, 7);
}

TEST(LayerList, RefusesSlips) {
  const auto refused = [](const json& list, const char* part) {
    try {
      plan(list);
      ADD_FAILURE() << list.dump() << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
  };
  refused(json::array({item({}, {{"stride", 2}})}), "unknown argument `stride`");
  refused(json::array({item(), item()}), "another layer is named 'a'");
  refused(json::array({item({{"class_name", "Dense"}})}), "class_name");
  refused(json::array({3}), "expected an object");
  refused(json::array({item({{"api", "keras9"}})}), "keras9");
  refused(json::array({item({{"input_shape", {nullptr, 2, 2, 4}}})}), "zero or negative");
}

TEST(LayerList, AnotherAuthorsClassIsListed) {
  const json item{{"class_name", "DepthwiseConv2D"},
                  {"config", {{"name", "own"}, {"shared", true}}},
                  {"module", nullptr},
                  {"registered_name", "DepthwiseConv2D"},
                  {"input_shape", {nullptr, 8, 8, 4}}};
  const ModelDocument made = document(json::array({item}));
  const Plan plan = plan_layer_list(made, {});
  ASSERT_EQ(plan.skipped.size(), 1u);
  EXPECT_EQ(plan.skipped[0].reason, "a custom class: registered as \"DepthwiseConv2D\", of no module");
}

}  // namespace
}  // namespace sepconv::keras::test

// The order of weights in a legacy .h5 file. The expected orders are weight_names that Keras 3.15 and tf_keras 2.21
// wrote for these models.

#include "runtime/keras/weight_layout.h"

#include <gtest/gtest.h>

#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

/// Which layers are frozen.
struct Frozen {
  bool block = false, dw = false, bn = false, pw = false, bn2 = false;
};

/// dw -> bn -> pw -> bn2 as a model, in a wrapper or not, inside a model.
ModelDocument block_model(const Frozen& frozen, bool wrapped, KerasRules rules) {
  const auto config = [](json values, bool is_frozen) {
    values["trainable"] = !is_frozen;
    return values;
  };
  const json kernel{{"kernel_size", {3, 3}}, {"filters", 4}};
  json block =
      functional("block",
                 {input("in", {nullptr, 8, 8, 4}), layer("DepthwiseConv2D", "dw", config(kernel, frozen.dw), {{"in"}}),
                  layer("BatchNormalization", "bn", config(json::object(), frozen.bn), {{"dw"}}),
                  layer("Conv2D", "pw", config(kernel, frozen.pw), {{"bn"}}),
                  layer("BatchNormalization", "bn2", config(json::object(), frozen.bn2), {{"pw"}})},
                 {"in"}, {"bn2"});
  block["config"]["trainable"] = !frozen.block;
  if (!wrapped) return document(sequential("m", {input("image", {nullptr, 8, 8, 4}), block}), rules);
  const json wrapper = layer("TimeDistributed", "td", {{"layer", block}, {"trainable", true}});
  return document(sequential("m", {input("image", {nullptr, 3, 8, 8, 4}), wrapper}), rules);
}

std::string order(const ModelDocument& document) {
  std::string text;
  for (const WeightNode& layer : weight_layout(document))
    for (const auto& [node, index] : legacy_order(layer, document.rules))
      text += (text.empty() ? "" : " ") + node->layer + "/" + node->weights[index].name;
  return text;
}

/// The expected text with the name that each Keras has for the depthwise kernel.
std::string named(std::string text, KerasRules rules) {
  if (rules == KerasRules::keras_3) return text;
  return text.replace(text.find("dw/kernel"), 9, "dw/depthwise_kernel");
}

constexpr const char* kEachLayer =
    "dw/kernel dw/bias bn/gamma bn/beta bn/moving_mean bn/moving_variance pw/kernel pw/bias bn2/gamma bn2/beta "
    "bn2/moving_mean bn2/moving_variance";
constexpr const char* kPointwiseFirst =
    "pw/kernel pw/bias dw/kernel dw/bias bn/gamma bn/beta bn/moving_mean bn/moving_variance bn2/gamma bn2/beta "
    "bn2/moving_mean bn2/moving_variance";

TEST(LegacyOrder, TrainableWeightsOfAModelComeFirst) {
  for (const KerasRules rules : {KerasRules::keras_3, KerasRules::tf_keras_2}) {
    for (const bool wrapped : {false, true}) {
      EXPECT_EQ(order(block_model({}, wrapped, rules)),
                named("dw/kernel dw/bias bn/gamma bn/beta pw/kernel pw/bias bn2/gamma bn2/beta bn/moving_mean "
                      "bn/moving_variance bn2/moving_mean bn2/moving_variance",
                      rules));
      EXPECT_EQ(order(block_model({.bn = true}, wrapped, rules)),
                named("dw/kernel dw/bias pw/kernel pw/bias bn2/gamma bn2/beta bn/gamma bn/beta bn/moving_mean "
                      "bn/moving_variance bn2/moving_mean bn2/moving_variance",
                      rules));
      EXPECT_EQ(order(block_model({.pw = true}, wrapped, rules)),
                named("dw/kernel dw/bias bn/gamma bn/beta bn2/gamma bn2/beta bn/moving_mean bn/moving_variance "
                      "pw/kernel pw/bias bn2/moving_mean bn2/moving_variance",
                      rules));
    }
  }
}

TEST(LegacyOrder, AFrozenModelIsListedLayerByLayer) {
  const Frozen all{true, true, true, true, true};
  for (const KerasRules rules : {KerasRules::keras_3, KerasRules::tf_keras_2})
    for (const bool wrapped : {false, true})
      EXPECT_EQ(order(block_model(all, wrapped, rules)), named(kEachLayer, rules));
}

TEST(LegacyOrder, ALayerThatIsTrainedInAFrozenModel) {
  const Frozen all_but_one{true, true, true, false, true};
  EXPECT_EQ(order(block_model(all_but_one, false, KerasRules::keras_3)), kEachLayer);
  EXPECT_EQ(order(block_model(all_but_one, true, KerasRules::keras_3)), kPointwiseFirst);
  for (const bool wrapped : {false, true})
    EXPECT_EQ(order(block_model(all_but_one, wrapped, KerasRules::tf_keras_2)),
              named(kPointwiseFirst, KerasRules::tf_keras_2));
}

std::string groups(const json& model, KerasRules rules = KerasRules::keras_3) {
  std::string text;
  const ModelDocument made = document(model, rules);
  for (const WeightNode& outermost : weight_layout(made))
    for (const WeightNode* node : all_nodes(outermost))
      if (!node->weights.empty())
        text += (text.empty() ? "" : " ") + node->group + ":" + std::to_string(node->weights.size());
  return text;
}

TEST(WeightLayout, WrappersThatDoubleWhatTheyHoldDoNotUnfold) {
  json hostile = layer("LSTM", "l", {{"units", 2}});
  for (int i = 0; i < 60; ++i) hostile = layer("Bidirectional", "b", {{"layer", hostile}});
  EXPECT_EQ(groups(sequential("m", {hostile})), "");
  hostile = layer("LSTM", "l", {{"units", 2}});
  for (int i = 0; i < 60; ++i)
    hostile = layer("Bidirectional", "b", {{"layer", layer("RNN", "r", {{"cell", hostile}})}});
  EXPECT_EQ(groups(sequential("m", {hostile})), "");
}

TEST(WeightLayout, GroupsOfLayersThatHoldOthers) {
  const json dense = layer("Dense", "d", {{"units", 2}});
  const json lstm = layer("LSTM", "l", {{"units", 2}});
  const json cells = {layer("LSTMCell", "a", {{"units", 2}}), layer("GRUCell", "b", {{"units", 2}})};
  EXPECT_EQ(groups(sequential("m", {layer("TimeDistributed", "t", {{"layer", dense}})})), "time_distributed/layer:2");
  EXPECT_EQ(groups(sequential("m", {layer("TimeDistributed", "t", {{"layer", sequential("s", {dense, dense})}})})),
            "time_distributed/layer/layers/dense:2 time_distributed/layer/layers/dense_1:2");
  EXPECT_EQ(groups(sequential("m", {layer("Bidirectional", "b", {{"layer", lstm}})})),
            "bidirectional/forward_layer/cell:3 bidirectional/backward_layer/cell:3");
  EXPECT_EQ(groups(sequential("m", {lstm, lstm})), "lstm/cell:3 lstm_1/cell:3");
  EXPECT_EQ(groups(sequential("m", {layer("RNN", "r", {{"cell", cells[0]}})})), "rnn/cell:3");
  EXPECT_EQ(
      groups(sequential(
          "m", {layer("RNN", "r", {{"cell", {{"class_name", "StackedRNNCells"}, {"config", {{"cells", cells}}}}}})})),
      "rnn/cell/cells/lstm_cell:3 rnn/cell/cells/gru_cell:3");
  const json attention = sequential("m", {layer("MultiHeadAttention", "a", {{"num_heads", 2}})});
  EXPECT_EQ(groups(attention),
            "multi_head_attention/query_dense:2 multi_head_attention/key_dense:2 multi_head_attention/value_dense:2 "
            "multi_head_attention/output_dense:2");
  EXPECT_EQ(groups(attention, KerasRules::tf_keras_2),
            "multi_head_attention/_query_dense:2 multi_head_attention/_key_dense:2 "
            "multi_head_attention/_value_dense:2 multi_head_attention/_output_dense:2");
}

}  // namespace
}  // namespace sepconv::keras::test

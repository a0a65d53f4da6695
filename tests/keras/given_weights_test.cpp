// --weights: a model from one file, its weights from another.

#include "runtime/keras/given_weights.h"

#include <gtest/gtest.h>

#include "runtime/keras/hdf5_writer.h"
#include "runtime/keras/layer_weights.h"
#include "sepconv/load_layers.h"
#include "sepconv/plan.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

const KerasArray kKernel = array({3, 3, 4, 1}, 1), kBias = array({4}, 2), kPointwise = array({1, 1, 4, 6}, 3);

/// dw -> pw
json model(const std::string& dw = "dw", const std::string& pw = "pw") {
  json made = functional("m",
                         {input("in", {nullptr, 8, 8, 4}),
                          layer("DepthwiseConv2D", dw, {{"kernel_size", {3, 3}}, {"depth_multiplier", 1}}, {{"in"}}),
                          layer("Conv2D", pw, {{"kernel_size", {1, 1}}, {"filters", 6}, {"use_bias", false}}, {{dw}})},
                         {"in"}, {pw});
  made["keras_version"] = "2.15.0";
  return made;
}

LegacyLayer depthwise(const std::string& name = "dw") {
  return {name, {{name + "/depthwise_kernel:0", kKernel}, {name + "/bias:0", kBias}}};
}
LegacyLayer pointwise(const std::string& name = "pw") { return {name, {{name + "/kernel:0", kPointwise}}}; }

std::string keras3_weights(const KerasArray& kernel = kKernel, const std::string& dw = "dw") {
  return weights_hdf5(
      {{"/layers/depthwise_conv2d/vars", dw, {kernel, kBias}}, {"/layers/conv2d/vars", "pw", {kPointwise}}});
}

class GivenWeights : public testing::Test {
 protected:
  GivenWeights() : folder_("given_weights"), model_(folder_.write("model.json", model().dump())) {}

  Plan plan(const std::string& name, const std::string& content) const {
    PlanOptions options;
    options.weights = folder_.write(name, content);
    options.join = false;
    return plan_file(model_, options);
  }
  /// The message, which must begin with the weights' file.
  std::string why_not(const std::string& name, const std::string& content) const {
    const std::string message = refusal([&] { plan(name, content); });
    EXPECT_EQ(message.find((folder_.path() / name).string()), 0u) << message;
    return message;
  }

  TemporaryFolder folder_;
  std::filesystem::path model_;
};

TEST_F(GivenWeights, EachFormOfFileIsRead) {
  const std::vector<LegacyLayer> layers{{"in", {}}, depthwise(), pointwise()};
  const json tf_keras = model();
  for (const auto& [name, content] :
       std::vector<std::pair<std::string, std::string>>{{"w.h5", make_legacy(nullptr, layers)},
                                                        {"model.h5", make_legacy(tf_keras, layers)},
                                                        {"w.weights.h5", keras3_weights()},
                                                        {"model.keras", make_archive(tf_keras, keras3_weights())}}) {
    SCOPED_TRACE(name);
    const Plan planned = plan(name, content);
    ASSERT_EQ(planned.layers.size(), 2u);
    EXPECT_EQ(planned.layers[0].weights.arrays.at(0), WeightArray(kKernel.values));
    EXPECT_EQ(planned.layers[0].weights.arrays.back(), WeightArray(kBias.values));
    EXPECT_EQ(planned.layers[1].weights.arrays.at(0), WeightArray(kPointwise.values));
    const std::vector<LoadedLayer> loaded = load_layers(model_, {.weights = folder_.path() / name});
    ASSERT_EQ(loaded.size(), 1u);
    EXPECT_EQ(to_doubles(loaded[0].layer.get_weights()[0]), kKernel.values);
    save_model_weights(model_, folder_.path() / "saved.weights.h5", folder_.path() / name);
    EXPECT_EQ(Hdf5File(read_file(folder_.path() / "saved.weights.h5"), "saved").array("/layers/conv2d/vars/0").values,
              kPointwise.values);
  }
}

TEST_F(GivenWeights, ReplaceTheModelsOwn) {
  const KerasArray other = array({3, 3, 4, 1}, 9);
  const auto own = folder_.write("own.keras", make_archive(model(), keras3_weights(other)));
  PlanOptions options;
  options.weights = folder_.write("w.weights.h5", keras3_weights());
  EXPECT_EQ(plan_file(own, options).layers[0].weights.arrays.at(0), WeightArray(kKernel.values));
}

TEST_F(GivenWeights, NumbersInKerasNamesMayDiffer) {
  const auto renamed = folder_.write("renamed.json", model("depthwise_conv2d_1", "conv2d").dump());
  PlanOptions options;
  options.weights =
      folder_.write("w.h5", make_legacy(nullptr, {depthwise("depthwise_conv2d_7"), pointwise("conv2d_12")}));
  EXPECT_EQ(plan_file(renamed, options).layers[0].weights.arrays.at(0), WeightArray(kKernel.values));
  EXPECT_TRUE(is_same_layer_name("conv2d", "conv2d_3", "Conv2D"));
  EXPECT_TRUE(is_same_layer_name("re_lu_2", "re_lu", "ReLU"));
  EXPECT_FALSE(is_same_layer_name("block_1", "block_2", "Conv2D"));
  EXPECT_FALSE(is_same_layer_name("conv2d_1", "conv1d_1", "Conv2D"));
}

TEST_F(GivenWeights, TheFirstWeightThatDiffersIsNamed) {
  const auto legacy = [](const std::vector<LegacyLayer>& layers) { return make_legacy(nullptr, layers); };
  LegacyLayer misshapen = depthwise(), without_bias = depthwise();
  misshapen.weights[0].second = array({5, 3, 4, 1}, 1);
  without_bias.weights.pop_back();
  EXPECT_NE(why_not("shape.h5", legacy({misshapen, pointwise()}))
                .find("layer 'dw': weight 'depthwise_kernel' must have shape (3, 3, ?, 1). Received: (5, 3, 4, 1)"),
            std::string::npos);
  EXPECT_NE(
      why_not("count.h5", legacy({without_bias, pointwise()})).find("layer 'dw': expected 2 weights. Received: 1"),
      std::string::npos);
  EXPECT_NE(why_not("name.h5", legacy({depthwise("stem"), pointwise()}))
                .find("expected the weights of layer 'dw'. Received those of 'stem'"),
            std::string::npos);
  EXPECT_NE(why_not("missing.h5", legacy({depthwise()})).find("the weights of layer 'pw' are missing"),
            std::string::npos);
  EXPECT_NE(why_not("more.h5", legacy({depthwise(), pointwise(), pointwise("pw2")}))
                .find("holds weights of layer 'pw2', which the model lacks"),
            std::string::npos);
  EXPECT_NE(why_not("channels.h5", legacy({{"dw", {{"k", array({3, 3, 5, 1}, 1)}, {"b", kBias}}}, pointwise()}))
                .find("must have shape (3, 3, 4, 1). Received: (3, 3, 5, 1)"),
            std::string::npos);
}

TEST_F(GivenWeights, MustFitAlsoWhereTheModelNamesNoModules) {
  json old = model();
  old.erase("keras_version");  // with it, arguments that Keras always writes would be missed
  for (json& layer : old["config"]["layers"]) layer.erase("module");
  const auto file = folder_.write("old.json", old.dump());
  const std::string weights =
      make_legacy(nullptr, {{"dw", {{"k", array({3, 3, 5, 1}, 1)}, {"b", kBias}}}, pointwise()});
  PlanOptions options;
  options.weights = folder_.write("w.h5", weights);
  EXPECT_NE(refusal([&] { plan_file(file, options); }).find("must have shape (3, 3, 4, 1). Received: (3, 3, 5, 1)"),
            std::string::npos);
}

TEST_F(GivenWeights, TheFirstGroupThatDiffersIsNamed) {
  EXPECT_NE(why_not("shape.weights.h5", keras3_weights(array({3, 2, 4, 1}, 1))).find("layer 'dw': weight"),
            std::string::npos);
  EXPECT_NE(why_not("name.weights.h5", keras3_weights(kKernel, "stem")).find("holds the weights of 'stem'"),
            std::string::npos);
  const std::string only_one = weights_hdf5({{"/layers/depthwise_conv2d/vars", "dw", {kKernel, kBias}}});
  EXPECT_NE(why_not("missing.weights.h5", only_one).find("layer 'pw': its weights are missing"), std::string::npos);
  const std::string more = weights_hdf5({{"/layers/depthwise_conv2d/vars", "dw", {kKernel, kBias}},
                                         {"/layers/conv2d/vars", "pw", {kPointwise}},
                                         {"/layers/dense/vars", "top", {kPointwise}}});
  EXPECT_NE(why_not("more.weights.h5", more).find("holds weights of 'dense', which the model lacks"),
            std::string::npos);
}

TEST_F(GivenWeights, OtherFilesAreRefused) {
  EXPECT_NE(why_not("w.json", "{}").find("not a weights file"), std::string::npos);
  EXPECT_NE(why_not("empty.h5", make_hdf5({{"/a", kBias}})).find("no Keras weights"), std::string::npos);
  EXPECT_NE(why_not("checkpoint", "model_checkpoint_path: \"ckpt-1\"\n").find("a TensorFlow checkpoint"),
            std::string::npos);
  EXPECT_NE(why_not("ckpt-1.index", "index").find("a TensorFlow checkpoint"), std::string::npos);
  EXPECT_NE(why_not("ckpt-1.data-00000-of-00001", "data").find("a TensorFlow checkpoint"), std::string::npos);
  EXPECT_NE(refusal([&] { read_document(model_, folder_.path() / "ckpt-1"); }).find("a TensorFlow checkpoint"),
            std::string::npos);
  EXPECT_NE(refusal([&] { read_document(model_, folder_.path()); }).find("a TensorFlow checkpoint"), std::string::npos);
  folder_.write("saved/variables/variables.index", "index");
  EXPECT_NE(refusal([&] { read_document(folder_.path() / "saved"); }).find("a TensorFlow SavedModel"),
            std::string::npos);
  const auto list = folder_.write("layers.json", R"([{"class_name": "Conv2D"}])");
  EXPECT_NE(refusal([&] {
              read_document(list, folder_.write("w.h5", make_legacy(nullptr, {depthwise()})));
            }).find("takes no weights"),
            std::string::npos);
}

}  // namespace
}  // namespace sepconv::keras::test

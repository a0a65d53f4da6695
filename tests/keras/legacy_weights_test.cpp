// Weights of legacy .h5 files go by order: names with '/', scopes and repeated names do not mislead.

#include "runtime/keras/legacy_weights.h"

#include <gtest/gtest.h>

#include "runtime/keras/layer_weights.h"
#include "runtime/keras/planner.h"
#include "sepconv/load_layers.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

json conv(const char* class_name, const std::string& name, const std::vector<std::vector<std::string>>& calls = {}) {
  return layer(class_name, name, {{"kernel_size", {1, 1}}, {"filters", 3}, {"use_bias", false}}, calls);
}

const KerasArray kDepthwise = array({1, 1, 3, 1}, 1), kPointwise = array({1, 1, 3, 3}, 2),
                 kOther = array({1, 1, 3, 1}, 3);
const std::vector<KerasArray> kNorm = {array({3}, 4), array({3}, 5), array({3}, 6), array({3}, 7)};

std::vector<KerasArray> arrays_of(const std::string& bytes, const std::string& name) {
  const ModelDocument document = read_document_bytes(bytes, "made.h5");
  const LayerWeights weights(document);
  for (const ModelLayer& layer : build_graph(document, {}).layers)
    if (layer.name == name) return weights.read_all(layer);
  ADD_FAILURE() << "no layer " << name;
  return {};
}

void expect_arrays(const std::string& bytes, const std::string& name, const std::vector<KerasArray>& expected) {
  SCOPED_TRACE(name);
  const std::vector<KerasArray> arrays = arrays_of(bytes, name);
  ASSERT_EQ(arrays.size(), expected.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    EXPECT_EQ(arrays[i].shape, expected[i].shape);
    EXPECT_EQ(arrays[i].values, expected[i].values);
  }
}

/// What save_model_weights() writes for the file.
Hdf5File saved(const TemporaryFolder& folder, const std::string& bytes) {
  const auto model = folder.write("made.h5", bytes);
  save_model_weights(model, folder.path() / "saved.weights.h5");
  return Hdf5File(read_file(folder.path() / "saved.weights.h5"), "saved");
}

TEST(LegacyWeights, NamesOfLayersMayHoldSlashes) {
  const json model = sequential(
      "m", {input("in", {nullptr, 4, 4, 3}), conv("DepthwiseConv2D", "stage1/dw"), conv("Conv2D", "stage1/dw/pw")});
  const std::string bytes = make_legacy(model, {{"stage1/dw", {{"stage1/dw/depthwise_kernel:0", kDepthwise}}},
                                                {"stage1/dw/pw", {{"stage1/dw/pw/kernel:0", kPointwise}}}});
  expect_arrays(bytes, "stage1/dw", {kDepthwise});
  expect_arrays(bytes, "stage1/dw/pw", {kPointwise});
  const TemporaryFolder folder("legacy");
  const Hdf5File file = saved(folder, bytes);
  EXPECT_EQ(file.array("/layers/depthwise_conv2d/vars/0").values, kDepthwise.values);
  EXPECT_EQ(file.array("/layers/conv2d/vars/0").values, kPointwise.values);
}

/// bn -> dw -> pw in a model "a/b", whose layers have the names of others.
json nested(bool frozen = false) {
  json norm = layer("BatchNormalization", "a/b", {{"trainable", !frozen}});
  return sequential("m", {input("in", {nullptr, 4, 4, 3}),
                          sequential("a/b", {norm, conv("DepthwiseConv2D", "b"), conv("Conv2D", "a")}),
                          conv("DepthwiseConv2D", "b")});
}

TEST(LegacyWeights, OfNestedModelsGoByOrder) {
  const std::vector<std::pair<std::string, KerasArray>> in_order = {
      {"b/x:0", kNorm[0]}, {"b/y:0", kNorm[1]}, {"x/b/kernel", kDepthwise},
      {"odd", kPointwise}, {"a/b/0", kNorm[2]}, {"a/b/b/kernel:0", kNorm[3]}};
  const std::string bytes = make_legacy(nested(), {{"a/b", in_order}, {"b", {{"kernel", kOther}}}});
  expect_arrays(bytes, "a/b/a/b", kNorm);
  expect_arrays(bytes, "a/b/b", {kDepthwise});
  expect_arrays(bytes, "a/b/a", {kPointwise});
  expect_arrays(bytes, "b", {kOther});
  const TemporaryFolder folder("legacy");
  const Hdf5File file = saved(folder, bytes);
  EXPECT_EQ(file.array("/layers/sequential/layers/batch_normalization/vars/3").values, kNorm[3].values);
  EXPECT_EQ(file.array("/layers/sequential/layers/depthwise_conv2d/vars/0").values, kDepthwise.values);
  EXPECT_EQ(file.array("/layers/depthwise_conv2d/vars/0").values, kOther.values);

  const std::vector<std::pair<std::string, KerasArray>> frozen = {
      {"1", kDepthwise}, {"2", kPointwise}, {"3", kNorm[0]}, {"4", kNorm[1]}, {"5", kNorm[2]}, {"6", kNorm[3]}};
  expect_arrays(make_legacy(nested(true), {{"a/b", frozen}, {"b", {{"kernel", kOther}}}}), "a/b/a/b", kNorm);
}

TEST(LegacyWeights, ACountThatDiffersIsRefused) {
  const std::string bytes = make_legacy(nested(), {{"a/b", {{"x", kDepthwise}}}, {"b", {{"kernel", kOther}}}});
  const std::string message = refusal([&] { plan_model(read_document_bytes(bytes, "made.h5"), {}); });
  EXPECT_EQ(message, "made.h5: layer 'a/b/b': expected 6 weights. Received: 1");
}

TEST(LegacyWeights, LayersGoByOrderWhereTheirNamesDiffer) {
  const json model =
      sequential("m", {input("in", {nullptr, 4, 4, 3}), conv("DepthwiseConv2D", "dw"), conv("Conv2D", "pw")});
  const std::string bytes = make_legacy(model, {{"old_in", {}},
                                                {"old_dw", {{"old_dw/depthwise_kernel:0", kDepthwise}}},
                                                {"old_pw", {{"old_pw/kernel:0", kPointwise}}}});
  expect_arrays(bytes, "dw", {kDepthwise});
  expect_arrays(bytes, "pw", {kPointwise});
}

TEST(LegacyWeights, OfWrappersAreSavedWhereKerasLooks) {
  const json model = sequential("m", {input("in", {nullptr, 2, 4, 4, 3}),
                                      layer("TimeDistributed", "td", {{"layer", conv("DepthwiseConv2D", "dw")}})});
  const TemporaryFolder folder("legacy");
  const Hdf5File file = saved(folder, make_legacy(model, {{"td", {{"td/depthwise_kernel:0", kDepthwise}}}}));
  EXPECT_EQ(file.array("/layers/time_distributed/layer/vars/0").values, kDepthwise.values);
}

TEST(LegacyWeights, TheCountOfANormalizationStaysAnInteger) {
  const json model = sequential("m", {input("in", {nullptr, 4, 4, 3}), layer("Normalization", "n")});
  const KerasArray mean = array({3}, 1), variance = array({3}, 2);
  const std::string root = "/model_weights/n/";
  const std::string bytes = make_hdf5(
      {{root + "n/mean", mean}, {root + "n/variance", variance}, {root + "n/count", {{}, {7}}, Storage::int32}},
      {{"/", "model_config", {model.dump()}, true},
       {"/model_weights", "layer_names", {"n"}},
       {"/model_weights/n", "weight_names", {"n/mean", "n/variance", "n/count"}}});
  const TemporaryFolder folder("legacy");
  const auto file = folder.write("made.h5", bytes);
  save_model_weights(file, folder.path() / "saved.weights.h5");
  const Hdf5File saved(read_file(folder.path() / "saved.weights.h5"), "saved");
  EXPECT_EQ(saved.array("/layers/normalization/vars/1").values, variance.values);
  EXPECT_EQ(saved.integer("/layers/normalization/vars/2"), 7);
  EXPECT_FALSE(refusal([&] { saved.integer("/layers/normalization/vars/1"); }).empty());
}

TEST(LegacyWeights, BatchRenormalizationHasThreeMore) {
  json model =
      sequential("m", {input("in", {nullptr, 4, 4, 3}), layer("BatchNormalization", "bn", {{"renorm", true}})});
  model["keras_version"] = "2.21.0";
  std::vector<std::pair<std::string, KerasArray>> weights;
  for (const char* name :
       {"gamma", "beta", "moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev"})
    weights.push_back({std::string("bn/") + name + ":0", array({3}, static_cast<unsigned>(weights.size()))});
  const TemporaryFolder folder("legacy");
  const Hdf5File file = saved(folder, make_legacy(model, {{"bn", weights}}));
  for (std::size_t i = 0; i < weights.size(); ++i)
    EXPECT_EQ(file.array("/layers/batch_normalization/vars/" + std::to_string(i)).values, weights[i].second.values);
}

TEST(LegacyWeights, OfAForeignClassAreReadAroundAndNotSaved) {
  json foreign = layer("Scale", "scale");
  foreign["registered_name"] = "mine>Scale";
  foreign["module"] = nullptr;
  const json model =
      sequential("m", {input("in", {nullptr, 4, 4, 3}),
                       sequential("inner", {conv("DepthwiseConv2D", "dw"), foreign, conv("Conv2D", "pw")})});
  const std::string bytes = make_legacy(
      model, {{"inner", {{"dw/depthwise_kernel:0", kDepthwise}, {"scale/a:0", kOther}, {"pw/kernel:0", kPointwise}}}});
  expect_arrays(bytes, "inner/dw", {kDepthwise});
  expect_arrays(bytes, "inner/pw", {kPointwise});
  const TemporaryFolder folder("legacy");
  EXPECT_NE(refusal([&] { saved(folder, bytes); }).find("layer 'inner/scale' is of class 'Scale'"), std::string::npos);
}

}  // namespace
}  // namespace sepconv::keras::test

// Which arrays belong to which layer, in files made here: types, groups, names split over attributes, and mismatches.

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/keras/layer_weights.h"
#include "runtime/keras/planner.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

/// in -> ReLU -> dw "b" -> dw "a": group names follow the order and the class, not the names.
json two_depthwise() {
  const json config{{"kernel_size", {1, 2}}, {"use_bias", false}};
  return functional("m",
                    {input("in", {nullptr, 4, 4, 3}), layer("ReLU", "r", {}, {{"in"}}),
                     layer("DepthwiseConv2D", "b", config, {{"r"}}), layer("DepthwiseConv2D", "a", config, {{"b"}})},
                    {"in"}, {"a"});
}

const KerasArray kFirst = array({1, 2, 3, 1}, 1);
const KerasArray kSecond = array({1, 2, 3, 1}, 2);

std::string archive(const json& model, const std::string& weights) {
  return make_zip({{"metadata.json", R"({"keras_version": "3.15.1"})"},
                   {"config.json", model.dump()},
                   {"model.weights.h5", weights}});
}

std::vector<Dataset> two_groups(Storage storage = Storage::float32, const std::string& root = "/layers") {
  return {{root + "/depthwise_conv2d/vars/0", kFirst, storage},
          {root + "/depthwise_conv2d_1/vars/0", kSecond, storage}};
}

Plan plan_bytes(const std::string& bytes) {
  const ModelDocument document = read_document_bytes(bytes, "made.keras");
  return plan_model(document, {});
}

void expect_refused(const std::string& bytes, const std::string& part) {
  try {
    plan_bytes(bytes);
    ADD_FAILURE() << "accepted; expected: " << part;
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_EQ(std::string(error.what()).find("made.keras"), 0u) << error.what();
  }
}

TEST(Weights, GroupsAreNumberedPerClassInTheModelsOrder) {
  const Plan plan = plan_bytes(archive(two_depthwise(), make_hdf5(two_groups())));
  ASSERT_EQ(plan.layers.size(), 2u);
  EXPECT_EQ(plan.layers[0].name, "b");
  EXPECT_EQ(plan.layers[0].weights.arrays.at(0), WeightArray(kFirst.values));
  EXPECT_EQ(plan.layers[1].weights.arrays.at(0), WeightArray(kSecond.values));
}

TEST(Weights, Keras213NamesItsGroupsOtherwise) {
  const auto weights = make_hdf5(two_groups(Storage::float32, "/_layer_checkpoint_dependencies"));
  EXPECT_EQ(plan_bytes(archive(two_depthwise(), weights)).layers[1].weights.arrays.at(0), WeightArray(kSecond.values));
}

TEST(Weights, FloatTypesAreConverted) {
  for (const Storage storage : {Storage::float16, Storage::bfloat16, Storage::float64}) {
    const auto weights = plan_bytes(archive(two_depthwise(), make_hdf5(two_groups(storage)))).layers[0].weights;
    ASSERT_EQ(weights.arrays.at(0).size(), kFirst.values.size());
    for (std::size_t i = 0; i < kFirst.values.size(); ++i)
      EXPECT_EQ(weights.arrays.at(0)[i], round_to(storage == Storage::bfloat16  ? DataType::bfloat16
                                                  : storage == Storage::float16 ? DataType::float16
                                                                                : DataType::float64,
                                                  kFirst.values[i]));
  }
  expect_refused(archive(two_depthwise(), make_hdf5(two_groups(Storage::int32))), "not float16, bfloat16");
}

TEST(Weights, EachTypeKeepsItsValuesExactly) {
  const std::vector<std::pair<Storage, DataType>> types = {{Storage::float16, DataType::float16},
                                                           {Storage::bfloat16, DataType::bfloat16},
                                                           {Storage::float32, DataType::float32},
                                                           {Storage::float64, DataType::float64}};
  for (const auto& [storage, dtype] : types) {
    KerasArray written{{7}, {0.1, -1.0 / 3, 1e-7, 60000.0, -0.0, INFINITY, 6.1e-5}, dtype};
    for (double& value : written.values) value = round_to(dtype, value);
    const KerasArray read = Hdf5File(make_hdf5({{"/a", written, storage}}), "made").array("/a");
    EXPECT_EQ(read.dtype, dtype);
    EXPECT_EQ(read.values, written.values) << keras_name(dtype);
    EXPECT_TRUE(std::signbit(read.values[4]));
  }
}

TEST(Weights, NameAttributeIsACheck) {
  const auto with_names = [](const char* first, const char* second) {
    return archive(two_depthwise(),
                   make_hdf5(two_groups(), {{"/layers/depthwise_conv2d/vars", "name", {first}, true},
                                            {"/layers/depthwise_conv2d_1/vars", "name", {second}, true}}));
  };
  EXPECT_EQ(plan_bytes(with_names("b", "a")).layers.size(), 2u);
  expect_refused(with_names("a", "b"), "do not belong together");
}

TEST(Weights, MissingAndMisshapenWeightsAreRefused) {
  expect_refused(archive(two_depthwise(), make_hdf5({two_groups()[0]})), "layer 'a': its weights are missing");
  std::vector<Dataset> datasets = two_groups();
  datasets.push_back({"/layers/depthwise_conv2d/vars/1", kFirst});
  expect_refused(archive(two_depthwise(), make_hdf5(datasets)), "expected 1 weights");
  datasets = two_groups();
  datasets[0].array = array({1, 2, 4, 1}, 3);
  expect_refused(archive(two_depthwise(), make_hdf5(datasets)), "must have shape (1, 2, 3, 1). Received: (1, 2, 4, 1)");
  datasets = two_groups();
  datasets[0].path = "/layers/depthwise_conv2d/vars/weight";
  expect_refused(archive(two_depthwise(), make_hdf5(datasets)), "vars/0");
}

TEST(Weights, ArchivesWithoutTheirParts) {
  const std::string weights = make_hdf5(two_groups());
  expect_refused(make_zip({{"model.weights.h5", weights}}), "no config.json");
  expect_refused(make_zip({{"config.json", two_depthwise().dump()}}), "no model.weights.h5");
  expect_refused(make_zip({{"config.json", two_depthwise().dump()}, {"model.weights.npz", "x"}}), "model.weights.npz");
  expect_refused(make_zip({{"config.json", "{"}, {"model.weights.h5", weights}}), "config.json: not valid JSON");
  expect_refused(make_zip({{"config.json", "[]"}, {"model.weights.h5", weights}}), "Functional or Sequential");
  expect_refused(make_zip({{"config.json", two_depthwise().dump()}, {"model.weights.h5", "no HDF5"}}), "HDF5");
  expect_refused(make_zip({{"config.json", two_depthwise().dump()},
                           {"metadata.json", R"({"keras_version": "1.0"})"},
                           {"model.weights.h5", weights}}),
                 "Keras version");
}

json small_bn_model(json bn_config) {
  return functional("m",
                    {input("in", {nullptr, 4, 4, 3}),
                     layer("DepthwiseConv2D", "dw", {{"kernel_size", {1, 1}}, {"use_bias", true}}, {{"in"}}),
                     layer("BatchNormalization", "bn", std::move(bn_config), {{"dw"}})},
                    {"in"}, {"bn"});
}

TEST(Weights, BatchNormalizationFoldsWithAndWithoutGammaAndBeta) {
  const KerasArray kernel{{1, 1, 3, 1}, {1, 2, 3}}, bias{{3}, {1, 1, 1}}, mean{{3}, {0.5, 0, 1}},
      variance{{3}, {3, 0, 8}}, gamma{{3}, {2, 4, 6}}, beta{{3}, {10, 20, 30}};
  for (const bool scale : {false, true}) {
    for (const bool center : {false, true}) {
      std::vector<Dataset> datasets{{"/layers/depthwise_conv2d/vars/0", kernel},
                                    {"/layers/depthwise_conv2d/vars/1", bias}};
      int index = 0;
      const auto add = [&](const KerasArray& values) {
        datasets.push_back({"/layers/batch_normalization/vars/" + std::to_string(index++), values});
      };
      if (scale) add(gamma);
      if (center) add(beta);
      add(mean);
      add(variance);
      const json config{{"scale", scale}, {"center", center}, {"epsilon", 1.0}};
      const Plan plan = plan_bytes(archive(small_bn_model(config), make_hdf5(datasets)));
      for (std::size_t c = 0; c < 3; ++c) {
        const double deviation[] = {2, 1, 3};
        const double g = (scale ? gamma.values[c] : 1.0) / deviation[c];
        EXPECT_FLOAT_EQ(static_cast<float>(plan.layers[0].weights.arrays.at(0)[c]),
                        static_cast<float>(kernel.values[c] * g));
        EXPECT_FLOAT_EQ(static_cast<float>(plan.layers[0].weights.arrays.back()[c]),
                        static_cast<float>((1.0 - mean.values[c]) * g + (center ? beta.values[c] : 0.0)));
      }
    }
  }
}

TEST(Weights, BatchNormalizationOfAnotherSizeIsRefused) {
  std::vector<Dataset> datasets{{"/layers/depthwise_conv2d/vars/0", array({1, 1, 3, 1}, 1)},
                                {"/layers/depthwise_conv2d/vars/1", array({3}, 2)}};
  for (int i = 0; i < 4; ++i)
    datasets.push_back({"/layers/batch_normalization/vars/" + std::to_string(i), array({i == 2 ? 4 : 3}, 3)});
  expect_refused(archive(small_bn_model(json::object()), make_hdf5(datasets)), "must have shape (3,)");
}

std::string legacy(const std::vector<Dataset>& datasets, std::vector<StringAttribute> attributes,
                   const json& model = two_depthwise()) {
  attributes.push_back({"/", "model_config", {model.dump()}, true});
  attributes.push_back({"/", "keras_version", {"2.15.0"}, true});
  return make_hdf5(datasets, attributes);
}

TEST(LegacyWeights, FollowLayerNamesAndWeightNamesAlsoWhenSplit) {
  const std::vector<Dataset> datasets{{"/model_weights/b/odd/path:0", kFirst}, {"/model_weights/a/other", kSecond}};
  const std::vector<StringAttribute> split{{"/model_weights", "layer_names0", {"r", "b"}},
                                           {"/model_weights", "layer_names1", {"a"}},
                                           {"/model_weights/b", "weight_names0", {"odd/path:0"}},
                                           {"/model_weights/a", "weight_names", {"other"}}};
  const Plan plan = plan_bytes(legacy(datasets, split));
  EXPECT_EQ(plan.layers[0].weights.arrays.at(0), WeightArray(kFirst.values));
  EXPECT_EQ(plan.layers[1].weights.arrays.at(0), WeightArray(kSecond.values));

  std::vector<StringAttribute> without_a = split;
  without_a[1].values = {"z"};
  expect_refused(legacy(datasets, without_a), "layer 'a': its weights are missing");
  std::vector<StringAttribute> wrong_path = split;
  wrong_path[2].values = {"nowhere"};
  expect_refused(legacy(datasets, wrong_path), "nowhere");
  expect_refused(make_hdf5(datasets, split), "no model_config");
  expect_refused(make_hdf5({}, {{"/", "model_config", {two_depthwise().dump()}, true}}), "no model_weights");
  expect_refused(legacy({{"/model_weights/x", kFirst}}, {}), "layer_names");
}

TEST(LegacyWeights, ALayerWhoseWeightsAreAnothersIsListed) {
  json model = two_depthwise();
  const std::vector<StringAttribute> names{{"/model_weights", "layer_names", {"r", "b", "a"}},
                                           {"/model_weights/b", "weight_names", {"b/kernel", "b/gain"}},
                                           {"/model_weights/a", "weight_names", {"a/kernel"}}};
  const std::vector<Dataset> datasets{{"/model_weights/b/b/kernel", kFirst},
                                      {"/model_weights/b/b/gain", array({3}, 3)},
                                      {"/model_weights/a/a/kernel", kSecond}};
  // With its module the class is certainly Keras', and the file is not whole.
  expect_refused(legacy(datasets, names, model), "layer 'b': expected 1 weights");
  for (json& item : model["config"]["layers"]) {
    item.erase("module");
    item.erase("registered_name");
    if (item["class_name"] == "DepthwiseConv2D")
      item["config"].update({{"strides", 1}, {"padding", "valid"}, {"activation", "linear"}});
  }
  const Plan plan = plan_bytes(legacy(datasets, names, model));
  ASSERT_EQ(plan.layers.size(), 1u);
  EXPECT_EQ(plan.layers[0].name, "a");
  ASSERT_EQ(plan.skipped.size(), 1u);
  EXPECT_EQ(plan.skipped[0].name, "b");
  EXPECT_NE(plan.skipped[0].reason.find("its weights do not fit Keras' DepthwiseConv2D"), std::string::npos);
}

TEST(Weights, HostileNamesStayInsideTheFile) {
  json model = two_depthwise();
  const std::vector<Dataset> datasets{{"/model_weights/b/w", kFirst}, {"/model_weights/a/w", kSecond}};
  for (const std::string& name :
       {std::string("../../etc/passwd"), std::string("/"), std::string(""), std::string("w/w/w/w"),
        std::string("w\0x", 3), std::string(5000, 'x'), std::string("%s%n"), std::string("\xff\xfe")}) {
    const std::vector<StringAttribute> attributes{{"/model_weights", "layer_names", {"b", "a"}},
                                                  {"/model_weights/b", "weight_names", {name}},
                                                  {"/model_weights/a", "weight_names", {"w"}}};
    if (name == std::string("w\0x", 3)) continue;  // C strings end there: it is the valid name "w"
    expect_refused(legacy(datasets, attributes), "made.keras");
  }
}

}  // namespace
}  // namespace sepconv::keras::test

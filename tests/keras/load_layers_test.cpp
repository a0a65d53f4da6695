#include "sepconv/load_layers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "runtime/keras/layer_weights.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

std::vector<std::string> paths(const std::string& model) {
  std::vector<std::string> result;
  for (const LoadedLayer& loaded : load_layers(data_path(model))) result.push_back(loaded.path);
  return result;
}

TEST(LoadLayers, FindsThoseOfNestedModels) {
  const std::vector<std::string> expected = {"stem/dw", "block/sep", "block/inner_stem/dw", "sep"};
  EXPECT_EQ(paths("nested.keras"), expected);
  EXPECT_EQ(paths("nested.h5"), expected);
}

TEST(LoadLayers, FindsThoseInsideOfTimeDistributed) {
  const std::vector<std::string> expected = {"t_dw/dw", "t_encoder/encoder/sep", "t_encoder/encoder/dw",
                                             "t_t_rows/t_rows/rows", "after"};
  for (const char* name : {"timed.keras", "timed.h5", "timed_tfkeras.keras", "timed_tfkeras.h5"})
    EXPECT_EQ(paths(name), expected) << name;
}

TEST(LoadLayers, LeavesOutWhatOnlyTrainingNeeds) {
  const nlohmann::json foreign{{"class_name", "Mine"}, {"config", {{"x", 1}}}, {"registered_name", "Mine"}};
  const auto loaded = [&](const nlohmann::json& constraint) {
    const nlohmann::json model =
        functional("m",
                   {input("in", {nullptr, 4, 4, 3}), layer("DepthwiseConv2D", "dw",
                                                           {{"kernel_size", {1, 2}},
                                                            {"use_bias", false},
                                                            {"depthwise_initializer", foreign},
                                                            {"activity_regularizer", foreign},
                                                            {"depthwise_constraint", constraint}},
                                                           {{"in"}})},
                   {"in"}, {"dw"});
    const auto path = std::filesystem::temp_directory_path() / ("sepconv_load_" + std::to_string(getpid()) + ".keras");
    std::ofstream(path, std::ios::binary)
        << make_zip({{"config.json", model.dump()},
                     {"model.weights.h5", make_hdf5({{"/layers/depthwise_conv2d/vars/0", array({1, 2, 3, 1}, 1)}})}});
    std::vector<LoadedLayer> layers = load_layers(path);
    std::filesystem::remove(path);
    return layers.at(0).layer;
  };
  EXPECT_FALSE(loaded(foreign).config().depthwise_constraint.given());
  EXPECT_FALSE(loaded(foreign).config().activity_regularizer.given());
  EXPECT_TRUE(loaded("non_neg").config().depthwise_constraint.given());
}

TEST(LoadLayers, BuildsThemWithTheFilesWeights) {
  for (const char* name : {"mobilenet_v1_025_96.keras", "xception_mini.h5", "tcn_causal.keras", "tcn_causal.h5",
                           "tiny_bf16.keras", "nested.h5", "wrapped.h5"}) {
    SCOPED_TRACE(name);
    const ModelDocument document = read_document(data_path(name));
    const LayerWeights weights(document);
    const ModelGraph graph = build_graph(document, {});
    const std::vector<LoadedLayer> layers = load_layers(data_path(name));
    EXPECT_FALSE(layers.empty());
    for (const LoadedLayer& loaded : layers) {
      SCOPED_TRACE(loaded.path);
      ASSERT_TRUE(loaded.layer.built());
      const auto entry = std::find_if(graph.layers.begin(), graph.layers.end(),
                                      [&](const ModelLayer& layer) { return layer.name == loaded.path; });
      ASSERT_NE(entry, graph.layers.end());
      const std::vector<KerasArray> arrays = weights.read_all(*entry);
      const std::vector<Tensor> found = loaded.layer.get_weights();
      ASSERT_EQ(found.size(), arrays.size());
      for (std::size_t i = 0; i < arrays.size(); ++i) {
        EXPECT_EQ(found[i].shape(), arrays[i].shape);
        EXPECT_EQ(to_doubles(found[i]), arrays[i].values);
      }
    }
  }
}

TEST(LoadLayers, WithoutWeightsTheyComeFromTheirInitializers) {
  const std::vector<LoadedLayer> layers = load_layers(data_path("kws1d.json"));
  ASSERT_EQ(layers.size(), paths("kws1d.keras").size());
  for (const LoadedLayer& loaded : layers) EXPECT_TRUE(loaded.layer.built()) << loaded.path;
}

TEST(LoadLayers, TakeNoMemoryForAWindowThatTheFileDoesNotHold) {
  const auto model = [](int size) {
    return sequential("m", {input("in", {nullptr, 16, 16, 3}),
                            layer("DepthwiseConv2D", "dw", {{"kernel_size", {size, size}}, {"use_bias", false}})});
  };
  const TemporaryFolder folder("load_layers");
  const std::string weights = make_hdf5({{"/layers/depthwise_conv2d/vars/0", array({3, 3, 3, 1}, 1)}});
  EXPECT_EQ(load_layers(folder.write("good.keras", make_archive(model(3), weights))).size(), 1u);
  const auto bad = folder.write("bad.keras", make_archive(model(20000), weights));
  EXPECT_NE(refusal([&] { load_layers(bad); }).find("Received: (3, 3, 3, 1)"), std::string::npos);
  const auto without = folder.write("without.json", model(30000).dump());
  EXPECT_NE(refusal([&] { load_layers(without); }).find("layer 'dw': its depthwise_kernel has more than 2^31 - 1"),
            std::string::npos);
  EXPECT_NE(refusal([&] { load_layers(without, {}, NoWeights::refuse); }).find("without weights"), std::string::npos);
}

TEST(LoadLayers, NamesTheFileAndTheLayerOfACustomActivation) {
  const TemporaryFolder folder("load_layers");
  const nlohmann::json custom = {
      {"module", "builtins"}, {"class_name", "function"}, {"config", "h_swish"}, {"registered_name", "function"}};
  const auto file =
      folder.write("custom.json",
                   sequential("m", {input("in", {nullptr, 16, 16, 3}),
                                    layer("DepthwiseConv2D", "dw", {{"kernel_size", {3, 3}}, {"activation", custom}})})
                       .dump());
  const std::string message = refusal([&] { load_layers(file); });
  EXPECT_NE(message.find("custom.json: layer 'dw': "), std::string::npos) << message;
  EXPECT_NE(message.find("h_swish"), std::string::npos) << message;
}

TEST(LoadLayers, NamesTheFileOfAnError) {
  try {
    load_layers(data_path("absent.keras"));
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("absent.keras"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace sepconv::keras::test

// Weights that we write, read back by our readers. tests/data/check_saved_weights.py lets real Keras load them.

#include "sepconv/load_layers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "runner/npz.h"
#include "runtime/keras/hdf5_file.h"
#include "runtime/keras/layer_weights.h"
#include "runtime/keras/model_graph.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {

using namespace runner;

namespace {

using nlohmann::json;

class SaveWeights : public testing::Test {
 protected:
  SaveWeights() : folder_(std::filesystem::temp_directory_path() / ("sepconv_save_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~SaveWeights() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path file(const std::string& name) const { return folder_ / name; }
  /// Nothing but the finished files lies in the folder.
  std::ptrdiff_t count_files() const {
    return std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator());
  }

 private:
  std::filesystem::path folder_;
};

KerasConvLayer built(const char* dtype, const std::string& name) {
  SeparableConvArgs args;
  args.filters = 5;
  args.kernel_size = 3;
  args.dtype = dtype;
  args.name = name;
  args.bias_initializer = Initializer(Initializer::Kind::glorot_uniform);
  SeparableConv1D layer(args);
  layer.build({10, 4});
  return layer;
}

TEST_F(SaveWeights, EachTypeComesBackExactly) {
  for (const char* dtype : {"float32", "float64", "float16", "bfloat16", "mixed_bfloat16"}) {
    SCOPED_TRACE(dtype);
    const KerasConvLayer a = built(dtype, "a"), b = built(dtype, "b");
    save_weights({&a, &b}, file("m.weights.h5"));
    const Hdf5File h5(read_file(file("m.weights.h5")), "m");
    EXPECT_EQ(h5.strings("/layers/separable_conv1d_1/vars", "name"), std::vector<std::string>{"b"});
    const std::vector<Tensor> weights = b.get_weights();
    ASSERT_EQ(h5.count("/layers/separable_conv1d_1/vars"), weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::string path = "/layers/separable_conv1d_1/vars/" + std::to_string(i);
      const KerasArray array = h5.array(path);
      EXPECT_EQ(array.shape, weights[i].shape());
      EXPECT_EQ(array.values, to_doubles(weights[i]));
      EXPECT_EQ(array.dtype, weights[i].dtype());
      if (array.dtype == DataType::bfloat16) {
        EXPECT_EQ(h5.strings(path, "dtype"), std::vector<std::string>{"bfloat16"});
      }
    }
  }
  EXPECT_EQ(count_files(), 1);
}

TEST_F(SaveWeights, NpzHasTheWeightsByName) {
  const KerasConvLayer a = built("float32", "a"), b = built("float64", "b");
  save_weights(a, file("one.npz"));
  const auto one = read_npz(file("one.npz"));
  ASSERT_EQ(one.size(), 3u);
  EXPECT_EQ(one.at("pointwise_kernel").doubles(), to_doubles(a.get_weights()[1]));
  EXPECT_EQ(one.at("pointwise_kernel").shape, (std::vector<std::int64_t>{1, 4, 5}));
  save_weights({&a, &b}, file("two.npz"));
  const auto two = read_npz(file("two.npz"));
  EXPECT_EQ(two.at("b.depthwise_kernel").doubles(), to_doubles(b.get_weights()[0]));
  EXPECT_THROW(save_weights({&a, &a}, file("twice.npz")), std::invalid_argument);
}

TEST_F(SaveWeights, RefusesOtherNamesAndUnbuiltLayers) {
  EXPECT_THROW(save_weights(built("float32", "a"), file("m.bin")), std::invalid_argument);
  DepthwiseConvArgs args;
  args.kernel_size = 3;
  EXPECT_THROW(save_weights(DepthwiseConv1D(args), file("m.npz")), std::invalid_argument);
  EXPECT_THROW(save_weights(built("float32", "a"), file("no/such/folder/m.npz")), std::runtime_error);
  EXPECT_THROW(save_model_weights(data_path("kws1d.json"), file("m.weights.h5")), std::invalid_argument);
  EXPECT_EQ(count_files(), 0);
}

TEST_F(SaveWeights, LayersInsideOfWrappersAreKept) {
  save_model_weights(data_path("wrapped.keras"), file("m.weights.h5"));
  ModelDocument saved = read_document(data_path("wrapped.keras"));
  EXPECT_EQ(saved.weights, read_file(file("m.weights.h5")));
  save_model_weights(data_path("wrapped.h5"), file("n.weights.h5"));
  const Hdf5File written(read_file(file("n.weights.h5")), "n"), by_keras(saved.weights, "wrapped.keras");
  std::size_t arrays = 0;
  for (const std::string& dataset : by_keras.datasets("/layers")) {
    if (dataset.find("seed_generator") != std::string::npos) continue;  // no weight
    EXPECT_EQ(written.array(dataset).values, by_keras.array(dataset).values) << dataset;
    ++arrays;
  }
  EXPECT_EQ(arrays, 11u);
  EXPECT_EQ(count_files(), 2);
}

TEST_F(SaveWeights, DeepGroupsAreCopiedOrRefusedAtOnce) {
  const json model = sequential("m", {input("in", {nullptr, 4, 4, 3})});
  for (const char* root : {"/layers", "/_layer_checkpoint_dependencies"}) {
    SCOPED_TRACE(root);
    std::string path = root;
    for (int i = 0; i < 2000; ++i) path += "/a";
    const std::string weights = make_hdf5({{path, array({1}, 1)}});
    std::ofstream(file("deep.keras"), std::ios::binary) << make_archive(model, weights);
    if (std::string(root) == "/layers") {
      save_model_weights(file("deep.keras"), file("m.weights.h5"));
      EXPECT_EQ(read_file(file("m.weights.h5")), weights);
    } else {
      EXPECT_NE(refusal([&] { save_model_weights(file("deep.keras"), file("m.weights.h5")); }).find("too deep"),
                std::string::npos);
    }
  }
}

TEST_F(SaveWeights, WholeModelsKeepEveryArray) {
  for (const char* name : {"mobilenet_v1_025_96.keras", "xception_mini.keras", "xception_mini.h5", "kws1d.keras",
                           "tcn_causal.keras", "tcn_causal.h5", "tiny_bf16.keras", "nested.keras", "nested.h5"}) {
    SCOPED_TRACE(name);
    save_model_weights(data_path(name), file("m.weights.h5"));
    const ModelDocument document = read_document(data_path(name));
    ModelDocument saved = document;
    saved.weights_form = WeightsForm::keras3;
    saved.weights = read_file(file("m.weights.h5"));
    const LayerWeights before(document), after(saved);
    std::size_t arrays = 0;
    for (const ModelLayer& layer : build_graph(document, {}).layers) {
      const auto wanted = before.read_all(layer), found = after.read_all(layer);
      ASSERT_EQ(wanted.size(), found.size()) << layer.name;
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(wanted[i].shape, found[i].shape);
        EXPECT_EQ(wanted[i].values, found[i].values);
        EXPECT_EQ(wanted[i].dtype, found[i].dtype);
        ++arrays;
      }
    }
    EXPECT_GT(arrays, 2u);
  }
}

}  // namespace
}  // namespace sepconv::keras::test

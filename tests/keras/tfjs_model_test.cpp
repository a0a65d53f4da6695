// TensorFlow.js' layers format: model.json in its two forms, shards, quantization, and what is refused.

#include "runtime/keras/tfjs_model.h"

#include <gtest/gtest.h>

#include <cstring>

#include "runtime/keras/layer_weights.h"
#include "sepconv/load_layers.h"
#include "sepconv/plan.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

const KerasArray kKernel = array({3, 3, 3, 1}, 1), kBias = array({3}, 2);

std::string float32_bytes(const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) {
    const auto element = static_cast<float>(value);
    bytes.append(reinterpret_cast<const char*>(&element), sizeof element);
  }
  return bytes;
}

json depthwise(const std::string& name) {
  return layer("DepthwiseConv2D", name,
               {{"kernel_size", {3, 3}}, {"padding", "same"}, {"batch_input_shape", {nullptr, 16, 16, 3}}});
}

json weight(const std::string& name, json shape, json more = json::object()) {
  more["name"] = name;
  more["shape"] = std::move(shape);
  if (!more.contains("dtype")) more["dtype"] = "float32";
  return more;
}

json kernel_and_bias(const std::string& name = "d") {
  return {weight(name + "/depthwise_kernel", {3, 3, 3, 1}), weight(name + "/bias", {3})};
}

json converted(const json& model, const json& weights,
               const std::vector<std::string>& paths = {"group1-shard1of1.bin"}) {
  return {{"format", "layers-model"},
          {"modelTopology", {{"keras_version", "2.2.4"}, {"backend", "tensorflow"}, {"model_config", model}}},
          {"weightsManifest", {{{"paths", paths}, {"weights", weights}}}}};
}

class Tfjs : public testing::Test {
 protected:
  Tfjs() : folder_("tfjs") {
    folder_.write("group1-shard1of1.bin", float32_bytes(kKernel.values) + float32_bytes(kBias.values));
  }
  Plan plan(const json& model, const PlanOptions& options = {}) const {
    return plan_file(folder_.write("model.json", model.dump()), options);
  }
  void expect_weights(const json& model) const {
    const Plan planned = plan(model);
    ASSERT_EQ(planned.layers.size(), 1u);
    EXPECT_EQ(planned.layers[0].weights.arrays.at(0), WeightArray(kKernel.values));
    EXPECT_EQ(planned.layers[0].weights.arrays.back(), WeightArray(kBias.values));
  }
  std::string why_not(const json& model) const {
    const std::string message = refusal([&] { plan(model); });
    EXPECT_EQ(message.find((folder_.path() / "model.json").string()), 0u) << message;
    return message;
  }

  TemporaryFolder folder_;
};

TEST_F(Tfjs, BothFormsOfTheTopology) {
  const json model = sequential("m", {depthwise("d")});
  expect_weights(converted(model, kernel_and_bias()));
  json direct = model;
  direct["keras_version"] = "tfjs-layers 1.3.1";
  expect_weights({{"modelTopology", direct},
                  {"weightsManifest", {{{"paths", {"group1-shard1of1.bin"}}, {"weights", kernel_and_bias()}}}}});
  json text = converted(model, kernel_and_bias());
  text["modelTopology"]["model_config"] = model.dump();
  expect_weights(text);
}

TEST_F(Tfjs, WithoutAManifestItIsAConfiguration) {
  json model = converted(sequential("m", {depthwise("d")}), json::array());
  model["weightsManifest"] = json::array();
  EXPECT_FALSE(plan(model).layers.at(0).has_weights);
  model.erase("weightsManifest");
  EXPECT_FALSE(plan(model).layers.at(0).has_weights);
}

TEST_F(Tfjs, ShardsAreCutAnywhere) {
  const std::string bytes = read_file(folder_.path() / "group1-shard1of1.bin");
  folder_.write("a.bin", bytes.substr(0, 61));
  folder_.write("sub/b.bin", bytes.substr(61));
  expect_weights(converted(sequential("m", {depthwise("d")}), kernel_and_bias(), {"a.bin", "sub/b.bin"}));
}

TEST_F(Tfjs, WeightsGoByName) {
  json weights = kernel_and_bias("stage/d");
  std::swap(weights[0], weights[1]);
  folder_.write("group1-shard1of1.bin", float32_bytes(kBias.values) + float32_bytes(kKernel.values));
  expect_weights(converted(sequential("m", {depthwise("stage/d")}), weights));
  expect_weights(converted(sequential("m", {sequential("stage", {depthwise("d")})}), weights));
  for (json& entry : weights) entry["name"] = "scope/stage/" + entry["name"].get<std::string>().substr(6);
  EXPECT_NE(why_not(converted(sequential("m", {depthwise("other")}), weights)).find("'depthwise_kernel' is missing"),
            std::string::npos);
}

TEST_F(Tfjs, ANameStandsForOneWeightOfOneLayer) {
  const json model = sequential("m", {sequential("a", {depthwise("d")}), sequential("b", {depthwise("d")})});
  const json once = kernel_and_bias();
  EXPECT_NE(why_not(converted(model, once))
                .find("layer 'b/d': its weight 'depthwise_kernel' is 'd/depthwise_kernel', "
                      "which already belongs to another layer"),
            std::string::npos);
  json twice = once;
  for (const json& entry : once) twice.push_back(entry);
  const std::string bytes = float32_bytes(kKernel.values) + float32_bytes(kBias.values);
  folder_.write("group1-shard1of1.bin", bytes + bytes);
  EXPECT_NE(why_not(converted(model, twice)).find("weightsManifest has several named 'd/depthwise_kernel'"),
            std::string::npos);
}

TEST_F(Tfjs, DirectionsOfBidirectionalHaveNamesOfTheirOwn) {
  const json lstm = layer("LSTM", "lstm", {{"units", 1}, {"use_bias", false}});
  const json model = sequential("m", {input("in", {nullptr, 4, 1}), layer("Bidirectional", "bi", {{"layer", lstm}})});
  const std::vector<double> values(8, 1.0), others(8, 2.0);
  folder_.write("group1-shard1of1.bin", float32_bytes(values) + float32_bytes(others));
  json weights = json::array();
  for (const char* direction : {"forward", "backward"})
    for (const char* kernel : {"kernel", "recurrent_kernel"})
      weights.push_back(weight(std::string("bi/") + direction + "_lstm/lstm_cell/" + kernel, {1, 4}));
  const auto file = folder_.write("model.json", converted(model, weights).dump());
  save_model_weights(file, folder_.path() / "m.weights.h5");
  const Hdf5File saved(read_file(folder_.path() / "m.weights.h5"), "saved");
  const std::string group = "/layers/bidirectional/";
  EXPECT_EQ(saved.array(group + "forward_layer/cell/vars/0").values, std::vector<double>(4, 1.0));
  EXPECT_EQ(saved.array(group + "backward_layer/cell/vars/0").values, std::vector<double>(4, 2.0));
}

TEST_F(Tfjs, QuantizedWeightsAreDequantized) {
  const json shape = {3, 3, 3, 1};
  const auto quantized = [&](const char* dtype) {
    return json{
        weight("d/depthwise_kernel", shape, {{"quantization", {{"dtype", dtype}, {"scale", 0.25}, {"min", -1.5}}}}),
        weight("d/bias", {3})};
  };
  std::string bytes8, bytes16, half;
  std::vector<double> expected, halves;
  for (int i = 0; i < 27; ++i) {
    bytes8 += static_cast<char>(i * 9);
    bytes16 += static_cast<char>(i * 9);
    bytes16 += static_cast<char>(i);
    const float16 value = to_float16(i / 3.0);
    half.append(reinterpret_cast<const char*>(&value), sizeof value);
    expected.push_back(i * 9 * 0.25 - 1.5);
    halves.push_back(to_float(value));
  }
  const auto kernel_of = [&](const std::string& bytes, const char* dtype) {
    folder_.write("group1-shard1of1.bin", bytes + float32_bytes(kBias.values));
    return plan(converted(sequential("m", {depthwise("d")}), quantized(dtype))).layers.at(0).weights.arrays.at(0);
  };
  EXPECT_EQ(kernel_of(bytes8, "uint8"), WeightArray(expected));
  EXPECT_EQ(kernel_of(half, "float16"), WeightArray(halves));
  for (int i = 0; i < 27; ++i) expected[static_cast<std::size_t>(i)] += i * 256 * 0.25;
  EXPECT_EQ(kernel_of(bytes16, "uint16"), WeightArray(expected));
  EXPECT_NE(why_not(converted(sequential("m", {depthwise("d")}), quantized("int4"))).find("quantization to 'int4'"),
            std::string::npos);
}

TEST_F(Tfjs, ShardsThatAreMissingShortOrElsewhere) {
  const json model = sequential("m", {depthwise("d")});
  const auto with_path = [&](const std::string& path) { return converted(model, kernel_and_bias(), {path}); };
  EXPECT_NE(why_not(with_path("absent.bin")).find("shard 'absent.bin' is missing"), std::string::npos);
  const std::string bytes = read_file(folder_.path() / "group1-shard1of1.bin");
  folder_.write("short.bin", bytes.substr(1));
  EXPECT_NE(why_not(with_path("short.bin")).find("'short.bin' is too short for weight 'd/bias'"), std::string::npos);
  const TemporaryFolder other("tfjs_elsewhere");
  const std::string elsewhere = other.write("w.bin", bytes).string();
  EXPECT_NE(why_not(with_path(elsewhere)).find("lies outside"), std::string::npos);
  EXPECT_NE(why_not(with_path("../" + other.path().filename().string() + "/w.bin")).find("lies outside"),
            std::string::npos);
  std::filesystem::create_symlink(elsewhere, folder_.path() / "link.bin");
  EXPECT_NE(why_not(with_path("link.bin")).find("lies outside"), std::string::npos);
  EXPECT_NE(why_not(with_path("https://example.org/w.bin")).find("is a URL"), std::string::npos);
  const std::vector<std::string> many(10001, "group1-shard1of1.bin");
  EXPECT_NE(why_not(converted(model, kernel_and_bias(), many)).find("10001 shards; at most 10000"), std::string::npos);
}

TEST_F(Tfjs, OtherModelsAndTypesAreRefused) {
  EXPECT_NE(why_not({{"format", "graph-model"}, {"modelTopology", {{"node", json::array()}}}}).find("graph model"),
            std::string::npos);
  EXPECT_NE(why_not({{"modelTopology", {{"node", json::array()}}}}).find("graph model"), std::string::npos);
  const json model = sequential("m", {depthwise("d")});
  const auto typed = [&](const char* dtype) {
    return converted(model, {weight("d/depthwise_kernel", {3, 3, 3, 1}, {{"dtype", dtype}}), weight("d/bias", {3})});
  };
  EXPECT_NE(why_not(typed("string")).find("dtype 'string' is not supported"), std::string::npos);
  EXPECT_NE(why_not(typed("int32")).find("dtype 'int32' is not a floating-point type"), std::string::npos);
  EXPECT_NE(why_not(typed("uint8")).find("without quantization"), std::string::npos);
  for (const json& shape : {json::array({-1}), json::array({1.5}), json("x"), json({1 << 30, 1 << 30, 1 << 30})})
    EXPECT_NE(why_not(converted(model, json::array({weight("d/bias", shape)}))).find("shape"), std::string::npos)
        << shape;
}

TEST_F(Tfjs, SavedForKeras) {
  const auto model =
      folder_.write("model.json", converted(sequential("m", {depthwise("d")}), kernel_and_bias()).dump());
  save_model_weights(model, folder_.path() / "m.weights.h5");
  const Hdf5File saved(read_file(folder_.path() / "m.weights.h5"), "saved");
  EXPECT_EQ(saved.array("/layers/depthwise_conv2d/vars/0").values, kKernel.values);
}

}  // namespace
}  // namespace sepconv::keras::test

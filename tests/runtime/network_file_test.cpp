// Weights files that hold a network: its text, its layers, shared blobs and blobs of 16 bits.

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "runtime/core/memory_plan.h"
#include "sepconv/network.h"
#include "sepconv/tensor.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/runtime/message_of.h"
#include "tests/runtime/network_plans.h"
#include "tests/runtime/weights_bytes.h"
#include "tests/runtime/weights_folder.h"

namespace sepconv::test {
namespace {

namespace fs = std::filesystem;

class NetworkFile : public WeightsFolder {
 protected:
  NetworkFile() : WeightsFolder("sepconv_network_") {}

  /// Two steps with biases, and the first of them as a layer too.
  static WeightsFile contents() {
    NetworkBuilder b = chain(3, 4, {5, 40, 6});
    for (NetworkStep& step : b.plan.steps) set_bias(output(step.problem), true);
    detail::plan_memory(b.plan);
    WeightsFile file;
    for (const NetworkStep& step : b.plan.steps)
      file.network_layers.push_back({step.layer, step.problem, integer_weights(step.problem)});
    file.layers = {file.network_layers[0]};
    file.network = b.plan;
    return file;
  }
  std::string complaint() const {
    return message_of([&] { load_weights_file(path_); });
  }
  /// What reading says of a good file after a change of its text.
  std::string complaint_of(const std::string& good, const std::string& from, const std::string& to) const {
    std::string bytes = good;
    const std::size_t at = bytes.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    EXPECT_EQ(from.size(), to.size());
    bytes.replace(at, from.size(), to);
    fix_checksum(bytes);
    write(bytes);
    return complaint();
  }
};

void expect_same(const std::vector<NamedWeights>& a, const std::vector<NamedWeights>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].name, b[i].name);
    EXPECT_EQ(a[i].problem, b[i].problem);
    EXPECT_EQ(a[i].weights.arrays, b[i].weights.arrays);
  }
}

TEST_F(NetworkFile, RoundTripAndSharedBlobs) {
  const WeightsFile wanted = contents();
  save_weights_file(path_, wanted);
  const WeightsFile got = load_weights_file(path_);
  expect_same(got.layers, wanted.layers);
  expect_same(got.network_layers, wanted.network_layers);
  ASSERT_TRUE(got.network);
  EXPECT_EQ(to_text(*got.network), to_text(*wanted.network));
  EXPECT_EQ(load_weights(path_).size(), 1u);
  const std::string bytes = read();
  expect_same(weights_file_from_bytes(bytes).network_layers, wanted.network_layers);
  WeightsFile alone = wanted;
  alone.layers.clear();
  save_weights_file(path_, alone);
  EXPECT_LT(bytes.size(), read().size() + 192) << "the layer's arrays are those of the step";
}

TEST_F(NetworkFile, SixteenBits) {
  WeightsFile wanted = contents();
  for (auto* layers : {&wanted.layers, &wanted.network_layers})
    for (NamedWeights& layer : *layers)
      for (WeightArray& array : layer.weights.arrays) array.set(1, 0.1f);
  save_weights_file(path_, wanted);
  const std::size_t plain = read().size();
  for (const DataType dtype : {DataType::float16, DataType::bfloat16}) {
    save_weights_file(path_, wanted, dtype);
    EXPECT_LT(read().size(), plain - 700);
    const WeightsFile got = load_weights_file(path_);
    for (std::size_t i = 0; i < 2; ++i) {
      const WeightArray &weights = got.network_layers[i].weights.arrays[0],
                        &bias = got.network_layers[i].weights.arrays[1];
      EXPECT_EQ(weights[0], wanted.network_layers[i].weights.arrays[0][0]) << "small integers are exact";
      EXPECT_EQ(weights[1], round_to(dtype, 0.1f));
      EXPECT_EQ(bias, wanted.network_layers[i].weights.arrays[1]) << "constants keep their bits";
    }
  }
  wanted.network_layers[0].weights.arrays[0].set(3, 70000);
  EXPECT_NE(
      message_of([&] { save_weights_file(path_, wanted, DataType::float16); }).find("'conv_1': the weight 70000 is"),
      std::string::npos);
  save_weights_file(path_, wanted, DataType::bfloat16);
  EXPECT_THROW(save_weights_file(path_, wanted, DataType::float64), std::invalid_argument);
}

TEST_F(NetworkFile, VersionTwoIsRead) {
  WeightsFile wanted = contents();
  wanted.network.reset();
  wanted.network_layers.clear();
  save_weights_file(path_, wanted);
  std::string bytes = read();
  bytes[8] = 2;
  fix_checksum(bytes);
  write(bytes);
  expect_same(load_weights_file(path_).layers, wanted.layers);
  for (const char version : {1, 4}) {
    bytes[8] = version;
    fix_checksum(bytes);
    write(bytes);
    EXPECT_NE(complaint().find("this library reads versions 2 to 3"), std::string::npos);
  }
}

TEST_F(NetworkFile, WhatDoesNotFitIsNotWritten) {
  const auto refusal = [&](auto&& change) {
    WeightsFile file = contents();
    change(file);
    return message_of([&] { save_weights_file(path_, file); });
  };
  EXPECT_EQ(refusal([](WeightsFile&) {}), "no error");
  EXPECT_NE(refusal([](WeightsFile& f) { f.network.reset(); }).find("weights of 2 steps of 0"), std::string::npos);
  EXPECT_NE(refusal([](WeightsFile& f) { f.network_layers.pop_back(); }).find("1 steps of 2"), std::string::npos);
  EXPECT_NE(refusal([](WeightsFile& f) { f.network_layers[1].name = "x"; }).find("step 'conv_2'"), std::string::npos);
  EXPECT_NE(refusal([](WeightsFile& f) { f.network->tensor_bytes = 1; }).find("workspace"), std::string::npos);
  EXPECT_NE(refusal([](WeightsFile& f) { f.network_layers[1].name = "conv_1"; }).find("two layers"), std::string::npos);
}

TEST_F(NetworkFile, DamagedContentsAreRefused) {
  save_weights_file(path_, contents());
  const std::string good = read();
  EXPECT_EQ(complaint_of(good, "conv_1\tf32", "conv_1\tf32"), "no error");
  EXPECT_NE(complaint_of(good, "network\t", "netwurk\t").find("network: line 1"), std::string::npos);
  EXPECT_NE(complaint_of(good, "tensor\timage", "tensor\t\x01mage").find("control characters"), std::string::npos);
  EXPECT_NE(complaint_of(good, "step\tconv_2", "step\tconv_9").find("no weights of step 'conv_9'"), std::string::npos);
  for (const int at : {16, 40, 48}) {  // bytes of the index, of the steps' index and of the network
    std::string bytes = good;
    const std::uint64_t absurd = ~std::uint64_t{0} / 2 + static_cast<std::uint64_t>(at);
    std::memcpy(bytes.data() + at, &absurd, 8);
    fix_checksum(bytes);
    write(bytes);
    EXPECT_NE(complaint().find("longer than the file"), std::string::npos);
  }
  std::string bytes = good;
  std::memset(bytes.data() + 48, 0, 8);  // no network
  fix_checksum(bytes);
  write(bytes);
  EXPECT_NE(complaint().find("weights of 2 steps of 0"), std::string::npos);
}

TEST_F(NetworkFile, BlobsMayBeSharedButNotOverlap) {
  save_weights_file(path_, contents());
  const std::string good = read();
  const std::size_t colon = good.find(":200\t"), begin = good.rfind('\t', colon) + 1;  // 200 elements of 4 bytes
  const std::string offset = good.substr(begin, colon - begin), inside = std::to_string(std::stoi(offset) + 64);
  ASSERT_EQ(inside.size(), offset.size());
  EXPECT_NE(complaint_of(good, offset + ":200", inside + ":200").find("overlap others"), std::string::npos);
  // 16 bits for a bias, a type that there is none of, and one place with two types.
  save_weights_file(path_, contents(), DataType::float16);
  const std::string narrow = read();
  EXPECT_NE(complaint_of(narrow, ":200:f16", ":200:f61"), "no error");
  EXPECT_NE(complaint_of(narrow, ":200:f16\t", ":200::::\t"), "no error");
}

TEST_F(NetworkFile, NetworksAreLoaded) {
  const WeightsFile file = contents();
  save_weights_file(path_, file);
  for (const NetworkStep& step : file.network->steps)
    register_fake_kernel(step.problem, {.symbol = "network_file_" + step.layer});
  const Network network = load_network(path_);
  Tensor in({2, 3, 4, 5}), out({2, 3, 4, 6});
  std::fill_n(in.data(), in.elements(), 1.0f);
  const Status status = network.run({}, in, out);
  EXPECT_TRUE(status.ok()) << status.message();

  const std::string bytes = read(), plan = to_text(*file.network);
  NetworkTable table{"small", plan.c_str(), nullptr, 0, nullptr, 0, 0, nullptr, 0};
  EXPECT_NE(message_of([&] { load_network(table); }).find("library 'small': has no embedded weights"),
            std::string::npos);
  table.weights = reinterpret_cast<const unsigned char*>(bytes.data());
  table.weights_bytes = bytes.size();
  Tensor again({2, 3, 4, 6});
  EXPECT_TRUE(load_network(table).run({}, in, again).ok());
  EXPECT_EQ(std::memcmp(out.data(), again.data(), 2 * 3 * 4 * 6 * 4), 0);
  table.plan = "network\t0\t0\t0\n";
  EXPECT_NE(message_of([&] { load_network(table); }).find("another network"), std::string::npos);
  table.weights_bytes = 100;
  EXPECT_NE(message_of([&] { load_network(table); }).find("library 'small': "), std::string::npos);
  save_weights(path_, file.layers);
  EXPECT_NE(message_of([&] { load_network(path_); }).find("holds no network"), std::string::npos);
}

}  // namespace
}  // namespace sepconv::test

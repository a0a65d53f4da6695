// What Keras itself computed: constraints, penalties, losses of layers, a training step, statistics of initializers.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "runner/npz.h"
#include "sepconv/layers.h"

namespace sepconv::test {

using namespace runner;

namespace {

using json = nlohmann::json;

const json& extras() {
  static const json document = json::parse(std::ifstream(SEPCONV_TEST_DATA "/extras.json"));
  return document;
}

/// An array of extras.npz.
Tensor array(const std::string& name) {
  static const std::map<std::string, NpyArray> arrays = read_npz(SEPCONV_TEST_DATA "/extras.npz");
  const NpyArray& found = arrays.at(name);
  return make_tensor(found.doubles(), found.shape);
}

Constraint constraint_of(const std::string& name, const json& config) {
  Constraint constraint = Constraint::from_name(name);
  constraint.max_value = config.value("max_value", constraint.max_value);
  constraint.min_value = config.value("min_value", constraint.min_value);
  constraint.rate = config.value("rate", constraint.rate);
  if (config.contains("axis"))
    constraint.axes = config["axis"].is_array() ? config["axis"].get<std::vector<int>>()
                                                : std::vector<int>{config["axis"].get<int>()};
  return constraint;
}
Constraint constraint_of(const json& object) {
  return object.is_null() ? Constraint() : constraint_of(object["class_name"], object["config"]);
}

Regularizer regularizer_of(const std::string& name, const json& config) {
  Regularizer regularizer = Regularizer::from_name(name);
  regularizer.l1 = config.value("l1", regularizer.l1);
  regularizer.l2 = config.value("l2", regularizer.l2);
  return regularizer;
}
Regularizer regularizer_of(const json& object) {
  return object.is_null() ? Regularizer() : regularizer_of(object["class_name"], object["config"]);
}

/// The arguments of the two layers in the file.
SeparableConvArgs args_of(const json& config) {
  return {.filters = config["filters"].get<int>(),
          .kernel_size = config["kernel_size"].get<std::vector<int>>(),
          .padding = config["padding"].get<std::string>(),
          .depth_multiplier = config["depth_multiplier"].get<int>(),
          .activation = config["activation"].get<std::string>(),
          .depthwise_regularizer = regularizer_of(config["depthwise_regularizer"]),
          .pointwise_regularizer = regularizer_of(config["pointwise_regularizer"]),
          .bias_regularizer = regularizer_of(config["bias_regularizer"]),
          .activity_regularizer = regularizer_of(config["activity_regularizer"]),
          .depthwise_constraint = constraint_of(config["depthwise_constraint"]),
          .pointwise_constraint = constraint_of(config["pointwise_constraint"]),
          .bias_constraint = constraint_of(config["bias_constraint"])};
}

Shape without_batch(const json& shape) {
  const Shape full = shape.get<Shape>();
  return Shape(full.begin() + 1, full.end());
}

/// Within a few roundings of float32, at the size of the largest element.
void expect_close(const std::vector<double>& got, const std::vector<double>& wanted, const std::string& what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
  double largest = 0;
  for (const double value : wanted) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 4e-7 * largest) << what << " at " << i;
}

TEST(KerasExtras, Constraints) {
  ASSERT_EQ(extras()["constraints"].size(), 25u);
  for (const json& row : extras()["constraints"]) {
    const Tensor weight = array(row["input"]);
    expect_close(constrained(constraint_of(row["constraint"], row["config"]), to_doubles(weight), weight.shape()),
                 to_doubles(array(row["output"])), row.dump());
  }
}

TEST(KerasExtras, Regularizers) {
  ASSERT_EQ(extras()["regularizers"].size(), 20u);
  for (const json& row : extras()["regularizers"]) {
    const double loss = row["loss"];
    EXPECT_NEAR(penalty(regularizer_of(row["regularizer"], row["config"]), array(row["input"])), loss, 1e-6 * loss)
        << row.dump();
  }
}

TEST(KerasExtras, LayerLosses) {
  ASSERT_EQ(extras()["layer_losses"].size(), 4u);
  const json& layer_object = extras()["layer_losses"][0]["layer"];  // the tf.keras rows are of the same layer
  for (const json& row : extras()["layer_losses"]) {
    SeparableConvArgs args = args_of(layer_object["config"]);
    args.trainable = row["trainable"];
    args.rules = keras_rules_from_text(row["api"].get<std::string>());
    SeparableConv2D layer(args);
    layer.build(without_batch(layer_object["build_config"]["input_shape"]));
    layer.set_weights({array("loss_dk"), array("loss_pk"), array("loss_b")});
    const std::vector<double> losses = layer.losses(array("loss_y")), wanted = row["losses"];
    ASSERT_EQ(losses.size(), wanted.size()) << row.dump();
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(losses[i], wanted[i], 1e-6 * wanted[i]) << row.dump();
    EXPECT_EQ(layer.losses().size(), wanted.size() - 1) << "no output has been seen";
  }
}

TEST(KerasExtras, TrainStep) {
  const json& row = extras()["train_step"];
  SeparableConv2D layer(args_of(row["layer"]["config"]));
  layer.build(without_batch(row["layer"]["build_config"]["input_shape"]));
  layer.set_weights({array("step_dk_before"), array("step_pk_before"), array("step_b_before")});
  double loss = 0;
  for (const double term : layer.losses()) loss += term;
  const std::vector<double> y = to_doubles(array("step_y")), cotangent = to_doubles(array("step_cotangent"));
  for (std::size_t i = 0; i < y.size(); ++i) loss += y[i] * cotangent[i] / static_cast<double>(y.size());
  EXPECT_NEAR(loss, row["loss"].get<double>(), 1e-6);
  std::vector<Tensor> updated;
  for (const char* weight : {"dk", "pk", "b"}) {
    const Tensor before = array("step_" + std::string(weight) + "_before");
    std::vector<double> values = to_doubles(before);
    const std::vector<double> gradient = to_doubles(array("step_" + std::string(weight) + "_grad"));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] -= 0.1 * gradient[i];
    updated.push_back(make_tensor(values, before.shape()));
  }
  layer.set_weights(updated);
  layer.apply_constraints();
  const std::vector<Tensor> after = layer.get_weights();
  expect_close(to_doubles(after[0]), to_doubles(array("step_dk_after")), "depthwise");
  expect_close(to_doubles(after[1]), to_doubles(array("step_pk_after")), "pointwise");
  expect_close(to_doubles(after[2]), to_doubles(array("step_b_after")), "bias");
}

struct Statistics {
  double min = 0, max = 0, mean = 0, stddev = 0;
};

/// Statistics of a weight drawn repeatedly, with at least as many values as Keras' sample.
Statistics sample(const Initializer& initializer, const Shape& shape) {
  Statistics s;
  double sum = 0, squares = 0;
  std::size_t count = 0;
  for (std::uint64_t seed = 0; count < 40000; ++seed)
    for (const double value : initial_values(initializer, shape, seed << 40)) {
      s.min = std::min(s.min, value), s.max = std::max(s.max, value);
      sum += value, squares += value * value, ++count;
    }
  s.mean = sum / static_cast<double>(count);
  s.stddev = std::sqrt(squares / static_cast<double>(count) - s.mean * s.mean);
  return s;
}

TEST(KerasExtras, InitializerStatistics) {
  ASSERT_EQ(extras()["initializers"].size(), 54u);
  for (const json& row : extras()["initializers"]) {
    const Shape shape = row["shape"];
    const Fans fans = fans_of(shape);
    EXPECT_EQ(fans.in, row["fan_in"].get<double>()) << row.dump();
    EXPECT_EQ(fans.out, row["fan_out"].get<double>()) << row.dump();
    const Statistics ours = sample(Initializer(row["initializer"].get<std::string>()), shape);
    const double stddev = row["stddev"];
    EXPECT_NEAR(ours.stddev, stddev, 0.02 * stddev) << row.dump();
    EXPECT_NEAR(ours.stddev, row["sample_std"].get<double>(), 0.03 * stddev) << row.dump();
    EXPECT_NEAR(ours.mean, 0, 0.03 * stddev) << row.dump();
    if (row["limit"].is_null()) {
      EXPECT_GT(ours.max, 3.5 * stddev) << row.dump();
      EXPECT_LT(ours.min, -3.5 * stddev) << row.dump();
    } else {
      const double limit = row["limit"];
      EXPECT_LE(std::max(ours.max, -ours.min), limit * (1 + 1e-6)) << row.dump();
      EXPECT_GT(std::min(ours.max, -ours.min), 0.97 * limit) << row.dump();
    }
  }
}

}  // namespace
}  // namespace sepconv::test

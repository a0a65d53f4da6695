// Every fold and join against the unfolded layers in double, and the unfolded layers against Keras' own results.

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "runner/npz.h"
#include "runner/reference.h"
#include "sepconv/plan.h"
#include "tests/keras/layer_reference.h"
#include "tests/keras/test_files.h"
#include "tests/stage_lists.h"

namespace sepconv::keras::test {

using namespace runner;

namespace {

using namespace sepconv::test;

double largest(const std::vector<double>& values) {
  double result = 0;
  for (const double value : values) result = std::max(result, std::abs(value));
  return result;
}

/// The largest difference, infinite when sizes differ or a value is NaN.
double max_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return INFINITY;
  double result = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (!(difference <= result)) result = std::isnan(difference) ? INFINITY : difference;
  }
  return result;
}

TEST(MaxDifference, SeesNanSizesAndSmallErrors) {
  EXPECT_EQ(max_difference({1, 2}, {1, 2}), 0);
  EXPECT_DOUBLE_EQ(max_difference({1, 2}, {1, 2.5}), 0.5);
  EXPECT_EQ(max_difference({1}, {NAN}), INFINITY);
  EXPECT_EQ(max_difference({1}, {1, 2}), INFINITY);
}

struct Model {
  explicit Model(const std::string& file)
      : document(read_document(data_path(file))), graph(build_graph(document, {})), weights(document) {}
  const ModelLayer& layer(const std::string& name) const {
    for (const ModelLayer& layer : graph.layers)
      if (layer.name == name) return layer;
    throw std::runtime_error("no layer " + name);
  }
  ModelDocument document;
  ModelGraph graph;
  LayerWeights weights;
};

class FoldingTest : public testing::TestWithParam<const char*> {};

TEST_P(FoldingTest, PlannedProblemsEqualUnfoldedLayers) {
  const Model model(GetParam());
  const Plan plan = plan_file(data_path(GetParam()));
  ASSERT_FALSE(plan.layers.empty());
  std::mt19937 engine(7);
  std::normal_distribution<float> normal;
  for (const PlannedLayer& planned : plan.layers) {
    SCOPED_TRACE(planned.name);
    ASSERT_TRUE(planned.has_weights);
    const ConvProblem& problem = planned.problem;
    std::vector<float> input(static_cast<std::size_t>(problem.IH) * problem.IW * problem.IC);
    for (float& value : input) value = normal(engine);
    const bool is_1d = model.layer(planned.name).class_name.find("1D") != std::string::npos;
    DoubleTensor tensor{{1, problem.IH, problem.IW, problem.IC}, {input.begin(), input.end()}};
    if (is_1d) tensor.shape = {1, problem.IW, problem.IC};
    for (const std::string& name : planned.absorbed)
      tensor = apply_layer(model.layer(name), model.weights, model.document.rules, {tensor});
    const std::vector<double> folded = reference(problem, planned.weights, 1, input);
    // Only the one rounding of the folded weights separates the two.
    EXPECT_LE(max_difference(folded, tensor.values),
              4e-7 * std::max(1.0, largest(tensor.values)) *
                  std::sqrt(double(middle_channels(problem) * window(problem).KH * window(problem).KW)));
    EXPECT_GT(largest(tensor.values), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, FoldingTest,
                         testing::Values("mobilenet_v1_025_96.keras", "xception_mini.keras", "xception_mini.h5",
                                         "kws1d.keras", "tcn_causal.keras", "tcn_causal.h5", "nested.keras",
                                         "nested.h5", "grouped.keras", "grouped.h5", "timed.keras",
                                         "timed_tfkeras.keras"));

/// Runs the whole model unfolded: weights, graph and shapes must all be right for Keras' own numbers to come out.
class WholeModelTest : public testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(WholeModelTest, UnfoldedLayersEqualKeras) {
  const auto& [file, io] = GetParam();
  const Model model(file);
  const auto arrays = read_npz(data_path(io));
  const NpyArray& input = arrays.at("input");
  DoubleTensor tensor{{input.shape.begin(), input.shape.end()}, input.doubles()};
  const std::vector<DoubleTensor> results = run_model(model.graph, model.weights, model.document.rules, tensor);
  std::size_t compared = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const LayerCall& call = model.graph.calls[i];
    ASSERT_TRUE(call.shape(0).has_value());
    Shape expected_shape = *call.shape(0);
    expected_shape[0] = results[i].shape[0];
    EXPECT_EQ(expected_shape, results[i].shape);  // the shape rules, on every layer of the model
    if (call.layer < 0 || call.time == TimeAxis::into_batch) continue;
    const std::string& name = model.graph.layers[static_cast<std::size_t>(call.layer)].name;
    const auto found = call.is_output ? arrays.find("output") : arrays.find("layer_" + name);
    if (found == arrays.end()) continue;
    SCOPED_TRACE(name);
    const std::vector<double> keras = found->second.doubles();
    EXPECT_LE(max_difference(results[i].values, keras), 5e-5 * std::max(1.0, largest(keras)));
    ++compared;
  }
  EXPECT_EQ(compared, arrays.size() - 1);
}

INSTANTIATE_TEST_SUITE_P(
    Models, WholeModelTest,
    testing::Values(std::pair{"mobilenet_v1_025_96.keras", "mobilenet_v1_025_96_io.npz"},
                    std::pair{"xception_mini.keras", "xception_mini_io.npz"},
                    std::pair{"xception_mini.h5", "xception_mini_io.npz"}, std::pair{"kws1d.keras", "kws1d_io.npz"},
                    std::pair{"tcn_causal.h5", "tcn_causal_io.npz"}, std::pair{"tcn_causal.keras", "tcn_causal_io.npz"},
                    std::pair{"nested.keras", "nested_io.npz"}, std::pair{"nested.h5", "nested_io.npz"},
                    std::pair{"grouped.keras", "grouped_io.npz"}, std::pair{"grouped.h5", "grouped_io.npz"},
                    std::pair{"timed.keras", "timed_io.npz"}, std::pair{"timed_tfkeras.keras", "timed_tfkeras_io.npz"},
                    std::pair{"timed.h5", "timed_io.npz"}, std::pair{"timed_tfkeras.h5", "timed_tfkeras_io.npz"}));

}  // namespace
}  // namespace sepconv::keras::test

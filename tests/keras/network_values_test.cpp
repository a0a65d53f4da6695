// Planned networks against Keras' own results.

#include <gtest/gtest.h>

#include <cmath>

#include "runner/npz.h"
#include "sepconv/plan.h"
#include "tests/keras/network_reference.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

class NetworkValues : public testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(NetworkValues, EqualKeras) {
  const auto& [file, io] = GetParam();
  PlanOptions options;
  options.network = true;
  const Plan plan = plan_file(data_path(file), options);
  ASSERT_TRUE(plan.network) << plan.why_no_network;
  const auto arrays = runner::read_npz(data_path(io));
  const std::vector<double> input = arrays.at("input").doubles(), keras = arrays.at("output").doubles();
  const std::size_t batch = arrays.at("input").shape.front(), size = input.size() / batch;
  double largest = 0, difference = 0;
  for (std::size_t n = 0; n < batch; ++n) {
    const auto begin = input.begin() + static_cast<std::ptrdiff_t>(n * size);
    const auto outputs = run_network(*plan.network, {{begin, begin + static_cast<std::ptrdiff_t>(size)}});
    ASSERT_EQ(outputs.size(), 1u);
    ASSERT_EQ(outputs[0].size() * batch, keras.size());
    for (std::size_t i = 0; i < outputs[0].size(); ++i) {
      const double expected = keras[n * outputs[0].size() + i];
      ASSERT_FALSE(std::isnan(outputs[0][i]));
      largest = std::max(largest, std::abs(expected));
      difference = std::max(difference, std::abs(outputs[0][i] - expected));
    }
  }
  EXPECT_LE(difference, 5e-5 * std::max(1.0, largest));
  EXPECT_GT(largest, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Models, NetworkValues,
    testing::Values(std::pair{"mobilenet_v1_025_96.keras", "mobilenet_v1_025_96_io.npz"},
                    std::pair{"xception_mini.keras", "xception_mini_io.npz"},
                    std::pair{"xception_mini.h5", "xception_mini_io.npz"}, std::pair{"kws1d.keras", "kws1d_io.npz"},
                    std::pair{"tcn_causal.keras", "tcn_causal_io.npz"}, std::pair{"nested.keras", "nested_io.npz"},
                    std::pair{"nested.h5", "nested_io.npz"}, std::pair{"grouped.keras", "grouped_io.npz"},
                    std::pair{"timed.keras", "timed_io.npz"}, std::pair{"timed_tfkeras.keras", "timed_tfkeras_io.npz"},
                    std::pair{"timed.h5", "timed_io.npz"}));

}  // namespace
}  // namespace sepconv::keras::test

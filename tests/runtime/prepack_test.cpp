// Packed weights against the definition of their order.

#include "runtime/core/prepack.h"

#include <gtest/gtest.h>

#include "tests/runtime/fake_kernels.h"
#include "tests/stage_weights.h"

namespace sepconv::test {
namespace {

void expect_slack(const PackedArray& array) {
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % 64, 0u);
  for (std::size_t i = 0; i < 64; ++i) ASSERT_EQ(array.data()[array.size() + i], 0.0f);
}

class Prepack : public testing::TestWithParam<std::tuple<int, int, int, int>> {};

TEST_P(Prepack, EqualsTheDefinition) {
  const auto [IC, m, OC, panel] = GetParam();
  ConvProblem p = problem_of(separable_stages());
  p.IC = IC, p.stages[0].depth_multiplier = m, p.stages.back().out_channels = OC, window(p).KH = 2, window(p).KW = 3,
  p.IH = p.IW = 5;
  set_bias(middle(p), true), set_bias(output(p), true);
  ConvWeights weights = integer_weights(p);
  float value = 1;  // all different, none zero
  for (WeightArray& array : weights.arrays)
    for (std::size_t i = 0; i < array.size(); ++i) array.set(i, value++);
  const NamedArrays given = named(p, weights);
  const int pw_panel = panel + 3;
  const PackedWeights packed = pack_weights(weights, p, {panel, pw_panel});
  ASSERT_EQ(packed.arrays.size(), 4u);
  const PackedArray &depthwise = packed.arrays[0], &middle_bias = packed.arrays[1], &pointwise = packed.arrays[2],
                    &bias = packed.arrays[3];

  const std::size_t dw_panels = (IC + panel - 1) / panel, pw_panels = (OC + pw_panel - 1) / pw_panel;
  ASSERT_EQ(depthwise.size(), dw_panels * 2 * 3 * m * panel);
  const float* at = depthwise.data();
  for (std::size_t co = 0; co < dw_panels; ++co)
    for (int kh = 0; kh < 2; ++kh)
      for (int kw = 0; kw < 3; ++kw)
        for (int mi = 0; mi < m; ++mi)
          for (int ci = 0; ci < panel; ++ci) {
            const int ic = static_cast<int>(co) * panel + ci;
            ASSERT_EQ(*at++, ic < IC ? given.depthwise[((kh * 3 + kw) * IC + ic) * m + mi] : 0.0f);
          }
  ASSERT_EQ(middle_bias.size(), m * dw_panels * panel);
  at = middle_bias.data();
  for (int mi = 0; mi < m; ++mi)
    for (int ic = 0; ic < static_cast<int>(dw_panels) * panel; ++ic)
      ASSERT_EQ(*at++, ic < IC ? given.middle_bias[ic * m + mi] : 0.0f);
  ASSERT_EQ(pointwise.size(), pw_panels * m * IC * pw_panel);
  at = pointwise.data();
  for (std::size_t oo = 0; oo < pw_panels; ++oo)
    for (int mi = 0; mi < m; ++mi)
      for (int ic = 0; ic < IC; ++ic)
        for (int oi = 0; oi < pw_panel; ++oi) {
          const int oc = static_cast<int>(oo) * pw_panel + oi;
          ASSERT_EQ(*at++, oc < OC ? given.pointwise[(ic * m + mi) * OC + oc] : 0.0f);
        }
  ASSERT_EQ(bias.size(), given.bias.size());
  for (std::size_t i = 0; i < given.bias.size(); ++i) EXPECT_EQ(bias.data()[i], given.bias[i]);
  for (const PackedArray& array : packed.arrays) expect_slack(array);
}

INSTANTIATE_TEST_SUITE_P(All, Prepack,
                         testing::Values(std::tuple{1, 1, 1, 1}, std::tuple{8, 1, 16, 8}, std::tuple{7, 1, 5, 8},
                                         std::tuple{9, 2, 17, 4}, std::tuple{5, 3, 1, 16}));

TEST(PrepackTypes, ValuesAreRoundedToTheTypeAndHeldInTheAccumulators) {
  constexpr double kThird = 1.0 / 3;
  ConvProblem p = problem_of(pointwise_stages());
  set_bias(output(p), true);
  const ConvWeights weights{std::vector<double>{kThird}, std::vector<double>{2 * kThird}};
  p.dtype = DataType::float64;
  PackedWeights packed = pack_weights(weights, p, {0, 1});
  EXPECT_EQ(packed.arrays[0].data<double>()[0], kThird);
  EXPECT_EQ(packed.arrays[1].data<double>()[0], 2 * kThird);
  for (const DataType dtype : {DataType::float32, DataType::float16, DataType::bfloat16}) {
    p.dtype = dtype;
    packed = pack_weights(weights, p, {0, 1});
    EXPECT_EQ(packed.arrays[0].data()[0], round_to(dtype, kThird)) << to_text(dtype);
    EXPECT_EQ(packed.arrays[1].data()[0], round_to(dtype, 2 * kThird)) << to_text(dtype);
  }
}

TEST(PrepackArrays, AreThoseThatTheProblemHas) {
  ConvProblem p = problem_of(pointwise_stages());
  p.IC = 2, p.stages.back().out_channels = 3;
  const PackedWeights packed = pack_weights(integer_weights(p), p, {0, 4});
  ASSERT_EQ(packed.arrays.size(), 1u);
  EXPECT_NE(packed.arrays[0].data(), nullptr);
}

TEST(PrepackErrors, WrongPanelsAndWeights) {
  ConvProblem p = problem_of(separable_stages());
  p.IC = 2, p.stages.back().out_channels = 3;
  ConvWeights weights = integer_weights(p);
  EXPECT_THROW(pack_weights(weights, p, {0, 4}), std::invalid_argument);
  EXPECT_THROW(pack_weights(weights, p, {4, -1}), std::invalid_argument);
  weights.arrays.emplace_back(std::vector<float>{1});
  EXPECT_THROW(pack_weights(weights, p, {4, 4}), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::test

// The strict mode: the sums of docs/numerics.md in their stated order, bit for bit, specials and all.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "runner/layer_run.h"
#include "runner/seeded.h"
#include "sepconv/layer.h"
#include "tests/kernels/kernel_batch.h"
#include "tests/kernels/kernel_check.h"
#include "tests/stage_weights.h"

namespace sepconv::test {

using namespace generators;
using namespace runner;

namespace {

/// What the strict mode promises, computed in T one rounding at a time: taps from the first row's first, products of
/// the padding's zeros included; then the bias, or for a pointwise or conv sum the bias first and the channels
/// of each multiplier or tap after one another.
template <class T>
class StrictOrder {
 public:
  StrictOrder(const ConvProblem& problem, const SeededCase& data)
      : p_(problem), data_(data), weights_(test::named(problem, data.weights)) {}

  std::vector<T> output() const {
    std::vector<T> result;
    for (int oh = 0; oh < p_.OH(); ++oh)
      for (int ow = 0; ow < p_.OW(); ++ow)
        for (int f = 0; f < p_.OC(); ++f)
          result.push_back(!p_.has(StageKind::conv)       ? alone(oh, ow, f)
                           : p_.has(StageKind::depthwise) ? pointwise(oh, ow, f)
                                                          : conv(oh, ow, f));
    return result;
  }

 private:
  /// What a tap reads: 0 in the padding.
  T input(int oh, int ow, int kh, int kw, int c) const {
    const Window& w = window(p_);
    const int ih = oh * w.stride_h + kh * w.dilation_h - w.pad_top;
    const int iw = ow * w.stride_w + kw * w.dilation_w - w.pad_left;
    const bool inside = ih >= 0 && ih < p_.IH && iw >= 0 && iw < p_.IW;
    return inside ? static_cast<T>(data_.input[(std::size_t(ih) * p_.IW + iw) * p_.IC + c]) : T{0};
  }
  T depthwise(int oh, int ow, int c, int m) const {
    T sum = 0;
    for (int kh = 0; kh < window(p_).KH; ++kh)
      for (int kw = 0; kw < window(p_).KW; ++kw) {
        const T x = input(oh, ow, kh, kw, c);
        const T weight = static_cast<T>(
            weights_
                .depthwise[((std::size_t(kh) * window(p_).KW + kw) * p_.IC + c) * p_.stages[0].depth_multiplier + m]);
        const volatile T product = weight * x;  // volatile: rounded by itself whatever the compiler may contract
        sum = sum + product;
      }
    return sum;
  }
  T alone(int oh, int ow, int q) const {
    const T sum = depthwise(oh, ow, q / p_.stages[0].depth_multiplier, q % p_.stages[0].depth_multiplier);
    return has_bias(test::output(p_)) ? sum + static_cast<T>(weights_.bias[q]) : sum;
  }
  T pointwise(int oh, int ow, int f) const {
    T sum = has_bias(test::output(p_)) ? static_cast<T>(weights_.bias[f]) : T{0};
    for (int m = 0; m < p_.stages[0].depth_multiplier; ++m)
      for (int c = 0; c < p_.IC; ++c) {
        const std::size_t row = std::size_t(c) * p_.stages[0].depth_multiplier + m;
        const volatile T product = static_cast<T>(weights_.pointwise[row * p_.OC() + f]) * depthwise(oh, ow, c, m);
        sum = sum + product;
      }
    return sum;
  }

  T conv(int oh, int ow, int f) const {
    T sum = has_bias(test::output(p_)) ? static_cast<T>(weights_.bias[f]) : T{0};
    for (int kh = 0; kh < window(p_).KH; ++kh)
      for (int kw = 0; kw < window(p_).KW; ++kw)
        for (int c = 0; c < p_.IC; ++c) {
          const std::size_t row = (std::size_t(kh) * window(p_).KW + kw) * p_.IC + c;
          const volatile T product = static_cast<T>(weights_.pointwise[row * p_.OC() + f]) * input(oh, ow, kh, kw, c);
          sum = sum + product;
        }
    return sum;
  }

  const ConvProblem& p_;
  const SeededCase& data_;
  const test::NamedArrays weights_;
};

template <class T>
bool same(T a, T b) {
  return std::isnan(a) ? std::isnan(b) : std::memcmp(&a, &b, sizeof a) == 0;  // tells -0 from 0
}

template <class T>
void expect_order_of(const CompiledKernel& row, const ConvProblem& problem, const SeededCase& data) {
  ConvLayer layer(row.symbol, problem, data.weights);
  layer.force_kernel(row.symbol);
  const Tensor input = make_tensor(data.input, input_shape(problem, 1), problem.dtype);
  Tensor output(output_shape(problem, 1), problem.dtype);
  const Status status = layer.run({}, input, output);
  ASSERT_TRUE(status.ok()) << status.message();
  const std::vector<T> wanted = StrictOrder<T>(problem, data).output();
  for (std::size_t i = 0; i < wanted.size(); ++i)
    ASSERT_TRUE(same(output.data<T>()[i], wanted[i]))
        << row.symbol << " element " << i << ": " << output.data<T>()[i] << ", expected " << wanted[i];
}

void expect_stated_order(const CompiledKernel& row, const ConvProblem& problem, const SeededCase& data) {
  if (problem.dtype == DataType::float64)
    expect_order_of<double>(row, problem, data);
  else
    expect_order_of<float>(row, problem, data);
}

TEST(StrictFloatTest, SumsInTheStatedOrder) {
  std::vector<KernelSpec> specs;
  for (const Target& target : native_cpu_targets())
    for (const char* text : {"f32strict_nhwc_i6x7x19.dw_k3x3_p1x1x1x1_m2.bias",
                             "f32strict_nhwc_i6x7x19.dw_k3x3_p1x1x1x1_m2.conv_o21_k1x1.bias",
                             "f64strict_nhwc_i6x7x19.dw_k3x3_s2x2_p1x1x1x1.conv_o21_k1x1",
                             "f32strict_nhwc_i6x7x19.conv_o21_k3x3_d2x1_p1x1x1x1.bias",
                             "f64strict_nhwc_i6x7x3.conv_o21_k3x3_s2x2_p1x1x1x1"}) {
      const ConvProblem problem = problem_from_text(text);
      specs.push_back({problem, default_cpu_schedule(lower(problem, target)), target.name});
    }
  const auto kernels = compile_and_load("strict", specs);
  std::size_t run = 0;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    ASSERT_NE(kernels[i].kernel, nullptr) << to_text(specs[i]) << ": " << kernels[i].fault;
    if (cannot_run_here(*kernels[i].kernel)) continue;
    const ConvProblem& problem = specs[i].problem;
    SeededCase data = real_values(problem, 1, 11);
    for (const double special : {0.5, -0.0, 1e-39, 3e38, std::numeric_limits<double>::infinity(),
                                 -std::numeric_limits<double>::infinity(), std::nan("")}) {
      data.input[data.input.size() / 2] = special;
      expect_stated_order(*kernels[i].kernel, problem, data);
    }
    data.weights.arrays[0].set(3, std::nan(""));
    expect_stated_order(*kernels[i].kernel, problem, data);
    ++run;
  }
  EXPECT_GE(run, 3u);
}

}  // namespace
}  // namespace sepconv::test

#pragma once
// Problems of every kind that a search space must serve.

#include <string>
#include <vector>

namespace sepconv {

inline const std::vector<std::string>& search_problems() {
  static const std::vector<std::string> problems = {
      "separable_f32_nhwc_i56x56x128_o128_k3x3_s1x1_d1x1_p1x1x1x1_m1_mid-nobias-linear_out-bias-relu",
      "separable_f32_nhwc_i1x128x64_o128_k1x29_s1x1_d1x2_p0x0x28x28_m1_mid-nobias-linear_out-bias-relu",
      "separable_f32_nchw_i14x14x512_o512_k3x3_s1x1_d1x1_p1x1x1x1_m1_mid-nobias-linear_out-bias-relu",
      "separable_f64_nhwc_i7x7x3_o5_k3x3_s2x2_d1x1_p1x1x1x1_m2_mid-bias-relu_out-bias-linear",
      "separable_f32_nhwc_i?x?x17_o33_k3x3_s1x1_d1x1_p?x?x?x?_m1_mid-nobias-linear_out-bias-linear",
      "depthwise_f32_nhwc_i28x28x192_o192_k3x3_s1x1_d1x1_p1x1x1x1_m1_out-bias-relu6",
      "depthwise_f16_nchw_i28x28x48_o48_k5x5_s2x2_d1x1_p1x2x1x2_m1_out-bias-relu6",
      "pointwise_f32_nhwc_i14x14x64_o384_k1x1_s1x1_d1x1_p0x0x0x0_m1_out-bias-relu6",
  };
  return problems;
}

}  // namespace sepconv

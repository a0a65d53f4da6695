#pragma once
// Problems of every kind that a search space must serve.

#include <string>
#include <vector>

namespace sepconv::test {

inline const std::vector<std::string>& search_problems() {
  static const std::vector<std::string> problems = {
      "f32_nhwc_i56x56x128.dw_k3x3_p1x1x1x1.conv_o128_k1x1.bias.relu",
      "f32_nhwc_i1x128x64.dw_k1x29_d1x2_p0x0x28x28.conv_o128_k1x1.bias.relu",
      "f32_nchw_i14x14x512.dw_k3x3_p1x1x1x1.conv_o512_k1x1.bias.relu",
      "f64_nhwc_i7x7x3.dw_k3x3_s2x2_p1x1x1x1_m2.bias.relu.conv_o5_k1x1.bias",
      "f32_nhwc_i?x?x17.dw_k3x3_p?x?x?x?.conv_o33_k1x1.bias",
      "f32_nhwc_i28x28x192.dw_k3x3_p1x1x1x1.bias.relu6",
      "f16_nchw_i28x28x48.dw_k5x5_s2x2_p1x2x1x2.bias.relu6",
      "f32_nhwc_i14x14x64.conv_o384_k1x1.bias.relu6",
  };
  return problems;
}

}  // namespace sepconv::test

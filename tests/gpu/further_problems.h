#pragma once
// Problems that the golden cases of the Keras layers do not have: single conv stages, pools and copies; in nchw
// strides and rows whose vectors OpenCL does not have; operands, pitches, norms, resizes.

namespace sepconv::test {

inline constexpr const char* kFurtherProblems[] = {
    "f32_nhwc_i6x7x13.conv_o23_k1x1.bias.relu",
    "f32_nchw_i6x7x13.conv_o23_k1x1.bias",
    "f32_nhwc_i9x8x17.conv_o33_k1x1_s2x2_p0x1x0x0",
    "f32_nhwc_i15x13x3.conv_o16_k3x3_s2x2_p1x1x1x1.bias.relu6",
    "f32_nchw_i9x11x5.conv_o9_k3x2_p1x1x0x1.relu",
    "f32_nhwc_i12x9x8.conv_o12_k3x3_d2x3.bias",
    "f32_nhwc_i1x50x12.conv_o20_k1x5_d1x2_p0x0x8x0.bias.tanh",
    "f16_nhwc_i7x7x16.conv_o24_k3x3_p1x1x1x1.bias.relu",
    "f32_nchw_i9x8x5.dw_k3x3_s2x2_p1x1x0x1.bias",
    "f32_nchw_i9x23x5.dw_k3x3_s3x3_p1x1x0x1.bias.relu",
    "f32_nchw_i9x13x5.dw_k3x3_s4x4_p1x1x1x1",
    "f16_nchw_i9x12x6.dw_k3x3_s3x3_p1x1x0x0.bias",
    "bf16_nchw_i7x9x6.conv_o10_k5x5_p2x2x2x2.bias",
    "f32_nhwc_i9x11x13.maxpool_k3x3_s2x2_p1x1x0x1",
    "f32_nchw_i9x11x5.avgpool_k3x2_s1x2_p1x1x0x1.bias.relu",
    "f32_nhwc_i7x7x24.avgpool_k7x7",
    "f16_nhwc_i6x7x8.copy_k1x1_p1x2x0x1.scale.bias.prelu",
    // Operands.
    "f32_nhwc_i6x7x8.conv_o12_k1x1.bias.add.relu",
    "f32_nchw_i6x7x5.conv_o9_k3x3_p1x1x1x1.bias.add.mul_c.sub_p",
    "f32_nhwc_i9x7x6.dw_k3x3_p1x1x1x1.relu.conv_o10_k1x1.bias.max_p.min.relu",
    "f16_nhwc_i5x6x8.copy_k1x1.mul_c.add",
    "bf16_nchw_i5x6x6.avgpool_k2x2.mul_c.add",
    // Pitches: channels of wider pixels, whole rows apart, and columns in place of rows.
    "f32_nhwc_i7x9x6_x108x12_y180x20.conv_o10_k3x3_p1x1x1x1.bias.add.relu",
    "f32_nhwc_i7x9x6_x300x12_y400x20.conv_o10_k1x1.bias.mul_c.sub_p",
    "f32_nhwc_i8x9x6_y400x36.dw_k3x3_p1x1x1x1.bias.relu.conv_o10_k1x1.bias.add",
    "f32_nhwc_i7x9x6_x8x70_y10x80.maxpool_k3x3_p1x1x1x1",
    "f16_nhwc_i7x9x8_x9x80_y8x56.copy_k1x1.relu",
    "f32_nhwc_i1x30x13_y600x18.dw_k1x5_d1x2_p0x0x4x4.bias.mul_p",
    // Norms: lanes of whole blocks and with a rest, fewer channels than a warp, and both layouts.
    "f32_nhwc_i5x7x37.norm_k1x1_e(1e-05).scale.bias",
    "f32_nhwc_i6x8x64.norm_k1x1_e(0.001).scale.bias.add.relu",
    "f32_nchw_i5x7x12.norm_k1x1_e(0.001).scale.bias.relu",
    "f16_nhwc_i9x7x3_x400x20_y90x10.norm_k1x1_e(0.001).scale.bias",
    // Resizes.
    "f32_nhwc_i5x7x8.resize_o10x14_nearest",
    "f32_nhwc_i5x7x6_y400x20.resize_o11x9_bilinear.add",
    "f32_nchw_i5x7x6.resize_o3x20_bilinear.relu",
    "bf16_nhwc_i4x4x6.resize_o9x5_nearest.mul_c",
};

/// Activations along an axis, as a network's kernels of their own: along the channels, with many lines and with few,
/// and along the columns.
inline constexpr const char* kAxisProblems[] = {
    "f32_nhwc_i3x1x1000.copy_k1x1.softmax",   "f32_nhwc_i70x1x37.copy_k1x1.softmax",
    "f16_nhwc_i5x1x10.copy_k1x1.softmax",     "f32_nhwc_i5x6x7.copy_k1x1.softmax(-2)",
    "f32_nhwc_i9x1x13.copy_k1x1.log_softmax", "bf16_nhwc_i2x33x40.copy_k1x1.log_softmax(-2)",
    "f32_nhwc_i5x1x14.copy_k1x1.glu",         "f32_nhwc_i3x6x10.copy_k1x1.glu(-2)",
};

}  // namespace sepconv::test

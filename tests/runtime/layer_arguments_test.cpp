// The arguments of the Keras layers, and the errors of wrong ones.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "sepconv/layers.h"
#include "tests/runtime/message_of.h"

namespace sepconv::test {
namespace {

struct Refusal {
  const char* name;
  std::function<void()> construct;
  const char* message;  // its beginning
};

class Arguments : public testing::TestWithParam<Refusal> {};

TEST_P(Arguments, AreRefusedInKerasWords) {
  const std::string message = message_of(GetParam().construct);
  EXPECT_EQ(message.substr(0, std::string(GetParam().message).size()), GetParam().message);
}

void separable1(const SeparableConvArgs& args) { SeparableConv1D layer(args); }
void separable2(const SeparableConvArgs& args) { SeparableConv2D layer(args); }
void depthwise1(const DepthwiseConvArgs& args) { DepthwiseConv1D layer(args); }
void depthwise2(const DepthwiseConvArgs& args) { DepthwiseConv2D layer(args); }

INSTANTIATE_TEST_SUITE_P(
    All, Arguments,
    testing::Values(
        Refusal{"dm_zero", [] { separable1({.filters = 3, .kernel_size = 3, .depth_multiplier = 0}); },
                "Invalid value for argument `depth_multiplier`. Expected a strictly positive value. Received "
                "depth_multiplier=0."},
        Refusal{"dm_negative", [] { depthwise1({.kernel_size = 3, .depth_multiplier = -1}); },
                "Invalid value for argument `depth_multiplier`. Expected a strictly positive value. Received "
                "depth_multiplier=-1."},
        Refusal{"filters_zero", [] { separable1({.filters = 0, .kernel_size = 3}); },
                "Invalid value for argument `filters`. Expected a strictly positive value. Received filters=0."},
        Refusal{"filters_missing", [] { separable2({.kernel_size = 3}); },
                "SeparableConv2D missing 1 required argument: 'filters'"},
        Refusal{"kernel_missing", [] { depthwise2({}); }, "DepthwiseConv2D missing 1 required argument: 'kernel_size'"},
        Refusal{
            "kernel_zero", [] { separable1({.filters = 3, .kernel_size = 0}); },
            "The `kernel_size` argument must be a tuple of 1 integers. Received kernel_size=0, including values {0} "
            "that do not satisfy `value > 0`"},
        Refusal{"kernel_zero_2d",
                [] {
                  depthwise2({.kernel_size = {1, 0}});
                },
                "The `kernel_size` argument must be a tuple of 2 integers. Received kernel_size=(1, 0), including "
                "values {0} that do not satisfy `value > 0`"},
        Refusal{"kernel_pair_1d",
                [] {
                  separable1({.filters = 3, .kernel_size = {3, 3}});
                },
                "The `kernel_size` argument must be a tuple of 1 integers. Received kernel_size=(3, 3)"},
        Refusal{"kernel_triple_2d",
                [] {
                  separable2({.filters = 3, .kernel_size = {3, 3, 3}});
                },
                "The `kernel_size` argument must be a tuple of 2 integers. Received kernel_size=(3, 3, 3)"},
        Refusal{"kernel_single_2d", [] { depthwise2({.kernel_size = {3}}); },
                "The `kernel_size` argument must be a tuple of 2 integers. Received kernel_size=(3,)"},
        Refusal{"kernel_huge", [] { depthwise2({.kernel_size = 1 << 20, .dilation_rate = 1 << 20}); },
                "The `kernel_size` argument, dilated, spans"},
        Refusal{"strides_zero",
                [] {
                  separable2({.filters = 3, .kernel_size = 3, .strides = {1, 0}});
                },
                "The `strides` argument must be a tuple of 2 integers. Received strides=(1, 0), including values {0} "
                "that do not satisfy `value > 0`"},
        Refusal{"strides_negative", [] { depthwise2({.kernel_size = 3, .strides = -1}); },
                "The `strides` argument must be a tuple of 2 integers. Received strides=-1, including values {-1} that "
                "do not satisfy `value > 0`"},
        Refusal{"strides_pair_1d",
                [] {
                  depthwise1({.kernel_size = 3, .strides = {2, 2}});
                },
                "The `strides` argument must be a tuple of 1 integers. Received strides=(2, 2)"},
        Refusal{
            "dilation_zero", [] { separable1({.filters = 3, .kernel_size = 3, .dilation_rate = 0}); },
            "The `dilation_rate` argument must be a tuple of 1 integers. Received dilation_rate=0, including values "
            "{0} that do not satisfy `value > 0`"},
        Refusal{"dilation_triple",
                [] {
                  depthwise2({.kernel_size = 3, .dilation_rate = {1, 2, 3}});
                },
                "The `dilation_rate` argument must be a tuple of 2 integers. Received dilation_rate=(1, 2, 3)"},
        Refusal{"padding_full", [] { separable2({.filters = 3, .kernel_size = 3, .padding = "full"}); },
                "The `padding` argument must be a list/tuple or one of {'same', 'valid'}. Received: full"},
        Refusal{
            "padding_full_k2",
            [] { separable1({.filters = 3, .kernel_size = 3, .padding = "Full", .rules = KerasRules::tf_keras_2}); },
            "The `padding` argument must be a list/tuple or one of \"valid\", \"same\" (or \"causal\", only for "
            "`Conv1D). Received: full"},
        Refusal{"padding_causal", [] { separable1({.filters = 3, .kernel_size = 3, .padding = "causal"}); },
                "The `padding` argument must be a list/tuple or one of {'same', 'valid'}. Received: causal"},
        Refusal{"padding_causal_2d",
                [] { depthwise2({.kernel_size = 3, .padding = "causal", .causal_extension = true}); },
                "The `padding` argument must be a list/tuple or one of {'same', 'valid'}. Received: causal"},
        Refusal{"padding_causal_k2_depthwise",
                [] { depthwise1({.kernel_size = 3, .padding = "causal", .rules = KerasRules::tf_keras_2}); },
                "Causal padding is only supported for `Conv1D`and `SeparableConv1D`."},
        Refusal{
            "padding_causal_k2_2d",
            [] { separable2({.filters = 3, .kernel_size = 3, .padding = "causal", .rules = KerasRules::tf_keras_2}); },
            "Causal padding is only supported for `Conv1D`and `SeparableConv1D`."},
        Refusal{"stride_dilation_k2",
                [] {
                  depthwise2(
                      {.kernel_size = 3, .strides = {2, 1}, .dilation_rate = {1, 2}, .rules = KerasRules::tf_keras_2});
                },
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=(2, 1) and "
                "dilation_rate=(1, 2)"},
        Refusal{"kernel_zero_k2", [] { separable1({.filters = 3, .kernel_size = 0, .rules = KerasRules::tf_keras_2}); },
                "The `kernel_size` argument must be a tuple of 1 integers. Received: 0 including {0} that does not "
                "satisfy the requirement `> 0`."},
        Refusal{"kernel_pair_1d_k2",
                [] {
                  separable1({.filters = 3, .kernel_size = {3, 3}, .rules = KerasRules::tf_keras_2});
                },
                "The `kernel_size` argument must be a tuple of 1 integers. Received: (3, 3)"},
        Refusal{"strides_zero_k2",
                [] { separable1({.filters = 3, .kernel_size = 3, .strides = 0, .rules = KerasRules::tf_keras_2}); },
                "The argument `strides` cannot contains 0(s). Received: (0,)"},
        Refusal{
            "strides_negative_k2",
            [] { separable1({.filters = 3, .kernel_size = 3, .strides = -1, .rules = KerasRules::tf_keras_2}); },
            "The `strides` argument must be a tuple of 1 integers. Received: -1 including {-1} that does not satisfy "
            "the requirement `>= 0`."},
        Refusal{"data_format_k2",
                [] {
                  separable1({.filters = 3, .kernel_size = 3, .data_format = "NHWC", .rules = KerasRules::tf_keras_2});
                },
                "The `data_format` argument must be one of \"channels_first\", \"channels_last\". Received: NHWC"},
        Refusal{
            "activation_celu_k2",
            [] { separable1({.filters = 3, .kernel_size = 3, .activation = "celu", .rules = KerasRules::tf_keras_2}); },
            "Unknown activation function 'celu' cannot be deserialized."},
        Refusal{"regularizer", [] { separable2({.filters = 3, .kernel_size = 3, .pointwise_regularizer = "l1_l2"}); },
                "Could not interpret regularizer identifier: l1_l2"},
        Refusal{"constraint", [] { depthwise2({.kernel_size = 3, .depthwise_constraint = "maxnorm"}); },
                "Could not interpret constraint identifier: maxnorm"},
        Refusal{"dtype_int8", [] { depthwise2({.kernel_size = 3, .dtype = "int8"}); },
                "Cannot convert `policy` into a valid pair (`mode`, `source_name`) to instantiate "
                "`QuantizedDTypePolicy`. Received: policy=int8"},
        Refusal{"dtype_unknown", [] { depthwise2({.kernel_size = 3, .dtype = "single"}); },
                "Cannot convert 'single' to a DTypePolicy (argument `dtype`)"},
        Refusal{"weights", [] { depthwise2({.kernel_size = 3, .weights = {Tensor({1})}}); },
                "Unrecognized keyword arguments passed to DepthwiseConv2D: {'weights'"},
        Refusal{"batch_size", [] { depthwise2({.kernel_size = 3, .batch_size = 4}); },
                "Unrecognized keyword arguments passed to DepthwiseConv2D: {'batch_size'"},
        Refusal{"data_format", [] { separable2({.filters = 3, .kernel_size = 3, .data_format = "NHWC"}); },
                "The `data_format` argument must be one of {'channels_first', 'channels_last'}. Received: "
                "data_format=nhwc"},
        Refusal{"activation_unknown", [] { separable1({.filters = 3, .kernel_size = 3, .activation = "foo"}); },
                "Could not interpret activation function identifier: foo. Known: linear, relu"},
        Refusal{"activation_case", [] { separable1({.filters = 3, .kernel_size = 3, .activation = "ReLU"}); },
                "Could not interpret activation function identifier: ReLU"},
        Refusal{"initializer", [] { depthwise1({.kernel_size = 3, .depthwise_initializer = "foo"}); },
                "Could not interpret initializer identifier: foo"}),
    [](const auto& test) { return test.param.name; });

TEST(Arguments, OddOnesThatAreFine) {
  EXPECT_EQ(SeparableConv1D({.filters = 3, .kernel_size = {3}, .padding = "VaLiD"}).output_shape({10, 12}),
            (Shape{8, 3}));
  EXPECT_EQ(DepthwiseConv2D({.kernel_size = 3, .data_format = "Channels_Last"}).output_shape({10, 10, 3}),
            (Shape{8, 8, 3}));
  EXPECT_EQ(
      SeparableConv2D({.filters = 3, .kernel_size = 3, .strides = 2, .dilation_rate = 2}).output_shape({10, 10, 3}),
      (Shape{3, 3, 3}));
  EXPECT_EQ(DepthwiseConv2D({.kernel_size = 3, .strides = {1, 2}, .dilation_rate = {2, 1}}).output_shape({10, 10, 3}),
            (Shape{6, 4, 3}));
  EXPECT_EQ(DepthwiseConv2D({.kernel_size = 15, .padding = "same"}).output_shape({10, 10, 3}), (Shape{10, 10, 3}));
  EXPECT_EQ(SeparableConv1D({.filters = 3, .kernel_size = 3}).output_shape({kDynamic, 4}), (Shape{kDynamic, 3}));
  EXPECT_EQ(SeparableConv1D({.filters = 4, .kernel_size = 3, .strides = 2}).output_shape({10, 12}), (Shape{4, 4}));
  EXPECT_EQ(SeparableConv1D(
                {.filters = 3, .kernel_size = 3, .strides = 2, .padding = "Causal", .rules = KerasRules::tf_keras_2})
                .output_shape({10, 12}),
            (Shape{5, 3}));
  EXPECT_EQ(DepthwiseConv1D({.kernel_size = 3, .padding = "causal", .causal_extension = true}).output_shape({10, 12}),
            (Shape{10, 12}));
  EXPECT_EQ(SeparableConv2D({.filters = 3, .kernel_size = 3, .padding = "same"}).output_shape({0, 10, 3}),
            (Shape{0, 10, 3}));
  EXPECT_EQ(
      DepthwiseConv1D({.kernel_size = 3, .depth_multiplier = 2, .data_format = "channels_first"}).output_shape({5, 9}),
      (Shape{10, 7}));
  for (const char* name :
       {"leaky_relu", "hard_swish", "hard_silu", "relu6", "relu(0.1;4;0.5)", "softmax", "gelu", "elu"})
    EXPECT_NO_THROW(DepthwiseConv1D({.kernel_size = 3, .activation = name})) << name;
}

}  // namespace
}  // namespace sepconv::test

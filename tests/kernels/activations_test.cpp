// Every activation as kernels compute it: against what Keras computed, against long double, and at special values. The
// kernels are 1x1 depthwise layers with unit weights, so that the epilogue is all that they do.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "runner/activation_reference.h"
#include "runner/npz.h"
#include "runtime/core/axis_activation.h"
#include "sepconv/layer.h"
#include "sepconv/tensor.h"
#include "tests/kernels/kernel_batch.h"
#include "tests/kernels/kernel_check.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;
using namespace runner;

namespace {

constexpr std::int64_t kImage = 64 * 16;  // elements
constexpr const char* kTargets[] = {"x86-64-avx512", "x86-64-avx2", "x86-64-sse41"};

/// The activations of the golden data by their keys there, all but those along an axis.
const std::map<std::string, std::string> kGoldenActivations = {
    {"linear", "linear"},
    {"relu", "relu"},
    {"relu6", "relu6"},
    {"leaky_relu", "relu(0.2;inf;0)"},
    {"elu", "elu"},
    {"selu", "selu"},
    {"celu", "celu"},
    {"softplus", "softplus"},
    {"softsign", "softsign"},
    {"sigmoid", "sigmoid"},
    {"tanh", "tanh"},
    {"silu", "silu"},
    {"gelu", "gelu"},
    {"exponential", "exponential"},
    {"hard_sigmoid", "hard_sigmoid"},
    {"hard_silu", "hard_silu"},
    {"hard_tanh", "hard_tanh"},
    {"hard_shrink", "hard_shrink"},
    {"soft_shrink", "soft_shrink"},
    {"tanh_shrink", "tanh_shrink"},
    {"mish", "mish"},
    {"log_sigmoid", "log_sigmoid"},
    {"sparse_plus", "sparse_plus"},
    {"sparse_sigmoid", "sparse_sigmoid"},
    {"squareplus", "squareplus"},
    {"gelu_approximate", "gelu_tanh"},
    {"relu_ns0.1", "relu(0.1;inf;0)"},
    {"relu_max4", "relu(0;4;0)"},
    {"relu_thr1", "relu(0;inf;1)"},
    {"relu_ns0.1_max4_thr1", "relu(0.1;4;1)"},
    {"leaky_relu_0.3", "relu(0.3;inf;0)"},
    {"elu_0.5", "elu(0.5)"},
    {"celu_2", "celu(2)"},
    {"threshold_0.5_-1", "threshold(0.5;-1)"},
    {"k2_hard_sigmoid", "hard_sigmoid_keras2"},
    {"k2_gelu", "gelu"},
    {"k2_mish", "mish"},
    {"k2_leaky_relu", "relu(0.2;inf;0)"},
    {"k2_swish", "silu"},
    {"k2_selu", "selu"},
};

ConvProblem problem_of(const std::string& activation, DataType dtype) {
  ConvProblem p = sepconv::test::problem_of(depthwise_stages());
  p.dtype = dtype;
  p.IW = 64;
  p.IC = 16;
  set_activation(output(p), activation_from_text(activation));
  return p;
}

/// The compiled kernels of all activations, targets and both types.
class Kernels {
 public:
  static Kernels& all() {
    static Kernels kernels;
    return kernels;
  }

  /// activation(input), computed by a kernel of the target; nothing where this machine cannot run it.
  std::optional<std::vector<double>> run(const std::string& target, const std::string& activation,
                                         const std::vector<double>& input, DataType dtype) const {
    const ConvProblem problem = problem_of(activation, dtype);
    const BatchKernel& kernel = kernels_.at({target, to_text(problem)});
    if (kernel.kernel == nullptr) throw std::runtime_error(kernel.fault);
    if (cannot_run_here(*kernel.kernel)) return std::nullopt;
    ConvWeights weights;
    weights.arrays = {WeightArray(std::vector<double>(16, 1.0), dtype)};
    ConvLayer layer(activation, problem, std::move(weights));
    layer.force_kernel(target);
    const std::int64_t images = (static_cast<std::int64_t>(input.size()) + kImage - 1) / kImage;
    std::vector<double> padded = input;
    padded.resize(static_cast<std::size_t>(images * kImage));
    Tensor out({images, 1, 64, 16}, dtype);
    const Status status = layer.run({}, make_tensor(padded, {images, 1, 64, 16}, dtype), out);
    if (!status.ok()) throw std::runtime_error(status.message());
    std::vector<double> result = to_doubles(out);
    result.resize(input.size());
    return result;
  }

 private:
  Kernels() {
    std::set<std::string> texts = {"celu(-2)"};
    for (const auto& [key, text] : kGoldenActivations) texts.insert(text);
    std::vector<KernelSpec> specs;
    for (const char* target : kTargets)
      for (const DataType dtype : {DataType::float32, DataType::float64})
        for (const std::string& text : texts) {
          const ConvProblem problem = problem_of(text, dtype);
          specs.push_back({problem, default_cpu_schedule(lower(problem, target_from_name(target))), target});
        }
    const std::vector<BatchKernel> compiled = compile_and_load("activations", specs);
    for (std::size_t i = 0; i < specs.size(); ++i) kernels_[{specs[i].target, to_text(specs[i].problem)}] = compiled[i];
  }

  std::map<std::pair<std::string, std::string>, BatchKernel> kernels_;
};

struct GoldenData {
  std::map<std::string, NpyArray> arrays = read_npz(SEPCONV_TEST_DATA "/activations.npz");
  nlohmann::json rows = nlohmann::json::parse(std::ifstream(SEPCONV_TEST_DATA "/extras.json")).at("activations");
  std::vector<double> values(const std::string& name) const { return arrays.at(name).doubles(); }
};

const GoldenData& goldens() {
  static const GoldenData data;
  return data;
}

constexpr const char* kLacks = "this CPU or its operating system lacks what is needed for ";

class ActivationKernels : public testing::TestWithParam<const char*> {};

TEST_P(ActivationKernels, AreWithinTwiceTheErrorOfKeras) {
  std::set<std::string> walked;
  for (const auto& row : goldens().rows) {
    const std::string key = row.at("key");
    if (row.contains("axis")) continue;
    walked.insert(key);
    ASSERT_TRUE(kGoldenActivations.count(key)) << key;
    const std::string& text = kGoldenActivations.at(key);
    const std::vector<double> x = goldens().values(goldens().arrays.count("x_" + key) ? "x_" + key : "x");
    const std::vector<double> keras = goldens().values("y_" + key);
    const auto y = Kernels::all().run(GetParam(), text, x, DataType::float32);
    if (!y) GTEST_SKIP() << kLacks << GetParam();
    ASSERT_EQ(keras.size(), y->size());
    const double keras_error = row.at("max_rel_err_vs_float64");
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = activate(activation_from_text(text), x[i]), unit = std::max(1.0, std::abs(exact));
      EXPECT_LE(std::abs((*y)[i] - exact), 2 * keras_error * unit + 1e-30) << key << " of " << x[i];
      EXPECT_LE(std::abs((*y)[i] - keras[i]), 3 * keras_error * unit + 1e-30) << key << " of " << x[i];
    }
  }
  EXPECT_EQ(walked.size(), kGoldenActivations.size());
}

TEST_P(ActivationKernels, OfFloat64AreWithinFewRoundings) {
  std::vector<double> x = goldens().values("x");
  for (const double more : {1e-9, -1e-9, 0.3, -0.62, 0.63, -3.7, 19.5, -20.5, -30.0, 37.9}) x.push_back(more);
  for (const auto& [key, text] : kGoldenActivations) {
    const auto y = Kernels::all().run(GetParam(), text, x, DataType::float64);
    if (!y) GTEST_SKIP() << kLacks << GetParam();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = activate(activation_from_text(text), x[i]);
      // The reference is of float64 too, and has an error of its own.
      EXPECT_LE(std::abs((*y)[i] - exact), 6e-16 * std::max(1.0, std::abs(exact))) << text << " of " << x[i];
    }
  }
}

TEST_P(ActivationKernels, AreAsKerasAtSpecialValues) {
  const std::vector<double> x = goldens().values("x_special");
  for (const auto& [name, array] : goldens().arrays) {
    if (name.rfind("special_", 0) != 0) continue;
    const std::string text = kGoldenActivations.at(name.substr(8));
    const std::vector<double> keras = array.doubles();
    const auto y = Kernels::all().run(GetParam(), text, x, DataType::float32);
    if (!y) GTEST_SKIP() << kLacks << GetParam();
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(keras[i]) || std::isinf(keras[i]))
        EXPECT_EQ(std::to_string(std::abs((*y)[i])), std::to_string(std::abs(keras[i]))) << text << " of " << x[i];
      else  // TensorFlow flushes denormals to zero
        EXPECT_NEAR((*y)[i], keras[i], 2e-7 * std::abs(keras[i]) + 2e-40) << text << " of " << x[i];
      EXPECT_TRUE(std::isnan(keras[i]) || std::signbit((*y)[i]) == std::signbit(keras[i]) || keras[i] == 0);
    }
  }
}

TEST_P(ActivationKernels, KeepNanAndInfinitiesInFloat64) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> x = {nan, -nan, infinity, -infinity};
  for (const auto& [key, text] : kGoldenActivations) {
    const auto y = Kernels::all().run(GetParam(), text, x, DataType::float64);
    if (!y) GTEST_SKIP() << kLacks << GetParam();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double value = (*y)[i], wanted = activate(activation_from_text(text), x[i]);
      EXPECT_TRUE(value == wanted || std::abs(value - wanted) < 1e-15 || (std::isnan(value) && std::isnan(wanted)))
          << text << " of " << x[i] << ": " << value << ", not " << wanted;
    }
  }
}

TEST_P(ActivationKernels, UnderflowGradually) {
  const std::vector<double> x = {-87.5, -90, -95.25, -100, -103.5, -103.9, -104.5, 1e-40, -1e-40, 1e-45};
  for (const char* text : {"exponential", "sigmoid", "silu", "tanh", "elu", "celu", "selu"}) {
    const auto y = Kernels::all().run(GetParam(), text, x, DataType::float32);
    if (!y) GTEST_SKIP() << kLacks << GetParam();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double input = static_cast<float>(x[i]), exact = activate(activation_from_text(text), input);
      EXPECT_NEAR((*y)[i], exact, 0x1p-22 * std::abs(exact) + 0x1p-149) << text << " of " << input;
    }
  }
}

TEST_P(ActivationKernels, TakeANegativeAlphaOfCelu) {
  const std::vector<double> x = {-200, -3, -2, -1, -1e-3, 0, 0.5, 2, 80};
  for (const DataType dtype : {DataType::float32, DataType::float64}) {
    const auto y = Kernels::all().run(GetParam(), "celu(-2)", x, dtype);
    if (!y) GTEST_SKIP() << kLacks << GetParam();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double input = round_to(dtype, x[i]), exact = activate(activation_from_text("celu(-2)"), input);
      const double limit = 4 * accumulator_epsilon(dtype) * std::abs(exact);
      if (std::abs(exact) > std::numeric_limits<float>::max() && dtype == DataType::float32)
        EXPECT_EQ((*y)[i], -std::numeric_limits<double>::infinity());
      else
        EXPECT_NEAR((*y)[i], exact, limit) << input;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ActivationKernels, testing::ValuesIn(kTargets),
                         [](const auto& test) { return std::string(test.param).substr(7); });

struct Accurate {
  const char* activation;
  long double (*exact)(long double);
};

class UnitsInTheLastPlace : public testing::TestWithParam<Accurate> {};

/// Distance in units of the last place of the float32 nearest to `exact`.
long double ulps(double value, long double exact) {
  if (std::abs(exact) > std::numeric_limits<float>::max()) return std::isinf(value) ? 0 : 100;
  int exponent = 0;
  std::frexp(exact, &exponent);
  return std::abs(value - exact) / std::ldexp(1.0L, std::max(exponent - 24, -149));
}

TEST_P(UnitsInTheLastPlace, AreAtMostFourOverTheFiniteRange) {
  std::vector<double> x;
  for (std::uint32_t bits = 0; bits < 0xff7ff000u; bits += 4001) {
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (std::isfinite(value)) x.push_back(value);
  }
  for (const char* target : kTargets) {
    const auto y = Kernels::all().run(target, GetParam().activation, x, DataType::float32);
    if (!y) continue;
    long double worst = 0, at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const long double distance = ulps((*y)[i], GetParam().exact(x[i]));
      if (!(distance <= worst)) worst = distance, at = x[i];
    }
    EXPECT_LE(worst, 4) << target << " at " << static_cast<double>(at);
    RecordProperty(std::string("worst_ulp_") + (target + 7), std::to_string(worst));
  }
}

long double exact_sigmoid(long double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
INSTANTIATE_TEST_SUITE_P(Functions, UnitsInTheLastPlace,
                         testing::Values(Accurate{"exponential", [](long double x) { return std::exp(x); }},
                                         Accurate{"tanh", [](long double x) { return std::tanh(x); }},
                                         Accurate{"sigmoid", exact_sigmoid},
                                         Accurate{"silu", [](long double x) { return x * exact_sigmoid(x); }}),
                         [](const auto& test) { return std::string(test.param.activation); });

TEST(AxisActivations, AreWithinTwiceTheErrorOfKeras) {
  const auto check = [](const std::string& key, ActivationKind kind, int axis, double limit) {
    Activation activation = default_activation(kind);
    activation.axis = axis;
    const NpyArray& x = goldens().arrays.at("x2");
    const Tensor in = make_tensor(x.doubles(), x.shape);
    Tensor out(axis_activation_shape(activation, x.shape));
    apply_axis_activation(activation, in, out);
    const std::vector<double> values = to_doubles(out), keras = goldens().values("y_" + key);
    ASSERT_EQ(values.size(), keras.size()) << key;
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_NEAR(values[i], keras[i], limit * std::max(1.0, std::abs(keras[i]))) << key << " " << i;
  };
  const std::map<std::string, ActivationKind> kinds = {{"softmax", ActivationKind::softmax},
                                                       {"log_softmax", ActivationKind::log_softmax},
                                                       {"sparsemax", ActivationKind::sparsemax},
                                                       {"glu", ActivationKind::glu}};
  std::size_t walked = 0;
  for (const auto& row : goldens().rows) {
    if (!row.contains("axis")) continue;
    const std::string key = row.at("key");
    // Keras' own error, and one rounding of ours; without a stated one two roundings of float32.
    const double limit = 2 * row.value("max_rel_err_vs_float64", 0x1p-23);
    check(key, kinds.at(row.at("name")), row.at("axis"), limit);
    ++walked;
  }
  EXPECT_EQ(walked, kinds.size());
  check("softmax_axis0", ActivationKind::softmax, -2, 2e-7);
}

}  // namespace
}  // namespace sepconv::test

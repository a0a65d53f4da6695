#include "runtime/keras/class_weights.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <string_view>

#include "runtime/keras/json_text.h"

namespace sepconv::keras {
namespace {

using nlohmann::json;
using Extents = std::vector<std::int64_t>;

/// A count of the configuration, or -1 where there is no usable one. @param factor  multiplies it
std::int64_t count(const json& config, const char* key, std::int64_t factor = 1) {
  const json& value = member(config, key);
  constexpr std::int64_t kMax = std::int64_t{1} << 40;
  if (!value.is_number_integer() || value < 0 || value > kMax) return -1;
  return value.get<std::int64_t>() * factor;
}

Extents window(const json& config, std::size_t rank) {
  const json& value = member(config, "kernel_size");
  Extents extents(rank, -1);
  for (std::size_t i = 0; i < rank; ++i) {
    const json& item = value.is_array() && value.size() == rank ? value[i] : value;
    if (item.is_number_integer() && item > 0) extents[i] = item.get<std::int64_t>();
  }
  return extents;
}

/// Collects the weights of one layer or cell.
class Weights {
 public:
  Weights(const json& config, WeightNode& node) : config_(config), node_(node) {}

  void add(const char* name, std::optional<Extents> shape = std::nullopt) {
    node_.weights.push_back({name, std::move(shape), true});
  }
  void add_if(const char* key, bool fallback, const char* name, std::optional<Extents> shape = std::nullopt) {
    if (truthy_member(config_, key, fallback)) add(name, std::move(shape));
  }
  void add_fixed(const char* name, std::optional<Extents> shape = std::nullopt) {
    node_.weights.push_back({name, std::move(shape), false});
  }
  void add_bias(std::optional<Extents> shape = std::nullopt) { add_if("use_bias", true, "bias", std::move(shape)); }
  void add_kernel(const char* name, Extents extents, std::int64_t a, std::int64_t b) {
    extents.push_back(a);
    extents.push_back(b);
    add(name, std::move(extents));
  }
  WeightSpec& last() { return node_.weights.back(); }
  const json& config() const { return config_; }

 private:
  const json& config_;
  WeightNode& node_;
};

void convolution(Weights& w, std::size_t rank) {
  const std::int64_t filters = count(w.config(), "filters");
  w.add_kernel("kernel", window(w.config(), rank), -1, filters);
  w.add_bias(Extents{filters});
}

void transposed_convolution(Weights& w, std::size_t rank) {
  const std::int64_t filters = count(w.config(), "filters");
  w.add_kernel("kernel", window(w.config(), rank), filters, -1);
  w.add_bias(Extents{filters});
}

void depthwise(Weights& w, std::size_t rank, const char* kernel) {
  w.add_kernel(kernel, window(w.config(), rank), -1, count(w.config(), "depth_multiplier"));
  w.add_bias(Extents{-1});
}

void separable(Weights& w, std::size_t rank) {
  const std::int64_t filters = count(w.config(), "filters");
  w.add_kernel("depthwise_kernel", window(w.config(), rank), -1, count(w.config(), "depth_multiplier"));
  w.add_kernel("pointwise_kernel", Extents(rank, 1), -1, filters);
  w.add_bias(Extents{filters});
}

void batch_normalization(Weights& w, KerasRules rules) {
  const json& axis = member(w.config(), "axis");
  std::optional<Extents> shape = Extents{-1};
  if (axis.is_array() && axis.size() > 1) shape = std::nullopt;
  w.add_if("scale", true, "gamma", shape);
  w.add_if("center", true, "beta", shape);
  w.add_fixed("moving_mean", shape);
  w.add_fixed("moving_variance", shape);
  if (rules == KerasRules::tf_keras_2 && truthy_member(w.config(), "renorm", false)) {
    w.add_fixed("moving_stddev", shape);
    w.add_fixed("renorm_mean", shape);
    w.add_fixed("renorm_stddev", shape);
  }
}

void layer_normalization(Weights& w) {
  const bool rms = truthy_member(w.config(), "rms_scaling", false);
  if (rms || truthy_member(w.config(), "scale", true)) w.add("gamma");
  if (!rms && truthy_member(w.config(), "center", true)) w.add("beta");
}

void normalization(Weights& w) {
  if (!member(w.config(), "mean").is_null()) return;  // then the statistics are constants
  w.add_fixed("mean");
  w.add_fixed("variance");
  w.add_fixed("count", Extents{});
  w.last().integer = true;
}

void attention(Weights& w, bool scaled) {
  w.add_if("use_scale", scaled, "scale");
  if (member(w.config(), "score_mode") == "concat") w.add("concat_score_weight");
}

/// @param gates  4 for an LSTM, 3 for a GRU
void recurrent(Weights& w, std::int64_t gates) {
  const std::int64_t units = count(w.config(), "units"), wide = count(w.config(), "units", gates);
  w.add("kernel", Extents{-1, wide});
  w.add("recurrent_kernel", Extents{units, wide});
  w.add_bias();
}

void convolutional_recurrent(Weights& w, std::size_t rank) {
  const std::int64_t filters = count(w.config(), "filters"), wide = count(w.config(), "filters", 4);
  w.add_kernel("kernel", window(w.config(), rank), -1, wide);
  w.add_kernel("recurrent_kernel", window(w.config(), rank), filters, wide);
  w.add_bias(Extents{wide});
}

using Describe = std::function<void(Weights&, KerasRules)>;

template <class F>
Describe of(F describe) {
  return [describe](Weights& w, KerasRules) { describe(w); };
}

/// Layers and cells whose weights are all their own.
const std::map<std::string, Describe>& plain_classes() {
  static const std::map<std::string, Describe> classes = [] {
    std::map<std::string, Describe> map;
    for (const std::size_t rank : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
      const std::string d = std::to_string(rank) + "D";
      map["Conv" + d] = map["Convolution" + d] = of([rank](Weights& w) { convolution(w, rank); });
      map["Conv" + d + "Transpose"] = of([rank](Weights& w) { transposed_convolution(w, rank); });
      map["SeparableConv" + d] = of([rank](Weights& w) { separable(w, rank); });
      map["DepthwiseConv" + d] = [rank](Weights& w, KerasRules rules) {
        depthwise(w, rank, rules == KerasRules::keras_3 ? "kernel" : "depthwise_kernel");
      };
      map["LocallyConnected" + d] = of([](Weights& w) {
        w.add("kernel");
        w.add_bias();
      });
    }
    map["Dense"] = of([](Weights& w) {
      w.add("kernel", Extents{-1, count(w.config(), "units")});
      w.add_bias(Extents{count(w.config(), "units")});
    });
    map["EinsumDense"] = of([](Weights& w) {
      w.add("kernel");
      if (!member(w.config(), "bias_axes").is_null()) w.add("bias");
    });
    for (const char* name :
         {"BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization"})
      map[name] = batch_normalization;
    map["LayerNormalization"] = of(layer_normalization);
    map["GroupNormalization"] = of([](Weights& w) {
      w.add_if("scale", true, "gamma", Extents{-1});
      w.add_if("center", true, "beta", Extents{-1});
    });
    map["RMSNormalization"] = of([](Weights& w) { w.add("scale"); });
    map["Normalization"] = of(normalization);
    map["Embedding"] = of([](Weights& w) {
      w.add("embeddings", Extents{count(w.config(), "input_dim"), count(w.config(), "output_dim")});
    });
    map["PReLU"] = of([](Weights& w) { w.add("alpha"); });
    map["LayerScale"] = of([](Weights& w) { w.add("gamma", Extents{-1}); });
    map["Attention"] = of([](Weights& w) { attention(w, false); });
    map["AdditiveAttention"] = of([](Weights& w) { attention(w, true); });
    map["SimpleRNNCell"] = of([](Weights& w) { recurrent(w, 1); });
    map["LSTMCell"] = of([](Weights& w) { recurrent(w, 4); });
    map["GRUCell"] = of([](Weights& w) { recurrent(w, 3); });
    map["CuDNNLSTM"] = of([](Weights& w) { recurrent(w, 4); });
    map["CuDNNGRU"] = of([](Weights& w) { recurrent(w, 3); });
    return map;
  }();
  return classes;
}

/// Layers whose weights lie in a cell that has no configuration of its own.
const std::map<std::string, Describe>& cell_classes() {
  static const std::map<std::string, Describe> classes = [] {
    std::map<std::string, Describe> map;
    map["SimpleRNN"] = plain_classes().at("SimpleRNNCell");
    for (const char* name : {"LSTM", "LSTMV1", "LSTMV2", "UnifiedLSTM"}) map[name] = plain_classes().at("LSTMCell");
    for (const char* name : {"GRU", "GRUV1", "GRUV2", "UnifiedGRU"}) map[name] = plain_classes().at("GRUCell");
    for (const std::size_t rank : {std::size_t{1}, std::size_t{2}, std::size_t{3}})
      map["ConvLSTM" + std::to_string(rank) + "D"] = of([rank](Weights& w) { convolutional_recurrent(w, rank); });
    return map;
  }();
  return classes;
}

bool add(const std::map<std::string, Describe>& classes, const std::string& class_name, const json& config,
         KerasRules rules, WeightNode& node) {
  const auto found = classes.find(class_name);
  if (found == classes.end()) return false;
  Weights weights(config, node);
  found->second(weights, rules);
  return true;
}

// clang-format off
constexpr std::string_view kWithoutWeights[] = {
    "InputLayer", "Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "ThresholdedReLU", "Dropout", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
    "ActivityRegularization", "Masking", "Lambda", "Reshape", "Permute", "Flatten", "RepeatVector", "Identity", "Add",
    "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot", "Rescaling", "Resizing",
    "CenterCrop", "CategoryEncoding", "Hashing", "HashedCrossing", "Discretization", "StringLookup", "IntegerLookup",
    "TextVectorization", "UnitNormalization", "TFOpLambda", "TensorFlowOpLayer", "SlicingOpLambda", "ClassMethod",
    "InstanceMethod", "InstanceProperty", "StochasticDepth", "AugMix", "AutoContrast", "CutMix", "Equalization",
    "MaxNumBoundingBoxes", "MelSpectrogram", "MixUp", "RandAugment", "Solarization"};
// clang-format on

}  // namespace

bool add_own_weights(const std::string& class_name, const json& config, KerasRules rules, WeightNode& node) {
  return add(plain_classes(), class_name, config, rules, node);
}

bool add_cell_weights(const std::string& class_name, const json& config, KerasRules rules, WeightNode& node) {
  return add(cell_classes(), class_name, config, rules, node);
}

bool has_no_weights(const std::string& name) {
  const auto starts = [&](const char* prefix) { return name.rfind(prefix, 0) == 0; };
  return std::find(std::begin(kWithoutWeights), std::end(kWithoutWeights), name) != std::end(kWithoutWeights) ||
         name.find("Pooling") != std::string::npos || starts("Random") || starts("ZeroPadding") || starts("Cropping") ||
         starts("UpSampling");
}

}  // namespace sepconv::keras

#include "shape_rules.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "json_text.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;
constexpr std::size_t kMaxRank = 32;  // NumPy's own

std::optional<std::int64_t> small_integer(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  if (number < 0 || number > kMaxExtent) return std::nullopt;
  return number;
}

/// An int or a list of ints, `rank` of them.
std::optional<std::vector<std::int64_t>> tuple(const json& value, std::size_t rank) {
  std::vector<std::int64_t> result;
  if (value.is_array()) {
    for (const json& item : value)
      if (const auto number = small_integer(item)) result.push_back(*number);
    if (result.size() != value.size()) return std::nullopt;
  } else if (const auto number = small_integer(value)) {
    result.assign(rank, *number);
  }
  if (result.size() != rank) return std::nullopt;
  return result;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// 1, 2 or 3 from the end of the class name; 0 when it has none.
std::size_t rank_of_class(std::string_view class_name) {
  for (std::size_t rank = 1; rank <= 3; ++rank)
    if (ends_with(class_name, std::to_string(rank) + "D")) return rank;
  return 0;
}

bool channels_first(const json& config) {
  const json& format = member(config, "data_format");
  return format.is_string() && format.get_ref<const std::string&>() == "channels_first";
}

std::int64_t channels(const Shape& shape, bool first) { return first ? shape[1] : shape.back(); }

/// The amounts before and after each axis, as ZeroPadding and Cropping layers write them: an int for all sides, a pair
/// for a 1-D layer, a list of ints or of pairs otherwise.
std::optional<std::vector<std::vector<std::int64_t>>> sides(const json& amount, std::size_t rank) {
  const bool per_axis = amount.is_array() && !(rank == 1 && amount.size() == 2);
  if (per_axis && amount.size() != rank) return std::nullopt;
  std::vector<std::vector<std::int64_t>> result;
  for (std::size_t i = 0; i < rank; ++i) {
    const auto both = tuple(per_axis ? amount[i] : amount, 2);
    if (!both) return std::nullopt;
    result.push_back(*both);
  }
  return result;
}

/// [N, extents..., C] or [N, C, extents...].
Shape assemble(std::int64_t batch, std::vector<std::int64_t> extents, std::int64_t channel_count, bool first) {
  Shape shape{batch};
  if (first) shape.push_back(channel_count);
  shape.insert(shape.end(), extents.begin(), extents.end());
  if (!first) shape.push_back(channel_count);
  return shape;
}

std::int64_t windowed(std::int64_t extent, const std::string& padding, std::int64_t window, std::int64_t stride,
                      std::int64_t dilation) {
  if (extent == kDynamic) return kDynamic;
  const auto zeros = padding_zeros(padding, extent, window, stride, dilation);
  const std::int64_t room = extent + zeros[0] + zeros[1] - ((window - 1) * dilation + 1);
  return room < 0 ? 0 : room / stride + 1;
}

std::optional<Shape> window_shape(const std::string& class_name, const json& config, const Shape& input) {
  const bool pooling = class_name.find("Pooling") != std::string::npos;
  const std::size_t rank = rank_of_class(class_name);
  if (rank == 0 || input.size() != rank + 2) return std::nullopt;
  const auto window = tuple(member(config, pooling ? "pool_size" : "kernel_size"), rank);
  if (!window) return std::nullopt;
  // Pooling strides default to the window, convolution strides and dilations to one.
  const json& given_strides = member(config, "strides");
  const auto strides =
      given_strides.is_null() ? (pooling ? window : std::vector<std::int64_t>(rank, 1)) : tuple(given_strides, rank);
  const json& given_dilation = member(config, "dilation_rate");
  const auto dilation = given_dilation.is_null() ? std::vector<std::int64_t>(rank, 1) : tuple(given_dilation, rank);
  const json& padding = member(config, "padding");
  if (!strides || !dilation || (!padding.is_null() && !padding.is_string())) return std::nullopt;
  std::string rule = padding.is_null() ? "valid" : padding.get<std::string>();
  std::transform(rule.begin(), rule.end(), rule.begin(), [](unsigned char c) { return std::tolower(c); });
  const bool first = channels_first(config);
  std::vector<std::int64_t> extents(input.begin() + (first ? 2 : 1), input.end() - (first ? 0 : 1));
  for (std::size_t i = 0; i < rank; ++i) {
    constexpr std::int64_t kMaxWindow = std::int64_t{1} << 20;
    if ((*window)[i] < 1 || (*strides)[i] < 1 || (*dilation)[i] < 1 || (*window)[i] > kMaxWindow ||
        (*dilation)[i] > kMaxWindow || (*strides)[i] > kMaxExtent)
      return std::nullopt;
    extents[i] = windowed(extents[i], rule, (*window)[i], (*strides)[i], (*dilation)[i]);
  }
  std::int64_t out = channels(input, first);
  if (class_name.find("Depthwise") == 0) {
    const auto multiplier = member(config, "depth_multiplier").is_null()
                                ? std::optional<std::int64_t>(1)
                                : small_integer(member(config, "depth_multiplier"));
    if (!multiplier || *multiplier > (std::int64_t{1} << 20)) return std::nullopt;
    out = out == kDynamic ? kDynamic : std::min(std::min(out, kMaxExtent) * *multiplier, kMaxExtent);
  } else if (!pooling) {
    const auto filters = small_integer(member(config, "filters"));
    if (!filters) return std::nullopt;
    out = *filters;
  }
  return assemble(input[0], extents, out, first);
}

std::optional<Shape> concatenated(const json& config, const std::vector<std::optional<Shape>>& inputs) {
  Shape result = *inputs[0];
  const json& given = member(config, "axis");
  if (!given.is_null() && !given.is_number_integer()) return std::nullopt;
  std::int64_t axis = given.is_null() ? -1 : given.get<std::int64_t>();
  const auto rank = static_cast<std::int64_t>(result.size());
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return std::nullopt;
  const auto at = static_cast<std::size_t>(axis);
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    if (!inputs[i] || inputs[i]->size() != result.size()) return std::nullopt;
    const std::int64_t more = (*inputs[i])[at];
    result[at] = result[at] == kDynamic || more == kDynamic ? kDynamic : std::min(result[at] + more, kMaxExtent);
  }
  return result;
}

std::optional<Shape> broadcast(const std::vector<std::optional<Shape>>& inputs) {
  Shape result = *inputs[0];
  for (const auto& input : inputs) {
    if (!input || input->size() != result.size()) return std::nullopt;
    for (std::size_t i = 0; i < result.size(); ++i)
      if (result[i] == 1 || result[i] == kDynamic)
        result[i] = (*input)[i] == 1 && result[i] != 1 ? result[i] : (*input)[i];
  }
  return result;
}

/// Elements after the batch; kDynamic when an extent is unknown.
std::int64_t elements(const Shape& shape, std::size_t from) {
  std::int64_t product = 1;
  for (std::size_t i = from; i < shape.size(); ++i) {
    if (shape[i] == kDynamic) return kDynamic;
    product = shape[i] != 0 && product > kMaxExtent / shape[i] ? kMaxExtent : product * shape[i];
  }
  return product;
}

std::optional<Shape> reshaped(const json& config, const Shape& input) {
  Shape result{input[0]};
  const json& target = member(config, "target_shape");
  if (!target.is_array() || target.size() > kMaxRank) return std::nullopt;
  std::size_t free = 0;
  for (const json& item : target) {
    if (!item.is_number_integer() || item.get<std::int64_t>() < -1) return std::nullopt;
    if (item.get<std::int64_t>() == -1) free = result.size();
    result.push_back(std::min(item.get<std::int64_t>(), kMaxExtent));
  }
  if (free == 0) return result;
  const std::int64_t all = elements(input, 1);
  result[free] = 1;
  const std::int64_t others = elements(result, 1);
  result[free] = all == kDynamic || others <= 0 ? kDynamic : all / others;
  return result;
}

std::optional<Shape> resized(const std::string& class_name, const json& config, const Shape& input) {
  const std::size_t rank = rank_of_class(class_name);
  if (rank == 0 || input.size() != rank + 2) return std::nullopt;
  Shape result = input;
  const std::size_t first = channels_first(config) ? 2 : 1;
  if (class_name.find("UpSampling") == 0) {
    const auto factor = tuple(member(config, "size"), rank);
    if (!factor) return std::nullopt;
    for (std::size_t i = 0; i < rank; ++i)
      if (result[first + i] != kDynamic)
        result[first + i] = (*factor)[i] > (std::int64_t{1} << 20)
                                ? kMaxExtent
                                : std::min(std::min(result[first + i], kMaxExtent) * (*factor)[i], kMaxExtent);
    return result;
  }
  const bool crop = class_name.find("Cropping") == 0;
  const auto amounts = sides(member(config, crop ? "cropping" : "padding"), rank);
  if (!amounts) return std::nullopt;
  for (std::size_t i = 0; i < rank; ++i) {
    if (result[first + i] == kDynamic) continue;
    const std::int64_t sum = (*amounts)[i][0] + (*amounts)[i][1];
    result[first + i] += crop ? -sum : sum;
    if (result[first + i] < 0) return std::nullopt;
  }
  return result;
}

bool keeps_shape(const std::string& class_name) {
  static const std::set<std::string_view> kClasses = {"BatchNormalization",
                                                      "LayerNormalization",
                                                      "GroupNormalization",
                                                      "UnitNormalization",
                                                      "Activation",
                                                      "ReLU",
                                                      "LeakyReLU",
                                                      "ELU",
                                                      "PReLU",
                                                      "Softmax",
                                                      "ThresholdedReLU",
                                                      "Dropout",
                                                      "SpatialDropout1D",
                                                      "SpatialDropout2D",
                                                      "GaussianNoise",
                                                      "GaussianDropout",
                                                      "AlphaDropout",
                                                      "ActivityRegularization",
                                                      "Rescaling",
                                                      "Normalization",
                                                      "Identity",
                                                      "LayerScale",       // keras.applications' ConvNeXt
                                                      "StochasticDepth",  // likewise
                                                      "Masking",
                                                      "RandomFlip",
                                                      "RandomRotation",
                                                      "RandomZoom",
                                                      "RandomContrast"};
  return kClasses.count(class_name) > 0;
}

}  // namespace

std::optional<Shape> shape_from_json(const json& value) {
  if (!value.is_array() || value.empty() || value.size() > kMaxRank) return std::nullopt;
  Shape shape;
  for (const json& item : value) {
    if (item.is_null()) {
      shape.push_back(kDynamic);
    } else if (const auto extent = small_integer(item)) {
      shape.push_back(*extent);
    } else {
      return std::nullopt;
    }
  }
  return shape;
}

std::optional<Shape> declared_input_shape(const json& layer) {
  for (const json* place : {&layer, &member(layer, "build_config")})
    if (const auto shape = shape_from_json(member(*place, "input_shape"))) return shape;
  for (const char* key : {"batch_shape", "batch_input_shape"})
    if (const auto shape = shape_from_json(member(member(layer, "config"), key))) return shape;
  return std::nullopt;
}

std::optional<Shape> merged(const std::optional<Shape>& shape, const std::optional<Shape>& other) {
  if (!shape) return other;
  if (!other || other->size() != shape->size()) return shape;
  Shape result = *shape;
  for (std::size_t i = 0; i < result.size(); ++i)
    if (result[i] == kDynamic) result[i] = (*other)[i];
  return result;
}

std::array<std::int64_t, 2> padding_zeros(const std::string& padding, std::int64_t extent, std::int64_t window,
                                          std::int64_t stride, std::int64_t dilation) {
  const std::int64_t effective = (window - 1) * dilation + 1;
  if (padding == "causal") return {effective - 1, 0};
  if (padding != "same") return {0, 0};
  const std::int64_t output = extent / stride + (extent % stride != 0);
  const std::int64_t total = std::max<std::int64_t>((output - 1) * stride + effective - extent, 0);
  return {total / 2, total - total / 2};
}

std::optional<std::array<std::int32_t, 4>> zero_padding(const std::string& class_name, const json& config) {
  const std::size_t rank = class_name == "ZeroPadding1D" ? 1 : class_name == "ZeroPadding2D" ? 2 : 0;
  if (rank == 0) return std::nullopt;
  const auto amounts = sides(member(config, "padding"), rank);
  if (!amounts) return std::nullopt;
  std::array<std::int32_t, 4> zeros{};
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t axis = rank == 1 ? 1 : i;
    for (std::size_t end = 0; end < 2; ++end) {
      constexpr std::int64_t kMaxPad = 1 << 28;
      if ((*amounts)[i][end] > kMaxPad) return std::nullopt;
      zeros[2 * axis + end] = static_cast<std::int32_t>((*amounts)[i][end]);
    }
  }
  return zeros;
}

std::optional<Shape> output_shape(const std::string& class_name, const json& config,
                                  const std::vector<std::optional<Shape>>& inputs) {
  if (inputs.empty() || !inputs[0] || inputs[0]->size() < 1) return std::nullopt;
  const Shape& input = *inputs[0];
  const auto is_any = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), class_name) != names.end();
  };
  if (is_any({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})) return broadcast(inputs);
  if (class_name == "Concatenate") return concatenated(config, inputs);
  if (inputs.size() != 1) return std::nullopt;
  if (keeps_shape(class_name)) return input;
  if (class_name == "Flatten") return Shape{input[0], elements(input, 1)};
  if (class_name == "Reshape") return reshaped(config, input);
  if (class_name == "Dense") {
    const auto units = small_integer(member(config, "units"));
    if (!units) return std::nullopt;
    Shape result = input;
    result.back() = *units;
    return result;
  }
  if (class_name == "Permute") {
    const auto dims = tuple(member(config, "dims"), input.size() - 1);
    if (!dims) return std::nullopt;
    Shape result{input[0]};
    for (const std::int64_t dim : *dims) {
      if (dim < 1 || dim >= static_cast<std::int64_t>(input.size())) return std::nullopt;
      result.push_back(input[static_cast<std::size_t>(dim)]);
    }
    return result;
  }
  if (class_name.find("Global") == 0 && class_name.find("Pooling") != std::string::npos) {
    const std::size_t rank = rank_of_class(class_name);
    if (rank == 0 || input.size() != rank + 2) return std::nullopt;
    const bool first = channels_first(config);
    const bool keep = truthy_member(config, "keepdims", false);
    return assemble(input[0], std::vector<std::int64_t>(keep ? rank : 0, 1), channels(input, first), first);
  }
  if (class_name.find("UpSampling") == 0 || class_name.find("ZeroPadding") == 0 || class_name.find("Cropping") == 0)
    return resized(class_name, config, input);
  if (is_any({"Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D",
              "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D",
              "AveragePooling3D"}))
    return window_shape(class_name, config, input);
  return std::nullopt;
}

}  // namespace sepconv::keras

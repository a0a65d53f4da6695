// Layers with windows: convolutions, pooling, padding, cropping, up-sampling.

#include <algorithm>

#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_rules.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

constexpr std::int64_t kMaxWindow = std::int64_t{1} << 20;

bool starts_with(const std::string& text, std::string_view start) { return text.compare(0, start.size(), start) == 0; }

std::string lower_string(const json& value, const char* fallback) {
  std::string text = value.is_string() ? value.get<std::string>() : fallback;
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// The numbers of a window along each axis.
struct Window {
  std::vector<std::int64_t> size, strides, dilation;
  Padding padding;
};

std::optional<Window> window_of(const json& config, std::size_t rank, bool pooling) {
  // Pooling strides default to the window, convolution strides and dilations to one.
  const auto numbers = [&](const char* key, const std::vector<std::int64_t>& fallback) {
    const json& value = member(config, key);
    return value.is_null() ? std::optional(fallback) : integers(value, rank);
  };
  const std::vector<std::int64_t> ones(rank, 1);
  const json& size_json = member(config, pooling ? "pool_size" : "kernel_size");
  // tf.keras 1 called a 1-D layer's window pool_length.
  const auto size = integers(size_json.is_null() && pooling ? json(2) : size_json, rank);
  if (!size) return std::nullopt;
  const auto strides = numbers("strides", pooling ? *size : ones), dilation = numbers("dilation_rate", ones);
  const json& padding = member(config, "padding");
  if (!strides || !dilation || (!padding.is_null() && !padding.is_string())) return std::nullopt;
  for (std::size_t i = 0; i < rank; ++i)
    if ((*size)[i] < 1 || (*strides)[i] < 1 || (*dilation)[i] < 1 || (*size)[i] > kMaxWindow ||
        (*dilation)[i] > kMaxWindow || (*strides)[i] > kMaxWindow)
      return std::nullopt;
  return Window{*size, *strides, *dilation, padding_from_text(lower_string(padding, "valid")).value_or(Padding::valid)};
}

/// The extent behind a transposed convolution.
std::int64_t transposed(std::int64_t extent, const Window& window, std::size_t i, const json& output_padding) {
  if (extent == kDynamic || extent == 0) return extent;
  const std::int64_t size = (window.size[i] - 1) * window.dilation[i] + 1;
  const std::int64_t stride = window.strides[i];
  const bool same = window.padding == Padding::same;
  const auto added = integers(output_padding, window.size.size());
  if (!added) return product_of(extent, stride) + (same ? 0 : std::max<std::int64_t>(size - stride, 0));
  return std::max<std::int64_t>(product_of(extent - 1, stride) + (same ? size % 2 : size) + (*added)[i], 0);
}

std::optional<std::int64_t> output_channels(const std::string& class_name, const json& config, std::int64_t channels,
                                            bool pooling) {
  if (pooling) return channels;
  if (!starts_with(class_name, "Depthwise")) return small_integer(member(config, "filters"));
  const json& multiplier_json = member(config, "depth_multiplier");
  const auto multiplier = multiplier_json.is_null() ? std::optional<std::int64_t>(1) : small_integer(multiplier_json);
  if (!multiplier) return std::nullopt;
  return product_of(channels, *multiplier);
}

std::optional<Shape> window_shape(const std::string& class_name, const json& config, const Shape& input) {
  const bool pooling = class_name.find("Pooling") != std::string::npos;
  const std::size_t rank = input.size() - 2;
  const auto window = window_of(config, rank, pooling);
  const bool first = channels_first(config);
  const auto channels = output_channels(class_name, config, first ? input[1] : input.back(), pooling);
  if (!window || !channels) return std::nullopt;
  const bool transpose = class_name.find("Transpose") != std::string::npos;
  std::vector<std::int64_t> extents(input.begin() + (first ? 2 : 1), input.end() - (first ? 0 : 1));
  for (std::size_t i = 0; i < rank; ++i)
    extents[i] = transpose
                     ? transposed(extents[i], *window, i, member(config, "output_padding"))
                     : windowed(extents[i], window->padding, window->size[i], window->strides[i], window->dilation[i]);
  return assemble(input[0], extents, *channels, first);
}

/// The amounts before and after each axis, as ZeroPadding and Cropping layers write them: an int for all sides, a pair
/// for a 1-D layer, a list of ints or of pairs otherwise.
std::optional<std::vector<std::vector<std::int64_t>>> sides(const json& amount, std::size_t rank) {
  const bool per_axis = amount.is_array() && !(rank == 1 && amount.size() == 2);
  if (per_axis && amount.size() != rank) return std::nullopt;
  std::vector<std::vector<std::int64_t>> result;
  for (std::size_t i = 0; i < rank; ++i) {
    const auto both = integers(per_axis ? amount[i] : amount, 2);
    if (!both) return std::nullopt;
    result.push_back(*both);
  }
  return result;
}

std::optional<Shape> resized(const std::string& class_name, const json& config, const Shape& input) {
  const std::size_t rank = input.size() - 2;
  Shape result = input;
  const std::size_t first = channels_first(config) ? 2 : 1;
  if (starts_with(class_name, "UpSampling")) {
    const auto factor = integers(member(config, "size"), rank);
    if (!factor) return std::nullopt;
    for (std::size_t i = 0; i < rank; ++i) result[first + i] = product_of(result[first + i], (*factor)[i]);
    return result;
  }
  const bool crop = starts_with(class_name, "Cropping");
  const auto amounts = sides(member(config, crop ? "cropping" : "padding"), rank);
  if (!amounts) return std::nullopt;
  for (std::size_t i = 0; i < rank; ++i) {
    if (result[first + i] == kDynamic) continue;
    const std::int64_t sum = (*amounts)[i][0] + (*amounts)[i][1];
    result[first + i] = crop ? result[first + i] - sum : sum_of(result[first + i], sum);
    if (result[first + i] < 0) return std::nullopt;
  }
  return result;
}

std::optional<Shape> global_pooling(const json& config, const Shape& input) {
  const bool first = channels_first(config);
  const std::size_t kept = truthy_member(config, "keepdims", false) ? input.size() - 2 : 0;
  return assemble(input[0], std::vector<std::int64_t>(kept, 1), first ? input[1] : input.back(), first);
}

std::optional<Shape> adaptive_pooling(const json& config, const Shape& input) {
  const bool first = channels_first(config);
  const auto extents = integers(member(config, "output_size"), input.size() - 2);
  if (!extents) return std::nullopt;
  return assemble(input[0], *extents, first ? input[1] : input.back(), first);
}

}  // namespace

std::optional<Shape> window_rule(const std::string& class_name, const json& config, const Shape& input) {
  if (input.size() != input_rank(class_name) || input.size() < 3) return std::nullopt;
  if (starts_with(class_name, "Global")) return global_pooling(config, input);
  if (starts_with(class_name, "Adaptive")) return adaptive_pooling(config, input);
  for (const char* start : {"UpSampling", "ZeroPadding", "Cropping"})
    if (starts_with(class_name, start)) return resized(class_name, config, input);
  for (const char* start : {"Conv", "SeparableConv", "DepthwiseConv", "LocallyConnected", "MaxPool", "AveragePool",
                            "Convolution", "AtrousConv"})
    if (starts_with(class_name, start) && class_name.find("LSTM") == std::string::npos)
      return window_shape(class_name, config, input);
  return std::nullopt;
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

}  // namespace sepconv::keras

// Pooling, padding, cropping and resizing.

#include <algorithm>
#include <array>

#include "runtime/keras/json_text.h"
#include "runtime/keras/network_lowering.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

std::int32_t number(std::int64_t value) { return static_cast<std::int32_t>(value); }

StageKind kind_of_pool(const std::string& class_name) {
  return class_name.find("Max") != std::string::npos ? StageKind::max_pool : StageKind::average_pool;
}

/// Window, stride and pads of one axis of a pool.
struct PoolAxis {
  std::int32_t window = 1, stride = 1, before = 0, after = 0;
};

PoolAxis pool_axis(const json& config, std::size_t rank, std::size_t at, Padding padding, std::int64_t extent) {
  const auto numbers = [&](const json& value) {
    const auto result = integers(value, rank);
    if (!result || (*result)[at] < 1) throw NotCompiledError("its window makes no sense");
    return number((*result)[at]);
  };
  const json& size = member(config, "pool_size");
  const json& strides = member(config, "strides");
  PoolAxis axis;
  axis.window = numbers(size.is_null() ? json(2) : size);
  axis.stride = strides.is_null() ? axis.window : numbers(strides);
  const AxisPads pads = pads_of_axis(padding, extent, axis.window, axis.stride);
  axis.before = number(pads.before), axis.after = number(pads.after);
  return axis;
}

int lower_pool(CallLowering& c) {
  const int input = c.input();
  const std::size_t rank = c.shape(input).size() - 1;
  const Layout layout = layout_of(c.config());
  const Extents image = image_extents(c.shape(input), layout);
  std::string name = string_member(c.config(), "padding", "valid", c.what());
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char l) { return std::tolower(l); });
  const auto padding = padding_from_text(name);
  if (!padding || *padding == Padding::causal) throw NotCompiledError("padding '" + name + "' is not compiled");
  Stage stage;
  stage.kind = kind_of_pool(c.layer.class_name);
  Window& w = stage.window;
  if (rank == 2) {
    const PoolAxis h = pool_axis(c.config(), rank, 0, *padding, image.H);
    w.KH = h.window, w.stride_h = h.stride, w.pad_top = h.before, w.pad_bottom = h.after;
  }
  const PoolAxis axis = pool_axis(c.config(), rank, rank - 1, *padding, image.W);
  w.KW = axis.window, w.stride_w = axis.stride, w.pad_left = axis.before, w.pad_right = axis.after;
  return c.add_stage(input, layout, stage);
}

int lower_global_pool(CallLowering& c) { return c.pool_image(layout_of(c.config()), kind_of_pool(c.layer.class_name)); }

int lower_zero_padding(CallLowering& c) {
  const auto zeros = zero_padding(c.layer.class_name, c.config());
  if (!zeros) throw NotCompiledError("its padding makes no sense");
  Stage stage = copy_stage();
  Window& w = stage.window;
  w.pad_top = (*zeros)[0], w.pad_bottom = (*zeros)[1], w.pad_left = (*zeros)[2], w.pad_right = (*zeros)[3];
  return c.add_stage(c.input(), layout_of(c.config()), stage);
}

/// A part of the input. In nchw the part is copied, since images of that layout are dense.
int lower_cropping(CallLowering& c) {
  const bool nchw = layout_of(c.config()) == Layout::nchw;
  const int input = c.dense(c.input());
  const std::vector<std::int64_t>& shape = c.shape(input);
  const std::size_t rank = shape.size() - 1;
  if (rank > 2) throw NotCompiledError(c.layer.class_name + " is not compiled: only Cropping1D and Cropping2D are");
  const json& amounts = member(c.config(), "cropping");
  const auto begin = [&](std::size_t axis) {
    const bool per_axis = amounts.is_array() && !(rank == 1 && amounts.size() == 2);
    const json& own = per_axis ? amounts.at(axis) : amounts;
    const auto both = integers(own, 2);
    if (!both) throw NotCompiledError("its cropping makes no sense");
    return (*both)[0];
  };
  std::int64_t first = 0;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::size_t at = axis + (nchw ? 1 : 0);
    first += begin(axis) * elements_of_shape({shape.begin() + static_cast<std::ptrdiff_t>(at) + 1, shape.end()});
  }
  const Extents image = image_extents(shape, Layout::nhwc);
  const int part = c.draft.add_part(input, c.layer.name, c.output_shape, first, {image.W * image.C, image.C});
  return nchw ? c.dense(part) : part;
}

Interpolation interpolation_of(const CallLowering& c, const char* otherwise) {
  const std::string name = string_member(c.config(), "interpolation", otherwise, c.what());
  for (const Interpolation interpolation : {Interpolation::nearest, Interpolation::bilinear})
    if (name == to_text(interpolation)) return interpolation;
  throw NotCompiledError("resizing with '" + name + "' is not compiled: only 'nearest' and 'bilinear' are");
}

/// The image in the size of the call's output.
int add_resize(CallLowering& c, Interpolation interpolation) {
  const int input = c.input();
  if (c.shape(input).size() > 3) throw NotCompiledError("resizing more than images is not compiled");
  const Layout layout = layout_of(c.config());
  const Extents in = image_extents(c.shape(input), layout), out = image_extents(c.output_shape, layout);
  if (in.H == out.H && in.W == out.W) return c.apply(input, layout, {});
  Stage stage;
  stage.kind = StageKind::resize;
  stage.out_H = out.H, stage.out_W = out.W;
  stage.interpolation = interpolation;
  return c.add_stage(input, layout, stage);
}

int lower_up_sampling(CallLowering& c) { return add_resize(c, interpolation_of(c, "nearest")); }

int lower_resizing(CallLowering& c) {
  for (const char* option : {"crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"})
    if (truthy_member(c.config(), option, false)) throw NotCompiledError(std::string(option) + " is not compiled");
  return add_resize(c, interpolation_of(c, "bilinear"));
}

}  // namespace

const Lowerings& window_lowerings() {
  static const Lowerings table = {
      {"MaxPooling1D", lower_pool},
      {"MaxPooling2D", lower_pool},
      {"MaxPool1D", lower_pool},
      {"MaxPool2D", lower_pool},
      {"AveragePooling1D", lower_pool},
      {"AveragePooling2D", lower_pool},
      {"AvgPool1D", lower_pool},
      {"AvgPool2D", lower_pool},
      {"GlobalMaxPooling1D", lower_global_pool},
      {"GlobalMaxPooling2D", lower_global_pool},
      {"GlobalMaxPool1D", lower_global_pool},
      {"GlobalMaxPool2D", lower_global_pool},
      {"GlobalAveragePooling1D", lower_global_pool},
      {"GlobalAveragePooling2D", lower_global_pool},
      {"GlobalAvgPool1D", lower_global_pool},
      {"GlobalAvgPool2D", lower_global_pool},
      {"ZeroPadding1D", lower_zero_padding},
      {"ZeroPadding2D", lower_zero_padding},
      {"Cropping1D", lower_cropping},
      {"Cropping2D", lower_cropping},
      {"UpSampling1D", lower_up_sampling},
      {"UpSampling2D", lower_up_sampling},
      {"Resizing", lower_resizing},
  };
  return table;
}

}  // namespace sepconv::keras

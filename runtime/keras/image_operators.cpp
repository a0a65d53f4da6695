// Operators on images: resizing, pooling, blocks of pixels.

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "runtime/keras/json_text.h"
#include "runtime/keras/operators.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras::operators {

using nlohmann::json;

/// Images of another size, channels last unless the operator says otherwise.
Shapes resize(const OperatorCall& op) {
  auto x = op.x();
  const auto size = op.arguments().extents(op.argument(1, {"size"}));
  if (!x || x->size() < 3 || !size || size->size() != 2) return {};
  const bool first = op.argument(OperatorCall::kNamedOnly, {"data_format"}) == "channels_first";
  const std::size_t at = x->size() - (first ? 2 : 3);
  (*x)[at] = (*size)[0];
  (*x)[at + 1] = (*size)[1];
  return {x};
}

/// tf.image.resize_with_pad and its like: height and width by themselves.
Shapes resize_to(const OperatorCall& op) {
  auto x = op.x();
  const auto height = small_integer(op.argument(1, {"target_height"}));
  const auto width = small_integer(op.argument(2, {"target_width"}));
  if (!x || x->size() < 3 || !height || !width) return {};
  (*x)[x->size() - 3] = *height;
  (*x)[x->size() - 2] = *width;
  return {x};
}

Shapes resize_images(const OperatorCall& op) {
  auto x = op.x();
  const auto height = small_integer(op.argument(1, {"height_factor"}));
  const auto width = small_integer(op.argument(2, {"width_factor"}));
  if (!x || x->size() != 4 || !height || !width) return {};
  const std::size_t at = op.argument(3, {"data_format"}) == "channels_first" ? 2 : 1;
  (*x)[at] = product_of((*x)[at], *height);
  (*x)[at + 1] = product_of((*x)[at + 1], *width);
  return {x};
}

Shapes depth_to_space(const OperatorCall& op) {
  auto x = op.x();
  const auto block = small_integer(op.argument(1, {"block_size"}));
  if (!x || x->size() != 4 || !block || *block < 1) return {};
  const json& format = op.argument(2, {"data_format"});
  const bool first = format == "NCHW" || format == "channels_first";
  for (const std::size_t i : {std::size_t{first ? 2u : 1u}, std::size_t{first ? 3u : 2u}})
    (*x)[i] = product_of((*x)[i], *block);
  std::int64_t& depth = (*x)[first ? 1 : 3];
  if (depth != kDynamic) depth /= product_of(*block, *block);
  return {x};
}

Shapes space_to_depth(const OperatorCall& op) {
  auto x = op.x();
  const auto block = small_integer(op.argument(1, {"block_size"}));
  if (!x || x->size() != 4 || !block || *block < 1) return {};
  const json& format = op.argument(2, {"data_format"});
  const bool first = format == "NCHW" || format == "channels_first";
  for (const std::size_t i : {std::size_t{first ? 2u : 1u}, std::size_t{first ? 3u : 2u}})
    if ((*x)[i] != kDynamic) (*x)[i] /= *block;
  (*x)[first ? 1 : 3] = product_of((*x)[first ? 1 : 3], product_of(*block, *block));
  return {x};
}

/// tf.nn.max_pool2d and its like: windows of one number, a number an axis, or one for batch and channels too.
Shapes pool(const OperatorCall& op) {
  const auto x = op.x();
  if (!x || x->size() < 3) return {};
  const std::size_t rank = x->size() - 2;
  const json& format = op.argument(OperatorCall::kNamedOnly, {"data_format"});
  const bool first = format == "channels_first" || (format.is_string() && format.get<std::string>().find("NC") == 0);
  const auto numbers = [&](const json& value) -> json {
    if (!value.is_array() || value.size() != rank + 2) return value.is_array() && value.size() == 1 ? value[0] : value;
    const auto begin = value.begin() + (first ? 2 : 1);
    return json(std::vector<json>(begin, begin + static_cast<std::ptrdiff_t>(rank)));
  };
  const json& strides = op.argument(2, {"strides"});
  json config = {{"pool_size", numbers(op.argument(1, {"ksize", "pool_size"}))},
                 {"strides", strides.is_null() ? json() : numbers(strides)},
                 {"padding", op.argument(3, {"padding"})},
                 {"data_format", first ? "channels_first" : "channels_last"}};
  return {window_rule("MaxPooling" + std::to_string(rank) + "D", config, *x)};
}

}  // namespace sepconv::keras::operators

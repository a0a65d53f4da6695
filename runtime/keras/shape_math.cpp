#include "runtime/keras/shape_math.h"

#include <algorithm>

#include "sepconv/conv_problem.h"

namespace sepconv::keras {

using nlohmann::json;

std::optional<std::int64_t> small_integer(const json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  if (number < 0 || number > kMaxExtent) return std::nullopt;
  return number;
}

std::optional<std::vector<std::int64_t>> integers(const json& value, std::size_t rank) {
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

std::optional<std::size_t> axis_of(const json& value, std::size_t rank) {
  if (!value.is_number_integer()) return std::nullopt;
  auto axis = value.get<std::int64_t>();
  const auto count = static_cast<std::int64_t>(rank);
  if (axis < -count || axis >= count) return std::nullopt;
  if (axis < 0) axis += count;
  return static_cast<std::size_t>(axis);
}

std::int64_t sum_of(std::int64_t a, std::int64_t b) {
  return a == kDynamic || b == kDynamic ? kDynamic : std::min(a + b, kMaxExtent);
}

std::int64_t product_of(std::int64_t a, std::int64_t b) {
  if (a == kDynamic || b == kDynamic) return kDynamic;
  return b != 0 && a > kMaxExtent / b ? kMaxExtent : a * b;
}

std::int64_t elements(const Shape& shape, std::size_t from) {
  std::int64_t product = 1;
  for (std::size_t i = from; i < shape.size(); ++i) product = product_of(product, shape[i]);
  return product;
}

std::optional<Shape> broadcast(const Shapes& operands) {
  std::size_t rank = 0;
  bool all_known = true, any_known = false;
  for (const auto& operand : operands) {
    all_known = all_known && operand;
    any_known = any_known || operand;
    if (operand) rank = std::max(rank, operand->size());
  }
  if (!any_known) return std::nullopt;
  Shape result(rank, 1);
  for (const auto& operand : operands) {
    if (!operand) continue;
    const std::size_t missing = rank - operand->size();
    for (std::size_t i = missing; i < rank; ++i) {
      const std::int64_t extent = (*operand)[i - missing];
      // An unknown extent gives way to any that is not 1, since the two must be equal then.
      if (extent != 1 && (result[i] == 1 || result[i] == kDynamic)) result[i] = extent == kDynamic ? kDynamic : extent;
    }
  }
  if (!all_known) std::replace(result.begin(), result.end(), std::int64_t{1}, std::int64_t{kDynamic});
  return result;
}

std::optional<Shape> concatenated(const Shapes& parts, const json& axis) {
  std::optional<Shape> result;
  for (const auto& part : parts)
    if (part && !result) result = part;
  if (!result) return std::nullopt;
  const auto at = axis_of(axis.is_null() ? json(-1) : axis, result->size());
  if (!at) return std::nullopt;
  std::int64_t sum = 0;
  for (const auto& part : parts) {
    if (part && part->size() != result->size()) return std::nullopt;
    sum = part ? sum_of(sum, (*part)[*at]) : kDynamic;
    if (part) result = merged(result, part);
    if (sum == kDynamic) break;
  }
  (*result)[*at] = sum;
  return result;
}

std::int64_t windowed(std::int64_t extent, Padding padding, std::int64_t window, std::int64_t stride,
                      std::int64_t dilation) {
  const std::int64_t outputs = output_extent(padding, extent, (window - 1) * dilation + 1, stride);
  return extent == kDynamic ? kDynamic : std::max<std::int64_t>(outputs, 0);
}

std::optional<Shape> reshaped(const Shape& input, const Shape& target, std::size_t from) {
  Shape result = target;
  std::size_t open = 0, at = 0;
  for (std::size_t i = from; i < result.size(); ++i) {
    result[i] = std::min(result[i], kMaxExtent);
    if (result[i] == kDynamic) {
      ++open;
      at = i;
    }
  }
  if (open != 1) return result;
  const std::int64_t all = elements(input, from);
  result[at] = 1;
  const std::int64_t others = elements(result, from);
  result[at] = all == kDynamic || others <= 0 ? kDynamic : all / others;
  return result;
}

Shape assemble(std::int64_t batch, const std::vector<std::int64_t>& extents, std::int64_t channels, bool first) {
  Shape shape{batch};
  if (first) shape.push_back(channels);
  shape.insert(shape.end(), extents.begin(), extents.end());
  if (!first) shape.push_back(channels);
  return shape;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace sepconv::keras

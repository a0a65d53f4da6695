#include "sepconv/detail/padding.h"

#include <algorithm>

#include "sepconv/conv_problem.h"

namespace sepconv {

const char* to_text(Padding padding) noexcept {
  return padding == Padding::valid ? "valid" : padding == Padding::same ? "same" : "causal";
}

std::optional<Padding> padding_from_text(std::string_view text) noexcept {
  for (const Padding padding : {Padding::valid, Padding::same, Padding::causal})
    if (text == to_text(padding)) return padding;
  return std::nullopt;
}

AxisPads pads_of_axis(Padding padding, std::int64_t extent, std::int64_t window, std::int64_t stride) noexcept {
  if (padding == Padding::valid) return {};
  if (padding == Padding::causal) return {window - 1, 0};
  const std::int64_t output = output_extent(padding, extent, window, stride);
  const std::int64_t total = std::max<std::int64_t>((output - 1) * stride + window - extent, 0);
  return {total / 2, total - total / 2};
}

std::int64_t output_extent(Padding padding, std::int64_t extent, std::int64_t window, std::int64_t stride) noexcept {
  if (extent == kDynamic) return kDynamic;
  if (padding != Padding::valid) return extent / stride + (extent % stride != 0);
  const std::int64_t room = extent - window;
  return room < 0 ? -((-room + stride - 1) / stride) + 1 : room / stride + 1;
}

}  // namespace sepconv

#include "input_shape.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace sepconv::tools {

std::vector<std::int32_t> input_shape_from_text(const std::string& text) {
  std::vector<std::int32_t> shape;
  const char *next = text.data(), *end = text.data() + text.size();
  bool good = true;
  while (good) {
    std::int32_t extent = 0;
    const auto [stop, error] = std::from_chars(next, end, extent);
    good = error == std::errc{} && extent >= 1;
    shape.push_back(extent);
    if (stop == end) break;
    good = good && *stop == 'x';
    next = stop + 1;
  }
  if (!good || shape.size() < 2 || shape.size() > 3)
    throw std::invalid_argument(
        fmt::format("--input-shape: '{}'; expected HxWxC or LxC without the batch, for example 224x224x3", text));
  return shape;
}

}  // namespace sepconv::tools

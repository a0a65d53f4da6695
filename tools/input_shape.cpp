#include "tools/input_shape.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

#include "sepconv/conv_problem.h"

namespace sepconv::tools {

std::vector<std::int32_t> shape_from_text(const std::string& text, const std::string& option) {
  constexpr std::size_t kMaxRank = 5;
  std::vector<std::int32_t> shape;
  const char *next = text.data(), *end = text.data() + text.size();
  bool good = next != end;
  while (good && shape.size() <= kMaxRank) {
    std::int32_t extent = 0;
    const char* stop = next;
    if (next != end && *next == '?') {
      extent = kDynamic;
      ++stop;
    } else {
      const auto [past, error] = std::from_chars(next, end, extent);
      good = error == std::errc{} && extent >= 1;
      stop = past;
    }
    shape.push_back(extent);
    if (stop == end) break;
    good = good && *stop == 'x';
    next = stop + 1;
  }
  if (!good || shape.size() > kMaxRank)
    throw std::invalid_argument(
        fmt::format("{}: '{}'; expected HxWxC or LxC without the batch, for example 224x224x3", option, text));
  return shape;
}

NamedShape named_shape_from_text(const std::string& text, const std::string& option) {
  const std::size_t split = text.rfind('=');
  if (split == std::string::npos) return {"", shape_from_text(text, option)};
  if (split == 0) throw std::invalid_argument(fmt::format("{}: '{}'; expected a name before the '='", option, text));
  return {text.substr(0, split), shape_from_text(text.substr(split + 1), option)};
}

}  // namespace sepconv::tools

#pragma once
// Checks the size of a JSON text's contents before it is parsed.

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sepconv::detail {

struct JsonLimits {
  int depth;
  std::size_t values = std::numeric_limits<std::size_t>::max();
};

/// Counts brackets and commas outside strings, so that nothing recursive ever sees a text that is too deep, and memory
/// is not filled by a text of many small values: each takes up to 100 times its bytes.
/// @throws std::invalid_argument naming `what` and the limit
inline void check_json_size(std::string_view text, const std::string& what, const JsonLimits& most) {
  int depth = 0;
  std::size_t values = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      ++values;
      if (++depth > most.depth)
        throw std::invalid_argument(what + ": JSON nested deeper than " + std::to_string(most.depth) + " levels");
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && ++values > most.values) {
      throw std::invalid_argument(what + ": JSON of more than " + std::to_string(most.values) + " values");
    }
  }
}

}  // namespace sepconv::detail

#pragma once
// How deep a JSON text is nested: what reads it next may use the stack for each level.

#include <stdexcept>
#include <string>
#include <string_view>

namespace sepconv::detail {

/// Counts the brackets outside strings.
/// @throws std::invalid_argument naming `what` for a text that is nested deeper than `most` levels
inline void check_json_depth(std::string_view text, const std::string& what, int most) {
  int depth = 0;
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
      if (++depth > most)
        throw std::invalid_argument(what + ": JSON nested deeper than " + std::to_string(most) + " levels");
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

}  // namespace sepconv::detail

#pragma once
// Small helpers for the library's text forms: splitting, exact number parsing, shortest number printing.

#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sepconv::detail {

inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end == std::string_view::npos ? end : end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

inline std::string quoted(std::string_view text) { return std::string(1, '\'').append(text).append(1, '\''); }

/// True for a name that a line of text can hold: not empty, without control characters.
inline bool is_printable(std::string_view name) {
  for (const char c : name)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') return false;
  return !name.empty();
}

inline bool consume_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// The whole of `text` as a decimal int32.
/// @throws std::invalid_argument naming `what` and the text.
inline std::int32_t parse_int(std::string_view text, std::string_view what) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument(std::string(what) + ": expected an integer, received " + quoted(text));
  return value;
}

/// The whole of `text` as a double ("inf" allowed).
inline double parse_double(std::string_view text, std::string_view what) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument(std::string(what) + ": expected a number, received " + quoted(text));
  return value;
}

/// Shortest decimal form that reads back to the same double.
inline std::string print_double(double value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, result.ptr);
}

}  // namespace sepconv::detail

#pragma once
// What the command writes for people: never an escape sequence that came from a file, and never a crash.

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace sepconv::tools {

/// The text with every control character but newlines and tabs as \u001b, say: a terminal would obey it.
std::string visible(std::string_view text);

/// Writes to stdout or stderr. A failure is kept for finish_output().
void write_text(std::FILE* stream, std::string_view text);

template <class... T>
void print_out(fmt::format_string<T...> format, T&&... arguments) {
  write_text(stdout, fmt::format(format, std::forward<T>(arguments)...));
}

/// A failure is ignored: there is nowhere left to report it.
template <class... T>
void print_error(fmt::format_string<T...> format, T&&... arguments) {
  write_text(stderr, fmt::format(format, std::forward<T>(arguments)...));
}

/// Sends std::cout the same way, and makes sure that no file takes the number of a closed standard stream. At the start
/// of main.
void start_output();

/// Writes what is left. @return false where a part of stdout was lost.
bool finish_output();

}  // namespace sepconv::tools

#pragma once
// One line of a terminal's standard error that changes in place.

#include <string>

namespace sepconv::tools {

/// Whether standard error is a terminal that can move its cursor.
bool stderr_is_terminal();

/// Replaces the line by `text`, cut to the terminal's width.
void draw_line(std::string text);
void clear_line();

}  // namespace sepconv::tools

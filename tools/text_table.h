#pragma once
// Rows of cells as aligned text.

#include <string>
#include <vector>

namespace sepconv::tools {

using TextTable = std::vector<std::vector<std::string>>;

/// Prints to stdout, columns as wide as their widest cell, two spaces apart. A row may have fewer cells than others.
/// @param right  for each column: aligned to the right, as numbers are.
void print_table(const TextTable& rows, const std::vector<bool>& right);

}  // namespace sepconv::tools

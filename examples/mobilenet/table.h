#pragma once
// Text in columns.

#include <string>
#include <vector>

namespace demo {

/// Columns as wide as their widest cell, two spaces apart; the first row is the heading. Cells of columns in `left` are
/// flush left, others flush right. Every row has as many cells as the first.
std::string aligned(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& left);

}  // namespace demo

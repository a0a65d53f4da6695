#include "runtime/keras/near_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace sepconv::keras {
namespace {

// Names of strangers may be long and many; the advice is not worth more time than this.
constexpr std::size_t kMaxLength = 100, kMaxNames = 10000, kMaxShown = 4;

/// Insertions, deletions and replacements that turn one text into the other.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

std::string quoted(const std::string& name) {
  return "'" + (name.size() > kMaxLength ? name.substr(0, kMaxLength) + "..." : name) + "'";
}

}  // namespace

std::string near_names(const std::string& name, const std::vector<std::string>& known) {
  if (known.empty()) return "";
  std::vector<std::pair<std::size_t, std::string>> near;
  for (std::size_t i = 0; i < std::min(known.size(), kMaxNames) && name.size() <= kMaxLength; ++i) {
    if (known[i].size() > kMaxLength) continue;
    const std::size_t distance = edit_distance(name, known[i]);
    // "conv_1" for "stage/conv_1" is a slip too.
    const bool part = name.size() >= 3 && known[i].find(name) != std::string::npos;
    if (part || (distance <= std::max<std::size_t>(1, name.size() / 4) && distance < name.size()))
      near.emplace_back(distance, known[i]);
  }
  std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const bool found = !near.empty();
  const std::size_t shown = std::min(found ? near.size() : known.size(), kMaxShown);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) text += found && i + 1 == shown ? " or " : ", ";
    text += quoted(found ? near[i].second : known[i]);
  }
  if (found) return "; did you mean " + text + "?";
  if (known.size() > shown) text += " and " + std::to_string(known.size() - shown) + " more";
  return std::string(known.size() == 1 ? "; there is " : "; there are ") + text;
}

}  // namespace sepconv::keras

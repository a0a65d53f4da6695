#pragma once
// Which layers or cases --only picks.

#include <regex>
#include <string>

namespace sepconv::tools {

class NameFilter {
 public:
  /// @param only  a regular expression; empty: every name.
  /// @throws std::invalid_argument where it is none, has back references or more than 1000 characters.
  explicit NameFilter(const std::string& only);

  /// Whether the expression finds something in the name.
  /// @throws std::invalid_argument for a name of more than 1000 characters.
  bool operator()(const std::string& name) const;

 private:
  bool all_;
  std::regex pattern_;
};

}  // namespace sepconv::tools

#include "tools/name_filter.h"

#include <fmt/format.h>

#include <stdexcept>

namespace sepconv::tools {
namespace {

// std::regex needs a stack that grows with the expression, and with the name unless it is told to match in polynomial
// time, which also excludes expressions such as (a*)*b that would take for ever.
constexpr std::size_t kMostCharacters = 1000, kShown = 40;

std::regex regex_from(const std::string& only) {
  if (only.size() > kMostCharacters)
    throw std::invalid_argument(fmt::format("--only: '{}...' has {} characters; at most {} are allowed",
                                            only.substr(0, kShown), only.size(), kMostCharacters));
  try {
    return std::regex(only, std::regex::ECMAScript | std::regex::nosubs | std::regex_constants::__polynomial);
  } catch (const std::regex_error& error) {
    throw std::invalid_argument(fmt::format("--only: '{}' is not a regular expression: {}", only, error.what()));
  }
}

}  // namespace

NameFilter::NameFilter(const std::string& only) : all_(only.empty()), pattern_(regex_from(only)) {}

bool NameFilter::operator()(const std::string& name) const {
  if (all_) return true;
  if (name.size() > kMostCharacters)
    throw std::invalid_argument(fmt::format("--only: the name '{}...' has {} characters; at most {} can be matched",
                                            name.substr(0, kShown), name.size(), kMostCharacters));
  return std::regex_search(name, pattern_);
}

}  // namespace sepconv::tools

#include "name_filter.h"

#include <fmt/format.h>

#include <stdexcept>

namespace sepconv::tools {
namespace {

std::regex regex_from(const std::string& only) {
  try {
    return std::regex(only);
  } catch (const std::regex_error& error) {
    throw std::invalid_argument(fmt::format("--only: '{}' is no regular expression: {}", only, error.what()));
  }
}

}  // namespace

NameFilter::NameFilter(const std::string& only) : all_(only.empty()), pattern_(regex_from(only)) {}

bool NameFilter::operator()(const std::string& name) const {
  constexpr std::size_t kMostCharacters = 1000, kShown = 40;
  if (all_) return true;
  if (name.size() > kMostCharacters)
    throw std::invalid_argument(fmt::format("--only: the name '{}...' has {} characters; at most {} can be matched",
                                            name.substr(0, kShown), name.size(), kMostCharacters));
  return std::regex_search(name, pattern_);
}

}  // namespace sepconv::tools

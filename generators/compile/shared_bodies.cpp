#include "generators/compile/shared_bodies.h"

#include <map>
#include <stdexcept>
#include <string_view>

namespace sepconv::generators {

std::vector<std::size_t> shared_bodies(const std::vector<KernelObject>& objects) {
  std::map<std::string_view, std::size_t> first;
  std::vector<std::size_t> bodies;
  for (std::size_t i = 0; i < objects.size(); ++i) bodies.push_back(first.emplace(objects[i].bytes, i).first->second);
  return bodies;
}

std::string with_symbol(std::string bytes, const std::string& symbol) {
  const std::string_view placeholder = kPlaceholderSymbol;
  if (symbol.size() != placeholder.size())
    throw std::logic_error("symbol '" + symbol + "' is not as long as the placeholder");
  for (std::size_t at = bytes.find(placeholder); at != std::string::npos; at = bytes.find(placeholder, at))
    bytes.replace(at, symbol.size(), symbol);
  return bytes;
}

}  // namespace sepconv::generators

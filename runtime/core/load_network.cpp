#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/core/text.h"
#include "sepconv/network.h"

namespace sepconv {
namespace {

Network network_of(WeightsFile file, const std::string& where) {
  if (!file.network)
    throw std::invalid_argument(where + ": holds no network; `sepconv compile` says why when it writes none");
  return Network(std::move(*file.network), std::move(file.network_layers));
}

}  // namespace

Network load_network(const std::filesystem::path& weights_file) {
  return network_of(load_weights_file(weights_file), "weights file '" + weights_file.string() + "'");
}

Network load_network(const NetworkTable& table) {
  const std::string library = "library " + detail::quoted(table.library);
  if (table.weights == nullptr)
    throw std::invalid_argument(library + ": has no embedded weights; load the network from " + table.library +
                                ".weights, or compile with --embed");
  try {
    WeightsFile file = weights_file_from_bytes({reinterpret_cast<const char*>(table.weights), table.weights_bytes});
    if (file.network && to_text(*file.network) != table.plan)
      throw std::invalid_argument("its header is that of another network");
    return network_of(std::move(file), "its weights");
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(library + ": " + error.what());
  }
}

}  // namespace sepconv

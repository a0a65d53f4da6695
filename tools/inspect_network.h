#pragma once
// What `sepconv inspect --network` prints.

#include <nlohmann/json.hpp>

#include "sepconv/plan.h"

namespace sepconv::tools {

/// The steps and the memory plan, as tables with their totals.
void print_network_tables(const NetworkPlan& network);

/// The same: {"steps", "tensors", "inputs", "outputs", "flops", "weight_bytes", "tensor_bytes", "largest_live_bytes"}.
nlohmann::ordered_json network_json(const NetworkPlan& network);

}  // namespace sepconv::tools

#pragma once
// What a planned network computes, in double and by naive loops, with every tensor where the plan says that it lies.

#include <string>
#include <vector>

#include "sepconv/plan.h"

namespace sepconv::keras::test {

/// The outputs for one image of each input, in the plan's order.
std::vector<std::vector<double>> run_network(const PlannedNetwork& network,
                                             const std::vector<std::vector<double>>& inputs);

}  // namespace sepconv::keras::test

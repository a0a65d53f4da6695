#pragma once
// Runs the layer 'block' with all weights 1 on an input of ones and checks the numbers.

#include <cstdio>
#include <string>
#include <vector>

#include <sepconv/detail/compiled_kernel.h>
#include <sepconv/layer.h>
#include <sepconv/tensor.h>

inline bool block_is_right(const sepconv::KernelTable& table) {
  for (std::size_t i = 0; i < table.layer_count; ++i) {
    if (std::string(table.layers[i].name) != "block") continue;
    const sepconv::ConvProblem problem = sepconv::problem_from_text(table.layers[i].problem);
    sepconv::ConvWeights weights;
    weights.arrays = {std::vector<float>(3 * 3 * 3, 1.0f), std::vector<float>(3 * 4, 1.0f),
                      std::vector<float>(4, 1.0f)};
    const sepconv::ConvLayer layer("block", problem, weights);
    sepconv::Tensor input({2, 6, 5, 3}), output({2, 6, 5, 4});
    for (std::int64_t k = 0; k < input.elements(); ++k) input.data()[k] = 1.0f;
    const sepconv::Status status = layer.run({}, input, output);
    if (!status.ok()) {
      std::printf("%s\n", status.message());
      return false;
    }
    // A corner sees 2x2 of the 3x3 window, an inner pixel all of it; 3 channels, and the bias.
    const float corner = output.data()[0], inner = output.data()[(1 * 5 + 1) * 4];
    std::printf("%s: corner %g, inner %g\n", layer.kernel()->symbol, corner, inner);
    return corner == 2 * 2 * 3 + 1 && inner == 3 * 3 * 3 + 1;
  }
  std::printf("the table has no layer 'block'\n");
  return false;
}

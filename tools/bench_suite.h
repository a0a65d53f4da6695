#pragma once
// The layers of a suite file (bench/suites/peers.json), which several libraries are timed on.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"

namespace sepconv::tools {

struct BenchLayer {
  std::string name;
  ConvProblem problem;     // a 1-D layer is the 2-D problem with IH = KH = 1
  std::int64_t batch = 1;  // images of a call
};

/// Reads {"groups": [...], "layers": [{"name", "group", "kind", "dims", "batch", "H", "W" or "L", "C",
/// "depth_multiplier", "F", "kernel", "stride", "dilation", "padding", "data_format", "activation", "bias", "dtype",
/// "source"}]}. "group" and "source" are for people.
/// @throws std::invalid_argument in one line that names the file, the layer, the field, its value and what is allowed.
std::vector<BenchLayer> read_bench_suite(const std::filesystem::path& path);

}  // namespace sepconv::tools

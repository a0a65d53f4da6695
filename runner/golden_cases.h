#pragma once
// A folder of cases: cases.json says what each layer is, an .npz beside it holds input, weights and output as Keras had
// them. tests/data/make_goldens.py writes such folders.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "sepconv/detail/tensor_view.h"
#include "sepconv/plan.h"

namespace sepconv::runner {

struct GoldenCase {
  std::string name;
  std::string skip_reason;  // why no kernel is compiled for it; empty when one is
  PlannedLayer layer;       // named as the case; with its weights. Empty, as all below, when skipped
  Shape in_shape, out_shape;
  std::vector<double> input;     // each exact in the type that the file had it in
  std::vector<double> expected;  // what Keras computed
  double limit = 0;              // golden_limit of the case
};

/// How far a kernel may be from Keras, whose own distance from the exact result is `keras_error`: float32
/// 4 * keras_error + 1e-6 * max_output; float64 4 * keras_error + 1e-14 * max_output; float16 and bfloat16
/// keras_error + 2 units in the last place of max_output.
double golden_limit(DataType dtype, double keras_error, double max_output);

/// @param wanted  picks cases by name.
/// @throws std::invalid_argument naming the file, the case and what is wrong: unreadable, arrays missing or of shapes
/// that do not fit the layer, names that repeat or cannot be file names.
std::vector<GoldenCase> read_golden_cases(const std::filesystem::path& folder,
                                          const std::function<bool(const std::string&)>& wanted);

}  // namespace sepconv::runner

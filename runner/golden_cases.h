#pragma once
// A folder of cases: cases.json says what each layer is, an .npz beside it holds input, weights and output as Keras had
// them. tests/data/make_goldens.py writes such folders.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "npy.h"
#include "sepconv/plan.h"

namespace sepconv {

struct GoldenCase {
  std::string name;
  std::string skip_reason;  // why no kernel is compiled for it; empty when one is
  PlannedLayer layer;       // named as the case; with its weights. Empty, as all below, when skipped
  NpyArray input;           // float32
  NpyArray expected;        // float32, what Keras computed
  double limit = 0;         // 4 * Keras' own error + 1e-6 * the largest output
};

/// @param wanted  picks cases by name.
/// @throws std::invalid_argument naming the file, the case and what is wrong: unreadable, arrays missing or of shapes
/// that do not fit the layer, names that repeat or cannot be file names.
std::vector<GoldenCase> read_golden_cases(const std::filesystem::path& folder,
                                          const std::function<bool(const std::string&)>& wanted);

}  // namespace sepconv

#include "golden_cases.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "npz.h"
#include "sepconv/keras_layer.h"

namespace sepconv {
namespace {

using nlohmann::json;

/// The name also names files beside the compiled library.
void check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 100 && name[0] != '.' &&
                    std::all_of(name.begin(), name.end(),
                                [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; });
  if (!good) throw std::invalid_argument("a case's name holds only letters, digits, '_', '-' and '.'");
}

NpyArray taken(std::map<std::string, NpyArray>& arrays, const std::string& name) {
  const auto found = arrays.find(name);
  if (found == arrays.end()) throw std::invalid_argument("the .npz lacks the array '" + name + "'");
  if (found->second.dtype != "<f4")
    throw std::invalid_argument("array '" + name + "': expected float32 ('<f4'), received '" + found->second.dtype +
                                "'");
  return std::move(found->second);
}

void check_shape(const NpyArray& array, const char* name, const json& wanted) {
  if (array.shape != wanted.get<std::vector<std::int64_t>>())
    throw std::invalid_argument(std::string("array '") + name + "' has shape " + shape_text(array.shape) +
                                ", but cases.json says " + wanted.dump());
}

ConvWeights weights_of(const ConvLayerConfig& config, std::int64_t channels, std::map<std::string, NpyArray>& arrays) {
  std::vector<KerasArray> ordered;
  for (const KerasWeight& weight : conv_weight_shapes(config, channels)) {
    // Keras 3 calls the only kernel of depthwise layers `kernel`; the cases have one name for it.
    NpyArray array =
        taken(arrays, weight.name == "kernel" && config.op == ConvOp::depthwise ? "depthwise_kernel" : weight.name);
    std::vector<float> values = array.floats();
    ordered.push_back({std::move(array.shape), std::move(values)});
  }
  return conv_weights(config, channels, ordered);
}

GoldenCase read_case(const json& row, const std::filesystem::path& folder) {
  GoldenCase result;
  result.name = row.at("name").get<std::string>();
  check_name(result.name);
  const KerasRules rules = keras_rules_from_text(row.at("api").get<std::string>());
  const auto in_shape = row.at("input_shape").get<std::vector<std::int64_t>>();
  try {
    result.layer = plan_layer_config(row.at("layer"), in_shape, rules);
  } catch (const NotCompiledError& error) {
    result.skip_reason = error.what();
    return result;
  }
  result.layer.name = result.name;
  result.layer.absorbed = {result.name};
  const auto file = row.at("file").get<std::string>();
  if (std::filesystem::path(file).filename() != file)
    throw std::invalid_argument("'file' must be a name in the folder, received '" + file + "'");
  std::map<std::string, NpyArray> arrays = read_npz(folder / file);
  result.input = taken(arrays, "input");
  result.expected = taken(arrays, "output");
  check_shape(result.input, "input", row.at("input_shape"));
  check_shape(result.expected, "output", row.at("output_shape"));
  result.layer.weights = weights_of(conv_layer_config(row.at("layer"), rules), result.layer.problem.IC, arrays);
  result.layer.has_weights = true;
  result.limit = 4 * row.at("max_abs_err_vs_float64").get<double>() + 1e-6 * row.at("max_abs_output").get<double>();
  if (!(result.limit >= 0) || std::isinf(result.limit))
    throw std::invalid_argument("max_abs_err_vs_float64 and max_abs_output must be finite and not negative");
  return result;
}

}  // namespace

std::vector<GoldenCase> read_golden_cases(const std::filesystem::path& folder,
                                          const std::function<bool(const std::string&)>& wanted) {
  const std::filesystem::path path = folder / "cases.json";
  std::ifstream file(path);
  if (!file) throw std::invalid_argument(path.string() + ": cannot read the file");
  std::vector<GoldenCase> cases;
  std::set<std::string> names;
  std::string where = path.string();
  try {
    const json document = json::parse(file);
    for (const json& row : document.at("cases")) {
      const auto name = row.at("name").get<std::string>();
      where = path.string() + ": case '" + name.substr(0, 100) + "'";
      if (!names.insert(name).second) throw std::invalid_argument("the name occurs twice");
      if (wanted(name)) cases.push_back(read_case(row, folder));
    }
  } catch (const json::exception& error) {
    throw std::invalid_argument(where + ": " + error.what());
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(where + ": " + error.what());
  }
  return cases;
}

}  // namespace sepconv

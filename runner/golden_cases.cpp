#include "runner/golden_cases.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "runner/npz.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::runner {
namespace {

using nlohmann::json;

/// The name also names files beside the compiled library.
void check_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 100 && name[0] != '.' &&
                    std::all_of(name.begin(), name.end(),
                                [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-' || c == '.'; });
  if (!good) throw std::invalid_argument("a case's name holds only letters, digits, '_', '-' and '.'");
}

/// An array of a case: cases.json says its type, which the file may hold only the bits of.
struct CaseArray {
  std::vector<std::int64_t> shape;
  std::vector<double> values;
  DataType dtype = DataType::float32;
};

/// The floating point types by Keras' names.
DataType dtype_from_name(const std::string& name) {
  for (const DataType dtype : {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16})
    if (name == keras_name(dtype)) return dtype;
  throw std::invalid_argument("dtype: received '" + name + "'; expected float32, float64, float16 or bfloat16");
}

/// The arrays of one case.
class CaseArrays {
 public:
  CaseArrays(const json& row, const std::filesystem::path& path)
      : described_(row.at("arrays")), held_(read_npz(path)) {}

  CaseArray take(const std::string& name) {
    const auto found = held_.find(name);
    if (found == held_.end()) throw std::invalid_argument("the .npz lacks the array '" + name + "'");
    const auto described = described_.find(name);
    if (described == described_.end()) throw std::invalid_argument("'arrays' lacks '" + name + "'");
    const DataType dtype = dtype_from_name(described->at("dtype").get<std::string>());
    try {
      return {found->second.shape, found->second.doubles_of(dtype), dtype};
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("array '" + name + "': " + error.what());
    }
  }

 private:
  const json& described_;
  std::map<std::string, NpyArray> held_;
};

void check_shape(const CaseArray& array, const char* name, const json& wanted) {
  if (array.shape != wanted.get<std::vector<std::int64_t>>())
    throw std::invalid_argument(std::string("array '") + name + "' has shape " + shape_text(array.shape) +
                                ", but cases.json says " + wanted.dump());
}

ConvWeights weights_of(const LayerConfig& config, std::int64_t channels, CaseArrays& arrays) {
  std::vector<KerasArray> ordered;
  for (const KerasWeight& weight : conv_weight_shapes(config, channels)) {
    // Keras 3 calls the only kernel of depthwise layers `kernel`; the cases have one name for it.
    CaseArray array = arrays.take(weight.name == "kernel" && config.groups > 1 ? "depthwise_kernel" : weight.name);
    ordered.push_back({std::move(array.shape), std::move(array.values), array.dtype});
  }
  return conv_weights(config, channels, ordered);
}

/// The largest power of two that is not beyond the value.
double binade(double value) { return value > 0 && std::isfinite(value) ? std::scalbn(1.0, std::ilogb(value)) : value; }

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
  CaseArrays arrays(row, folder / file);
  CaseArray input = arrays.take("input"), expected = arrays.take("output");
  check_shape(input, "input", row.at("input_shape"));
  check_shape(expected, "output", row.at("output_shape"));
  const DataType dtype = result.layer.problem.dtype;
  if (expected.dtype != dtype)
    throw std::invalid_argument(std::string("array 'output': expected the layer's ") + keras_name(dtype) +
                                ", received " + keras_name(expected.dtype));
  result.in_shape = std::move(input.shape);
  result.input = std::move(input.values);
  result.out_shape = std::move(expected.shape);
  result.expected = std::move(expected.values);
  result.layer.weights = weights_of(conv_layer_config(row.at("layer"), rules), result.layer.problem.IC, arrays);
  result.layer.has_weights = true;
  result.limit =
      golden_limit(dtype, row.at("max_abs_err_vs_float64").get<double>(), row.at("max_abs_output").get<double>());
  if (!(result.limit >= 0) || std::isinf(result.limit))
    throw std::invalid_argument("max_abs_err_vs_float64 and max_abs_output must be finite and not negative");
  return result;
}

}  // namespace

double golden_limit(DataType dtype, double keras_error, double max_output) {
  switch (dtype) {
    case DataType::float64: return 4 * keras_error + 1e-14 * max_output;
    case DataType::float16: return keras_error + 2 * std::max(0x1p-10 * binade(max_output), 0x1p-24);
    case DataType::bfloat16: return keras_error + 2 * 0x1p-7 * binade(max_output);
    default: return 4 * keras_error + 1e-6 * max_output;
  }
}

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

}  // namespace sepconv::runner

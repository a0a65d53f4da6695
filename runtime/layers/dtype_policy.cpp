#include "sepconv/detail/dtype_policy.h"

#include <array>
#include <stdexcept>

namespace sepconv {
namespace {

struct KnownPolicy {
  std::string_view name;
  DataType variable, compute;
};
constexpr std::array kPolicies = {
    KnownPolicy{"float32", DataType::float32, DataType::float32},
    KnownPolicy{"float64", DataType::float64, DataType::float64},
    KnownPolicy{"float16", DataType::float16, DataType::float16},
    KnownPolicy{"bfloat16", DataType::bfloat16, DataType::bfloat16},
    KnownPolicy{"mixed_float16", DataType::float32, DataType::float16},
    KnownPolicy{"mixed_bfloat16", DataType::float32, DataType::bfloat16},
};

// Keras takes these names, and its initializers and convolutions refuse the types.
constexpr std::array<std::string_view, 8> kUnusable = {"bool",   "uint8", "uint16", "uint32",
                                                       "uint64", "int16", "int32",  "int64"};

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

}  // namespace

DTypePolicy::DTypePolicy(std::string_view name) : name_(name) {
  for (const KnownPolicy& known : kPolicies)
    if (known.name == name) {
      variable_ = known.variable;
      compute_ = known.compute;
      return;
    }
  if (starts_with(name, "int8") || starts_with(name, "int4") || starts_with(name, "float8"))
    throw std::invalid_argument(
        "Cannot convert `policy` into a valid pair (`mode`, `source_name`) to instantiate `QuantizedDTypePolicy`. "
        "Received: policy=" +
        name_ + " (argument `dtype`: Keras has no quantised form of these layers)");
  for (const std::string_view integer : kUnusable)
    if (integer == name) {
      usable_ = false;
      return;
    }
  throw std::invalid_argument("Cannot convert '" + name_ +
                              "' to a DTypePolicy (argument `dtype`). Valid policies are 'float32', 'float64', "
                              "'float16', 'bfloat16', 'mixed_float16' and 'mixed_bfloat16'.");
}

}  // namespace sepconv

#pragma once
// Keras' dtype policies: the type of the variables, and the type that a layer computes in.

#include <string>
#include <string_view>

#include "sepconv/data_type.h"

namespace sepconv {

/// "float32", "float64", "float16", "bfloat16", "mixed_float16" or "mixed_bfloat16".
class DTypePolicy {
 public:
  DTypePolicy() = default;
  /// @throws std::invalid_argument naming the policy and those that there are; for integer types and the quantised
  ///         policies, which Keras does not compute either, saying so.
  DTypePolicy(std::string_view name);
  DTypePolicy(const char* name) : DTypePolicy(std::string_view(name)) {}
  DTypePolicy(const std::string& name) : DTypePolicy(std::string_view(name)) {}

  const std::string& name() const noexcept { return name_; }
  DataType variable_dtype() const noexcept { return variable_; }
  /// Of inputs (which are cast to it), sums' operands and outputs.
  DataType compute_dtype() const noexcept { return compute_; }

 private:
  std::string name_ = "float32";
  DataType variable_ = DataType::float32, compute_ = DataType::float32;
};

}  // namespace sepconv

#pragma once
// Keras' dtype policies: the type of the variables, and the type that a layer computes in.

#include <string>
#include <string_view>

#include "sepconv/detail/data_type.h"

namespace sepconv {

/// "float32", "float64", "float16", "bfloat16", "mixed_float16" or "mixed_bfloat16".
class DTypePolicy {
 public:
  DTypePolicy() = default;
  /// Keras also accepts the names of integer types, and fails when it builds a layer of one. They give a policy that is
  /// not usable().
  /// @throws std::invalid_argument in Keras' words for an unknown name and for the quantised policies (int8, float8).
  DTypePolicy(std::string_view name);
  DTypePolicy(const char* name) : DTypePolicy(std::string_view(name)) {}
  DTypePolicy(const std::string& name) : DTypePolicy(std::string_view(name)) {}

  const std::string& name() const noexcept { return name_; }
  /// False for integer types, in which no layer computes.
  bool usable() const noexcept { return usable_; }
  /// This and compute_dtype() are meaningful only if usable().
  DataType variable_dtype() const noexcept { return variable_; }
  /// Type of inputs (which are cast to it), of the operands of sums, and of outputs.
  DataType compute_dtype() const noexcept { return compute_; }

 private:
  std::string name_ = "float32";
  DataType variable_ = DataType::float32, compute_ = DataType::float32;
  bool usable_ = true;
};

}  // namespace sepconv

#pragma once
// The arguments in a serialised layer's configuration, one by one, as Keras' constructors take them.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sepconv/detail/layer_args.h"

namespace sepconv::keras {

/// Refuses a wrong value at the stage where Keras does: with std::invalid_argument where the constructor fails, and by
/// deferred_error() where Keras stumbles only when it builds the layer.
class ArgumentReader {
 public:
  /// @param config  an object, which must outlive the reader
  ArgumentReader(const nlohmann::json& config, std::string class_name, KerasRules rules)
      : config_(config), class_name_(std::move(class_name)), rules_(rules) {}

  const nlohmann::json& config() const { return config_; }
  const std::string& class_name() const { return class_name_; }
  bool keras2() const { return rules_ == KerasRules::tf_keras_2; }
  bool has(const char* key) const { return config_.contains(key); }
  /// Null where it is absent.
  const nlohmann::json& at(const char* key) const;
  /// The error of the first such argument; empty if there is none.
  const std::string& deferred_error() const { return deferred_error_; }

  [[noreturn]] void refuse(const char* key, const std::string& expected) const;

  /// filters, depth_multiplier and groups. Nothing where the error is deferred.
  /// @param truncates  tf.keras makes an int of a float
  std::optional<int> count(const char* key, bool truncates);
  /// kernel_size, strides and dilation_rate.
  IntOrTuple sizes(const char* key, int rank);
  std::string padding();
  /// A list of integers and nulls.
  Shape shape(const char* key) const;
  bool flag(const char* key) const;
  /// Nested lists of numbers.
  Tensor tensor(const char* key, const nlohmann::json& value) const;

 private:
  void defer(const std::string& key, const std::string& expected, const nlohmann::json& value);
  int small_int(const char* key, const nlohmann::json& value, const std::string& expected) const;
  void append(const char* key, const nlohmann::json& value, const Shape& shape, std::size_t axis,
              std::vector<double>& values) const;

  const nlohmann::json& config_;
  std::string class_name_;
  KerasRules rules_;
  std::string deferred_error_;
};

}  // namespace sepconv::keras

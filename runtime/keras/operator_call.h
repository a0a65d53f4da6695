#pragma once
// One call of an operator: its name and arguments, whichever of the three forms it is written in.

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/keras/layer_rules.h"

namespace sepconv::keras {

/// Where the arguments stand differs: those of TFOpLambda in the call, those of Keras 3's operations in the
/// configuration where they are no tensors, those of TensorFlowOpLayer in a TensorFlow node's attributes and constants.
class OperatorCall {
 public:
  explicit OperatorCall(const LayerUse& use);

  /// Lower case, without underscores: "reducemean" for tf.math.reduce_mean, "getitem" for Keras 3's GetItem.
  const std::string& name() const { return name_; }

  static constexpr std::size_t kNamedOnly = 1000;
  /// Null where the call has no such argument.
  const nlohmann::json& argument(std::size_t position, std::initializer_list<const char*> names) const;
  bool flag(std::initializer_list<const char*> names) const;

  /// The first tensor's shape, or that of the first argument.
  std::optional<Shape> x() const;
  /// The shapes of the first argument, a list of tensors.
  Shapes list() const;

  const CallArguments& arguments() const { return use_.arguments; }
  const Shapes& inputs() const { return use_.inputs; }

 private:
  const nlohmann::json& node_input(std::size_t position) const;

  const LayerUse& use_;
  std::string name_;
  bool node_ = false;          // a TensorFlow node
  nlohmann::json attributes_;  // of the node
};

}  // namespace sepconv::keras

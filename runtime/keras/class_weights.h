#pragma once
// Which weights a layer of each of Keras' classes has of its own.

#include "runtime/keras/weight_layout.h"

namespace sepconv::keras {

/// Adds the weights of a layer or cell whose weights are all its own.
/// @return false for a class that is none of those
bool add_own_weights(const std::string& class_name, const nlohmann::json& config, KerasRules rules, WeightNode& node);

/// Adds the weights in the cell of a recurrent layer (LSTM, ConvLSTM2D) to the cell's node.
/// @return false for a class that is none of those
bool add_cell_weights(const std::string& class_name, const nlohmann::json& config, KerasRules rules, WeightNode& node);

bool has_no_weights(const std::string& class_name);

}  // namespace sepconv::keras

#pragma once
// Several tensors combined into one, for layers and operators alike.

#include <nlohmann/json.hpp>
#include <vector>

#include "runtime/keras/network_lowering.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

/// The tensors combined from the first to the last; one of them must have the output's shape.
int combine(CallLowering& call, EpilogueKind kind, const std::vector<int>& tensors);

/// @param axis  counted with the batch
int concatenate(CallLowering& call, const std::vector<int>& tensors, const nlohmann::json& axis);

/// All elements times a number.
int scaled(CallLowering& call, int tensor, double factor);

}  // namespace sepconv::keras

#pragma once
// Plans of networks in a form that tests compare and people read.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras::test {

using Lines = std::vector<std::string>;

/// The configuration of a 1x1 convolution without a bias, with `more` in it.
nlohmann::json conv(int filters, const nlohmann::json& more = nlohmann::json::object());

/// A line for each step: "conv: f32_... x -> y, operand". A tensor that lies in another is "y@base+first".
Lines network_lines(const PlannedNetwork& network);

/// The lines of a model without weights, or the one line that says why there are none.
Lines plan_lines(const nlohmann::json& model, PlanOptions options = {}, KerasRules rules = KerasRules::keras_3);

}  // namespace sepconv::keras::test

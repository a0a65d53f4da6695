#pragma once
// Turns the layers of a Keras model into problems for which kernels are compiled. Needs the Keras reader library.

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/conv_weights.h"
#include "sepconv/detail/model_options.h"
#include "sepconv/detail/network_plan.h"

namespace sepconv {

/// One kernel call that serves one or more layers of the model.
struct PlannedLayer {
  std::string name;                   // the first convolution of the chain: "conv_dw_3"; nested models: "outer/inner"
  std::vector<std::string> absorbed;  // every layer that the call computes, in the model's order, `name` included:
                                      // {"conv_pad_4", "conv_dw_4", "conv_dw_4_bn", ..., "conv_pw_4_relu"}
  ConvProblem problem;
  ConvWeights weights;  // after folding; all empty if the file holds no weights
  bool has_weights = false;
  // The source of the pads in problems with dynamic extents: Keras' rule, and the zeros that an absorbed ZeroPadding
  // layer adds to it (top, bottom, left, right).
  std::string padding = "valid";  // "valid", "same" or "causal"
  std::array<std::int32_t, 4> zero_padding{};
  std::int64_t batch = 1;  // images per call, if a benchmark suite sets it; kernels take any number
};

/// A convolution of the model for which no kernel is made, and why.
struct SkippedLayer {
  std::string name;
  std::string class_name;
  std::string reason;
};

/// The whole model, or the part of it between PlanOptions::from and to, as calls of kernels.
struct PlannedNetwork {
  NetworkPlan plan;                  // with its memory plan
  std::vector<PlannedLayer> layers;  // the problem and weights of each step, by name
};

struct Plan {
  std::vector<PlannedLayer> layers;  // in the model's order
  std::vector<SkippedLayer> skipped;
  std::optional<PlannedNetwork> network;  // if PlanOptions::network, and all layers can be compiled
  std::string why_no_network;             // else: the first layer that prevents it, and why
};

struct PlanOptions : ModelOptions {
  bool fold = true;          // fold BatchNormalization and activations, absorb ZeroPadding2D
  bool join = true;          // join depthwise and 1x1 convolutions into one separable problem
  std::string layers = "*";  // glob over the names of layers to plan
  bool network = false;      // also plan the network
  std::string from, to;      // the first and the last layer of the network, both inclusive; empty: all of the model
};

/// Reads and plans a .keras, .h5 or .json model, TensorFlow.js' layers format, a LAYERS.json list of layer
/// configurations with input shapes, or a suite such as bench/suites/peers.json.
/// @throws std::invalid_argument naming the file and what is wrong with it.
Plan plan_file(const std::filesystem::path& path, const PlanOptions& options = {});

}  // namespace sepconv

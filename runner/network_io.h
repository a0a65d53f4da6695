#pragma once
// The inputs and outputs of networks as arrays of NumPy's.

#include <cstdint>
#include <string>
#include <vector>

#include "runner/npy.h"
#include "sepconv/network.h"
#include "sepconv/tensor.h"

namespace sepconv::runner {

/// As Network::inputs() and outputs() give them, without kernels.
std::vector<NetworkTensorInfo> network_inputs(const NetworkPlan& network);
std::vector<NetworkTensorInfo> network_outputs(const NetworkPlan& network);

/// "'image', float32 (None, 224, 224, 3)"
std::string port_text(const NetworkTensorInfo& port);

/// Compares an array with an input or output. An array may have the steps in time (`images`) as an axis of its own
/// after the batch, as Keras has them.
/// @param what  names the array in messages: "x.npy"
/// @param exact_type  else float64 serves for any type: for values that are compared
/// @return the batch
/// @throws std::invalid_argument naming the array, its type or shape, and what is expected.
std::int64_t checked_batch(const NetworkTensorInfo& port, const NpyArray& array, const std::string& what,
                           bool exact_type = true);

/// The shape that run() takes for that batch, and the one that Keras gives.
Shape run_shape(const NetworkTensorInfo& port, std::int64_t batch);
Shape keras_shape(const NetworkTensorInfo& port, std::int64_t batch);

/// Values from a seed for an input. @return as many as run_shape() has elements
std::vector<double> seeded_values(const NetworkTensorInfo& port, std::int64_t batch, std::uint64_t seed);

/// Checks that all inputs and outputs have one batch, which is that of the first. @param batch  below 0 until then
/// @throws std::invalid_argument that begins with `what`
void join_batch(std::int64_t own, const std::string& what, std::int64_t& batch);

/// The elements of a checked array.
std::vector<double> values_of(const NetworkTensorInfo& port, const NpyArray& array);

}  // namespace sepconv::runner

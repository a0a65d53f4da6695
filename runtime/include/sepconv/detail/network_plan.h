#pragma once
// A network as plain data: the kernels that are called one after another, the tensors between them and where in memory
// these lie.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/conv_problem.h"

namespace sepconv {

/// A tensor that a call reads or writes. Shapes are Keras', without the batch.
struct NetworkTensor {
  std::string name;  // of the layer that makes it, or of the model's input
  DataType dtype = DataType::float32;
  std::vector<std::int64_t> shape;  // {56, 56, 24}
  std::int64_t images = 1;          // for each image of the batch: the steps in time of a TimeDistributed layer
  /// The tensor whose memory it lies in: itself, or one that it is a part of, or a view of in another shape.
  std::int32_t base = -1;
  std::int64_t first = 0;  // its first element there, in an image
  Pitches pitches;         // of a part; elements
  /// Where the memory of a base begins in the workspace for a batch of one, a multiple of 64; -1: the caller's memory.
  std::int64_t offset_bytes = -1;
};

/// A call of one kernel. Its problem says how the tensors' elements are images: their extents, their pitches.
struct NetworkStep {
  std::string layer;  // the name of its problem and weights, unique in the network: that of its first Keras layer
  std::vector<std::string> absorbed;  // all Keras layers that it computes, in the model's order
  ConvProblem problem;
  std::int32_t input = -1, output = -1;  // tensors
  std::vector<std::int32_t> operands;    // tensors, in the order of the epilogue's steps that have one
};

struct NetworkPlan {
  /// A tensor by its number, which must exist.
  const NetworkTensor& tensor(std::int32_t number) const { return tensors[static_cast<std::size_t>(number)]; }

  std::vector<NetworkTensor> tensors;
  std::vector<NetworkStep> steps;             // in the order in which they run
  std::vector<std::int32_t> inputs, outputs;  // tensors, in the model's order; their names are the model's
  std::int64_t tensor_bytes = 0;              // of the workspace for a batch of one; set by the memory plan
};

/// Bytes of an image of a base tensor, times its `images`, rounded up to 64.
std::int64_t tensor_bytes(const NetworkTensor& tensor);

/// Checks every index, shape and problem: that each tensor is written before it is read, that parts lie within their
/// bases, and that no two tensors that are alive at once share memory.
/// @throws std::invalid_argument naming the tensor or the step.
void validate(const NetworkPlan& network);

/// The text form, a line for each tensor and step; see network_text.cpp.
std::string to_text(const NetworkPlan& network);
/// @throws std::invalid_argument naming the line and what is wrong with it.
NetworkPlan network_from_text(std::string_view text);

}  // namespace sepconv

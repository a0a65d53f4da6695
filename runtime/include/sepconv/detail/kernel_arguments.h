#pragma once
// The arguments of a compiled kernel. Only this file knows their order.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"

namespace sepconv {

enum class ArgumentKind : std::uint8_t {
  input,     // images
  weights,   // of a stage
  constant,  // of a step of a stage's epilogue, such as its bias
  operand,   // of a step of the last stage's epilogue: images, as the output or broadcast
  pad_top,   // int32 scalars of dynamic problems: the pads before H and W
  pad_left,
  output,  // images
};

/// Layout of an array for its kernel. `panel` channels of a stage are contiguous; CompiledKernel holds the number.
enum class Packing : std::uint8_t {
  none,                // unchanged
  depthwise_weights,   // [ceil(IC / panel)][KH][KW][m][panel], zero filled
  depthwise_constant,  // [m][IC rounded up to the panel], zero filled, if the next stage reads the result
  conv_weights,  // [ceil(OC / panel)][KH][KW][m][IC][panel], zero filled; the m planes of a depthwise stage before it
};

struct Argument {
  ArgumentKind kind = ArgumentKind::input;
  std::size_t stage = 0;            // of weights and constants
  DataType dtype;                   // of the elements in memory
  std::vector<std::int64_t> shape;  // weights and constants: before packing, in Keras' order; images: in memory order,
                                    // without the batch; kDynamic stays so; empty: a scalar
  Packing packing = Packing::none;
  EpilogueKind step = EpilogueKind::bias;  // of constants and operands, which are in the order of the stage's steps
  Broadcast broadcast = Broadcast::none;   // of operands
};

/// True for the arrays that ConvWeights holds.
inline bool is_weight(ArgumentKind kind) { return kind == ArgumentKind::weights || kind == ArgumentKind::constant; }
/// True for the tensors of a call.
inline bool is_image(ArgumentKind kind) {
  return kind == ArgumentKind::input || kind == ArgumentKind::operand || kind == ArgumentKind::output;
}

/// All arguments of the problem's kernel after the context (kernel_abi.h), in order.
std::vector<Argument> arguments_of(const ConvProblem& problem);

/// The extents of an operand of a value with these extents.
Extents operand_extents(const Extents& value, Broadcast broadcast);

/// The shapes of the operands, [H, W, C] or [C, H, W] with extents of 1 where they are broadcast, in order.
std::vector<Argument> operands_of(const ConvProblem& problem);

/// Only the weights: the arrays of ConvWeights, in this order.
std::vector<Argument> weights_of(const ConvProblem& problem);

/// "input", "weights0" or "bias1": the kind, or the step of a constant, and for weights and constants the stage.
std::string name_of(const Argument& argument);

/// Elements of an array before packing; requires a shape without kDynamic.
std::size_t elements_of(const Argument& argument);

}  // namespace sepconv

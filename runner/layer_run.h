#pragma once
// Runs a compiled layer under suspicion: NaN wherever it must not read a result from, guards wherever it must not
// write.

#include <span>
#include <string>
#include <vector>

#include "runner/reference.h"
#include "sepconv/executor.h"
#include "sepconv/layer.h"
#include "sepconv/tensor.h"

namespace sepconv::runner {

struct GuardedRun {
  std::vector<double> output;
  std::string fault;  // empty, or what went wrong: the status's message, or a write outside output or workspace
};

/// Elements of a tensor of that shape.
std::size_t elements(const Shape& shape);

/// The shapes of a problem with static extents, rank 4 in the problem's layout. The output's is the layer's: glu halves
/// its axis.
Shape input_shape(const ConvProblem& problem, std::int64_t batch);
Shape output_shape(const ConvProblem& problem, std::int64_t batch);
std::vector<Shape> operand_shapes(const ConvProblem& problem, std::int64_t batch);

/// Runs once with an output full of NaN and a workspace of exactly workspace_bytes(), full of NaN as well.
/// @param input, operands  dense; rounded once to the problem's type.
GuardedRun run_guarded(const ConvLayer& layer, Executor& executor, std::span<const double> input, const Shape& in_shape,
                       const Shape& out_shape, const Operands& operands = {});

/// Everything for repeated calls without allocation. The layer must outlive it.
class RepeatedRun {
 public:
  /// @throws std::invalid_argument if the layer has no kernel.
  RepeatedRun(const ConvLayer& layer, Executor& executor, const std::vector<double>& input, const Shape& in_shape,
              const Shape& out_shape, const Operands& operands = {});
  /// @throws std::runtime_error with the status's message.
  void operator()();
  /// What the last call wrote.
  ConstTensorView output() const { return output_.view(); }

 private:
  const ConvLayer* layer_;
  Tensor input_, output_;
  std::vector<std::byte> workspace_;
  RunContext context_;
  ConstTensorView in_;
  std::vector<Tensor> operands_;
  std::vector<ConstTensorView> operand_views_;
  TensorView out_;
};

/// One problem with static extents for each kind of padding that a layer with dynamic extents may be run with: "valid",
/// "same", and for 1-D problems "causal". The extents are `extent` more than the effective window.
struct ConcreteProblem {
  std::string padding;
  ConvProblem problem;
};
std::vector<ConcreteProblem> concrete_problems(const ConvProblem& dynamic, std::int32_t extent);

/// The problem with `H` x `W` input and the pads of Keras' rule: "valid", "same" or "causal" (W only).
/// @throws std::invalid_argument for another word, or when the output would be empty.
ConvProblem with_extents(ConvProblem dynamic, std::int32_t H, std::int32_t W, const std::string& padding);

}  // namespace sepconv::runner

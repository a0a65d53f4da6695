#pragma once
// Keras layers one at a time, in double, by naive loops: what a chain of layers means before anything is folded.

#include <vector>

#include "runtime/keras/layer_weights.h"
#include "runtime/keras/model_graph.h"

namespace sepconv::keras::test {

/// Channels last, the batch first.
struct DoubleTensor {
  Shape shape;
  std::vector<double> values;
};

/// Number of weights of a layer, for classes that have any.
std::size_t weight_count(const ModelLayer& layer);

/// One layer at inference.
/// @throws std::runtime_error for a class that is not implemented here.
DoubleTensor apply_layer(const ModelLayer& layer, const LayerWeights& weights, KerasRules rules,
                         const std::vector<DoubleTensor>& inputs);

/// The outputs of all calls of a model with one input.
std::vector<DoubleTensor> run_model(const ModelGraph& graph, const LayerWeights& weights, KerasRules rules,
                                    const DoubleTensor& input);

}  // namespace sepconv::keras::test

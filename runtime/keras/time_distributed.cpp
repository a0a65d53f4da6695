#include "runtime/keras/time_distributed.h"

#include <algorithm>

#include "sepconv/conv_problem.h"

namespace sepconv::keras {
namespace {

void erase_one(std::vector<int>& values, int value) {
  const auto found = std::find(values.begin(), values.end(), value);
  if (found != values.end()) values.erase(found);
}

}  // namespace

std::optional<Shape> time_shape(const ModelGraph& graph, const LayerCall& call) {
  const std::optional<Shape>& input = call.input_shapes.front();
  if (!input || input->empty()) return std::nullopt;
  if (call.time == TimeAxis::into_batch) {
    if (input->size() < 2) return std::nullopt;
    Shape shape(input->begin() + 1, input->end());
    shape[0] = kDynamic;  // the batch times the steps: any number
    return shape;
  }
  const std::optional<Shape>& outside = graph.calls[static_cast<std::size_t>(call.time_taken_at)].input_shapes.front();
  Shape shape{kDynamic, kDynamic};
  if (outside && outside->size() >= 2) std::copy_n(outside->begin(), 2, shape.begin());
  shape.insert(shape.end(), input->begin() + 1, input->end());
  return shape;
}

void join_time_distributed(ModelGraph& graph) {
  const auto call = [&](int index) -> LayerCall& { return graph.calls[static_cast<std::size_t>(index)]; };
  for (int i = 0; i < static_cast<int>(graph.calls.size()); ++i) {
    if (call(i).time != TimeAxis::into_batch || call(i).is_output) continue;
    const int before = call(i).inputs.front().call;
    if (call(before).time != TimeAxis::out_of_batch) continue;
    const TensorRef inside = call(before).inputs.front();
    for (const int reader : call(i).consumers) {
      for (TensorRef& input : call(reader).inputs)
        if (input.call == i) input = inside;
      call(inside.call).consumers.push_back(reader);
    }
    call(i).consumers.clear();
    erase_one(call(before).consumers, i);
    if (call(before).consumers.empty() && !call(before).is_output) erase_one(call(inside.call).consumers, before);
  }
}

}  // namespace sepconv::keras

#pragma once
// The rules of operators, named after TensorFlow's functions. Each gives no shapes where nothing can be told.

#include "runtime/keras/operator_call.h"

namespace sepconv::keras::operators {

Shapes same(const OperatorCall& op);
Shapes elementwise(const OperatorCall& op);
Shapes choose(const OperatorCall& op);
Shapes reduce(const OperatorCall& op);
Shapes arg_reduce(const OperatorCall& op);
Shapes moments(const OperatorCall& op);
Shapes matmul(const OperatorCall& op);
Shapes einsum(const OperatorCall& op);
Shapes shape_of(const OperatorCall& op);
Shapes one_hot(const OperatorCall& op);
Shapes last_axis_halved(const OperatorCall& op);
Shapes to_grayscale(const OperatorCall& op);
Shapes reshape(const OperatorCall& op);
Shapes transpose(const OperatorCall& op);
Shapes swap_axes(const OperatorCall& op);
Shapes expand_dims(const OperatorCall& op);
Shapes squeeze(const OperatorCall& op);
Shapes concat(const OperatorCall& op);
Shapes stack(const OperatorCall& op);
Shapes unstack(const OperatorCall& op);
Shapes split(const OperatorCall& op);
Shapes pad(const OperatorCall& op);
Shapes tile(const OperatorCall& op);
Shapes repeat(const OperatorCall& op);
Shapes get_item(const OperatorCall& op);
Shapes strided_slice(const OperatorCall& op);
Shapes slice(const OperatorCall& op);
Shapes gather(const OperatorCall& op);
Shapes broadcast_to(const OperatorCall& op);
Shapes flatten(const OperatorCall& op);
Shapes resize(const OperatorCall& op);
Shapes resize_to(const OperatorCall& op);
Shapes resize_images(const OperatorCall& op);
Shapes depth_to_space(const OperatorCall& op);
Shapes space_to_depth(const OperatorCall& op);
Shapes pool(const OperatorCall& op);

/// The shape without the named axes, all of them where `axes` is null. @param keep  leaves an extent of 1
std::optional<Shape> without_axes(const Shape& shape, const nlohmann::json& axes, bool keep);

}  // namespace sepconv::keras::operators

// Operators that compute: elementwise functions, reductions, products.

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "runtime/keras/json_text.h"
#include "runtime/keras/operators.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras::operators {

using nlohmann::json;

namespace {

/// The shape that tensors and constants have together.
std::optional<Shape> operands_shape(const OperatorCall& op, const std::vector<const json*>& values) {
  Shapes operands;
  std::size_t tensors = 0;
  for (const json* value : values) {
    if (value->is_null() || value->is_string()) continue;
    tensors += op.arguments().is_tensor(*value);
    operands.push_back(op.arguments().shape(*value));
  }
  // Tensors that are not found where they are expected count all the same.
  return broadcast(tensors == 0 ? op.inputs() : operands);
}

/// The axes of a reduction; all of them where none are named.
std::optional<std::set<std::size_t>> axes_of(const json& axes, std::size_t rank) {
  std::set<std::size_t> result;
  if (axes.is_null())
    for (std::size_t i = 0; i < rank; ++i) result.insert(i);
  for (const json& axis : axes.is_array() ? axes : axes.is_null() ? json::array() : json::array({axes})) {
    const auto at = axis_of(axis, rank);
    if (!at) return std::nullopt;
    result.insert(*at);
  }
  return result;
}

}  // namespace

Shapes same(const OperatorCall& op) { return {op.x()}; }

Shapes elementwise(const OperatorCall& op) {
  const json& first = op.argument(0, {"x", "x1", "a"});
  if (first.is_array() && !op.arguments().is_tensor(first)) {
    // A list of tensors (tf.add_n), or a constant.
    const Shapes list = op.arguments().shapes(first);
    if (!list.empty() && list.size() == op.inputs().size()) return {broadcast(list)};
  }
  return {operands_shape(op, {&first, &op.argument(1, {"y", "x2", "b"})})};
}

Shapes choose(const OperatorCall& op) {
  return {operands_shape(op, {&op.argument(0, {"condition", "cond"}), &op.argument(1, {"x", "x1", "t"}),
                              &op.argument(2, {"y", "x2", "e"})})};
}

std::optional<Shape> without_axes(const Shape& shape, const json& axes_json, bool keep) {
  const auto axes = axes_of(axes_json, shape.size());
  if (!axes) return std::nullopt;
  Shape result;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (!axes->count(i))
      result.push_back(shape[i]);
    else if (keep)
      result.push_back(1);
  return result;
}

Shapes reduce(const OperatorCall& op) {
  if (!op.x()) return {};
  return {without_axes(*op.x(), op.argument(1, {"axis", "reduction_indices"}), op.flag({"keepdims", "keep_dims"}))};
}

/// tf.argmax: the first axis where none is named.
Shapes arg_reduce(const OperatorCall& op) {
  const json& axis = op.argument(1, {"axis", "dimension"});
  if (!op.x()) return {};
  return {without_axes(*op.x(), axis.is_null() ? json(0) : axis, op.flag({"keepdims"}))};
}

/// Mean and variance.
Shapes moments(const OperatorCall& op) {
  if (!op.x()) return {};
  const auto shape = without_axes(*op.x(), op.argument(1, {"axes"}), op.flag({"keepdims"}));
  return {shape, shape};
}

Shapes matmul(const OperatorCall& op) {
  const auto a = op.x(), b = op.arguments().shape(op.argument(1, {"b", "x2", "y"}));
  if (!a || !b || a->size() < 2 || b->size() < 2) return {};
  const std::size_t row = op.flag({"transpose_a", "adj_x"}) ? 1 : 2, column = op.flag({"transpose_b", "adj_y"}) ? 2 : 1;
  auto result = broadcast({Shape(a->begin(), a->end() - 2), Shape(b->begin(), b->end() - 2)});
  if (!result) return {};
  result->push_back((*a)[a->size() - row]);
  result->push_back((*b)[b->size() - column]);
  return {result};
}

Shapes einsum(const OperatorCall& op) {
  const json& equation = op.arguments().at(0, {"equation", "subscripts"});
  const json& named = op.argument(OperatorCall::kNamedOnly, {"subscripts", "equation"});
  const json& text_json = named.is_string() ? named : equation;
  if (!text_json.is_string()) return {};
  std::string text = text_json.get<std::string>();
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const std::size_t arrow = text.find("->");
  if (arrow == std::string::npos || text.find('.') != std::string::npos) return {};
  std::map<char, std::int64_t> extents;
  std::size_t operand = 0, axis = 0;
  for (const char label : text.substr(0, arrow)) {
    if (label == ',') {
      ++operand;
      axis = 0;
      continue;
    }
    const bool known = operand < op.inputs().size() && op.inputs()[operand] && axis < op.inputs()[operand]->size();
    const std::int64_t extent = known ? (*op.inputs()[operand])[axis] : kDynamic;
    ++axis;
    if (const auto [at, made] = extents.emplace(label, extent); !made && at->second == kDynamic) at->second = extent;
  }
  Shape result;
  for (const char label : text.substr(arrow + 2)) {
    const auto found = extents.find(label);
    result.push_back(found == extents.end() ? kDynamic : found->second);
  }
  return {result};
}

/// As many numbers as the tensor has axes.
Shapes shape_of(const OperatorCall& op) {
  if (!op.x()) return {};
  return {Shape{static_cast<std::int64_t>(op.x()->size())}};
}

Shapes one_hot(const OperatorCall& op) {
  auto x = op.x();
  const json& axis = op.argument(OperatorCall::kNamedOnly, {"axis"});
  if (!x || !(axis.is_null() || axis == -1)) return {};
  x->push_back(small_integer(op.argument(1, {"depth", "num_classes"})).value_or(kDynamic));
  return {x};
}

Shapes last_axis_halved(const OperatorCall& op) {
  auto x = op.x();
  const json& axis = op.argument(1, {"axis"});
  const auto at = x ? axis_of(axis.is_null() ? json(-1) : axis, x->size()) : std::nullopt;
  if (!at) return {};
  if ((*x)[*at] != kDynamic) (*x)[*at] /= 2;
  return {x};
}

Shapes to_grayscale(const OperatorCall& op) {
  auto x = op.x();
  if (!x || x->empty()) return {};
  x->back() = 1;
  return {x};
}

}  // namespace sepconv::keras::operators

#include "runtime/keras/call_arguments.h"

#include <algorithm>

#include "runtime/keras/json_text.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

const json kNull;

/// [name, call, output] or [name, call, output, {further arguments}] of tf.keras 2.
bool is_entry(const json& value) {
  return value.is_array() && value.size() >= 3 && value[0].is_string() && value[1].is_number_integer();
}

}  // namespace

bool is_constant(const json& value) { return is_entry(value) && value[0] == "_CONSTANT_VALUE"; }

const json& unwrapped(const json& value) {
  if (is_constant(value)) return value[2];
  const json& class_name = member(value, "class_name");
  if (class_name == "__tuple__" || class_name == "__numpy__" || class_name == "__tensor__")
    return member(member(value, "config"), "value");
  return value;
}

const json& CallArguments::keywords() const {
  if (!node_) return kNull;
  if (node_->is_object()) return member(*node_, "kwargs");
  const json* entry = node_;
  for (int depth = 0; depth < 8 && entry->is_array() && !entry->empty() && !is_entry(*entry); ++depth)
    entry = &entry->front();
  return is_entry(*entry) && entry->size() > 3 ? (*entry)[3] : kNull;
}

const json& CallArguments::first() const {
  if (!node_ || !node_->is_array()) return kNull;
  // [[tensor, ...]] is a single tensor, [[tensor, ...], [tensor, ...]] a list.
  return !is_entry(*node_) && node_->size() == 1 && is_entry(node_->front()) ? node_->front() : *node_;
}

const json& CallArguments::at(std::size_t position, std::initializer_list<const char*> names) const {
  if (node_ && node_->is_array() && position == 0) return unwrapped(first());
  if (node_ && node_->is_object())
    if (const json& args = member(*node_, "args"); args.is_array() && position < args.size())
      return unwrapped(args[position]);
  for (const char* name : names)
    if (const json& value = member(keywords(), name); !value.is_null()) return unwrapped(value);
  return kNull;
}

const json& CallArguments::tensor(std::size_t number) const {
  return number < tensors_.size() ? *tensors_[number] : kNull;
}

bool CallArguments::is_tensor(const json& value) const {
  return std::find(tensors_.begin(), tensors_.end(), &value) != tensors_.end();
}

std::optional<Shape> CallArguments::shape(const json& given) const {
  const json& value = unwrapped(given);
  for (std::size_t i = 0; i < tensors_.size(); ++i)
    if (tensors_[i] == &value) return shapes_[i];
  if (value.is_number() || value.is_boolean()) return Shape{};
  Shape shape;
  for (const json* level = &value; level->is_array(); level = &level->front()) {
    shape.push_back(static_cast<std::int64_t>(level->size()));
    if (level->empty()) break;
  }
  if (shape.empty()) return std::nullopt;
  return shape;
}

Shapes CallArguments::shapes(const json& value) const {
  if (is_tensor(value)) return {shape(value)};
  Shapes result;
  if (value.is_array())
    for (const json& item : value) result.push_back(shape(item));
  return result;
}

std::optional<Shape> CallArguments::extents(const json& given) const {
  const json& value = unwrapped(given);
  if (!value.is_array() || value.size() > kMaxRank || is_tensor(value)) return std::nullopt;
  Shape result;
  for (const json& item : value) {
    const auto number = small_integer(item);
    if (!number && !is_tensor(item) && !item.is_number_integer() && !item.is_null()) return std::nullopt;
    result.push_back(number.value_or(kDynamic));
  }
  return result;
}

}  // namespace sepconv::keras

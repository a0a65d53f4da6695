#include "runtime/keras/operator_call.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "runtime/keras/json_text.h"
#include "runtime/keras/shape_math.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

const json kNull;

/// The name behind the last dot.
std::string plain_name(const std::string& symbol) {
  std::string name;
  for (const char c : symbol.substr(symbol.rfind('.') == std::string::npos ? 0 : symbol.rfind('.') + 1))
    if (c != '_') name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

/// The op of a NodeDef. TensorFlow 2.0 and 2.1 wrote it as protobuf's bytes: field 1 is the name, field 2 the op.
std::string op_of_node(const json& node_def) {
  if (node_def.is_object()) {
    const json& op = member(node_def, "op");
    return op.is_string() ? op.get<std::string>() : "";
  }
  if (!node_def.is_string()) return "";
  const auto& bytes = node_def.get_ref<const std::string&>();
  std::size_t at = 0;
  for (const char tag : {'\x0a', '\x12'}) {
    if (at + 2 > bytes.size() || bytes[at] != tag) return "";
    const auto length = static_cast<unsigned char>(bytes[at + 1]);
    if (length > 127 || at + 2 + length > bytes.size()) return "";
    if (tag == '\x12') return bytes.substr(at + 2, length);
    at += 2 + length;
  }
  return "";
}

/// Protobuf writes 64-bit integers as texts.
json integer_of(const json& value) {
  if (!value.is_string()) return value;
  const auto& text = value.get_ref<const std::string&>();
  if (text.empty() || text.size() > 15 || text.find_first_not_of("-0123456789") != std::string::npos) return value;
  return static_cast<std::int64_t>(std::strtoll(text.c_str(), nullptr, 10));
}

/// {"b": true}, {"i": "2"}, {"list": {"i": ["1", "2"]}}, {"s": base64} as plain values.
json attribute_value(const json& value) {
  for (const char* key : {"b", "f"})
    if (const json& plain = member(value, key); !plain.is_null()) return plain;
  if (const json& number = member(value, "i"); !number.is_null()) return integer_of(number);
  if (const json& text = member(value, "s"); text.is_string()) {
    static constexpr std::array<std::pair<const char*, const char*>, 4> kTexts = {
        {{"U0FNRQ==", "same"}, {"VkFMSUQ=", "valid"}, {"TkhXQw==", "NHWC"}, {"TkNIVw==", "NCHW"}}};
    for (const auto& [encoded, plain] : kTexts)
      if (text == encoded) return plain;
    return text;
  }
  json list = json::array();
  for (const json& item : member(member(value, "list"), "i")) list.push_back(integer_of(item));
  return list.empty() ? json() : list;
}

}  // namespace

OperatorCall::OperatorCall(const LayerUse& use) : use_(use) {
  if (use.class_name == "TensorFlowOpLayer") {
    node_ = true;
    const json& node_def = member(use.config, "node_def");
    name_ = plain_name(op_of_node(node_def));
    const json& attributes = member(node_def, "attr");
    if (attributes.is_object())
      for (const auto& [key, value] : attributes.items()) attributes_[key] = attribute_value(value);
    // Two operators have their axis elsewhere.
    if (name_ == "split") attributes_["axis"] = node_input(0);
    if (name_ == "concatv2") attributes_["axis"] = node_input(use.inputs.size());
    return;
  }
  const json& function = member(use.config, "function");
  const bool lambda = use.class_name == "TFOpLambda" || use.class_name == "SlicingOpLambda";
  name_ = plain_name(lambda && function.is_string() ? function.get<std::string>() : use.class_name);
}

/// A constant of the node, or the tensor that is left for the position.
const json& OperatorCall::node_input(std::size_t position) const {
  const json& constants = member(use_.config, "constants");
  if (const json& constant = member(constants, std::to_string(position).c_str()); !constant.is_null()) return constant;
  std::size_t before = 0;
  for (std::size_t i = 0; i < std::min(position, constants.size()); ++i)
    before += constants.is_object() && constants.contains(std::to_string(i));
  return use_.arguments.tensor(position - before);
}

const json& OperatorCall::argument(std::size_t position, std::initializer_list<const char*> names) const {
  for (const char* name : names)
    if (const json& value = member(node_ ? attributes_ : use_.config, name); !value.is_null()) return unwrapped(value);
  if (node_) return position == kNamedOnly ? kNull : node_input(position);
  return use_.arguments.at(position, names);
}

bool OperatorCall::flag(std::initializer_list<const char*> names) const {
  const json& value = argument(kNamedOnly, names);
  return value == true || (value.is_number() && value != 0);
}

std::optional<Shape> OperatorCall::x() const {
  const json& value = use_.arguments.at(0, {"x", "x1", "inputs", "input", "images", "a", "features", "tensor"});
  if (!node_ && use_.arguments.is_tensor(value)) return use_.arguments.shape(value);
  return use_.inputs.empty() ? std::nullopt : use_.inputs[0];
}

Shapes OperatorCall::list() const {
  if (node_) return use_.inputs;
  const Shapes shapes = use_.arguments.shapes(use_.arguments.at(0, {"values", "xs", "arrays", "inputs", "x"}));
  return shapes.empty() ? use_.inputs : shapes;
}

}  // namespace sepconv::keras

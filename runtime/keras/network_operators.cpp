// Calls of TensorFlow's functions and of Keras 3's operations, where they do what a layer does.

#include <algorithm>
#include <cctype>
#include <limits>
#include <map>
#include <set>

#include "runtime/keras/call_arguments.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/network_merges.h"
#include "runtime/keras/operator_call.h"
#include "runtime/keras/shape_math.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

constexpr const char* kNotNumbers = "an argument that is neither a tensor nor numbers is not compiled";

/// An operator's call and the tensors that its arguments are.
struct Operator {
  explicit Operator(CallLowering& lowering)
      : c(lowering),
        arguments(lowering.call.node, lowering.call.tensors, lowering.call.input_shapes),
        use{lowering.layer.class_name, lowering.config(), lowering.call.input_shapes, arguments},
        call(use) {}

  /// The tensor that an argument is; nothing for a constant.
  std::optional<int> tensor(const json& argument) const {
    for (std::size_t i = 0; i < c.call.tensors.size() && i < c.inputs.size(); ++i)
      if (c.call.tensors[i] == &argument) return c.inputs[i];
    return std::nullopt;
  }

  CallLowering& c;
  CallArguments arguments;
  LayerUse use;
  OperatorCall call;
};

/// A constant for each channel of an nhwc tensor: a number, or an array of which only the last axis is not 1.
Values constant_of(CallLowering& c, const json& argument, int tensor) {
  const auto channels = static_cast<std::size_t>(image_extents(c.shape(tensor), Layout::nhwc).C);
  Values numbers;
  append_numbers(argument, numbers, kNotNumbers);
  if (numbers.size() == 1) numbers.resize(channels, numbers.front());
  const json* last = &unwrapped(argument);
  while (last->is_array() && last->size() == 1 && last->front().is_array()) last = &last->front();
  const bool fits = !last->is_array() || last->size() == numbers.size() || last->size() == 1;
  if (numbers.size() != channels || !fits)
    throw NotCompiledError("a constant that is neither one number nor one for each channel is not compiled");
  return numbers;
}

Values mapped(Values values, double (*function)(double)) {
  std::transform(values.begin(), values.end(), values.begin(), function);
  return values;
}

Activation clipped_relu(double max_value) {
  Activation function{ActivationKind::relu};
  function.max_value = max_value;
  return function;
}

enum class Arithmetic { add, subtract, multiply, divide, maximum, minimum };

int with_constant(Operator& op, Arithmetic arithmetic, int tensor, const json& argument, bool constant_first) {
  CallLowering& c = op.c;
  const Values values = constant_of(c, argument, tensor);
  const auto negated = [](double value) { return -value; };
  const auto inverse = [](double value) { return 1 / value; };
  switch (arithmetic) {
    case Arithmetic::add: return c.apply(tensor, Layout::nhwc, EpilogueKind::bias, values);
    case Arithmetic::multiply: return c.apply(tensor, Layout::nhwc, EpilogueKind::scale, values);
    case Arithmetic::subtract:
      if (!constant_first) return c.apply(tensor, Layout::nhwc, EpilogueKind::bias, mapped(values, negated));
      return c.apply(scaled(c, tensor, -1), Layout::nhwc, EpilogueKind::bias, values);
    case Arithmetic::divide:
      if (constant_first) throw NotCompiledError("a division by a tensor is not compiled");
      return c.apply(tensor, Layout::nhwc, EpilogueKind::scale, mapped(values, inverse));
    case Arithmetic::maximum:
      if (std::all_of(values.begin(), values.end(), [](double value) { return value == 0; }))
        return c.apply(tensor, Activation{ActivationKind::relu});
      break;
    case Arithmetic::minimum: break;
  }
  throw NotCompiledError("the maximum or minimum with a constant is not compiled");
}

int binary(Operator& op, Arithmetic arithmetic) {
  const json& a = op.call.argument(0, {"x", "x1", "a"});
  const json& b = op.call.argument(1, {"y", "x2", "b"});
  const std::optional<int> first = op.tensor(a), second = op.tensor(b);
  if (first && !second && !b.is_null()) return with_constant(op, arithmetic, *first, b, false);
  if (second && !first && !a.is_null()) return with_constant(op, arithmetic, *second, a, true);
  if (!first || !second) throw NotCompiledError("its arguments are not understood");
  // NumPy's rules would align a batch with another axis.
  if (op.c.shape(*first).size() != op.c.shape(*second).size())
    throw NotCompiledError("tensors of different ranks are not combined");
  static const std::map<Arithmetic, EpilogueKind> kinds = {{Arithmetic::add, EpilogueKind::add},
                                                           {Arithmetic::subtract, EpilogueKind::subtract},
                                                           {Arithmetic::multiply, EpilogueKind::multiply},
                                                           {Arithmetic::maximum, EpilogueKind::maximum},
                                                           {Arithmetic::minimum, EpilogueKind::minimum}};
  const auto kind = kinds.find(arithmetic);
  if (kind == kinds.end()) throw NotCompiledError("a division by a tensor is not compiled");
  return combine(op.c, kind->second, {*first, *second});
}

int add(Operator& op) { return binary(op, Arithmetic::add); }
int subtract(Operator& op) { return binary(op, Arithmetic::subtract); }
int multiply(Operator& op) { return binary(op, Arithmetic::multiply); }
int divide(Operator& op) { return binary(op, Arithmetic::divide); }
int maximum(Operator& op) { return binary(op, Arithmetic::maximum); }
int minimum(Operator& op) { return binary(op, Arithmetic::minimum); }
int add_all(Operator& op) { return combine(op.c, EpilogueKind::add, op.c.inputs); }
int negate(Operator& op) { return scaled(op.c, op.c.input(), -1); }
int square(Operator& op) { return combine(op.c, EpilogueKind::multiply, {op.c.input(), op.c.input()}); }

/// The function that Keras has under this name, with its defaults.
template <ActivationKind kind>
int apply_function(Operator& op) {
  return op.c.apply(op.c.input(), default_activation(kind));
}

double number_argument(Operator& op, std::size_t position, std::initializer_list<const char*> names, double fallback) {
  const json& value = op.call.argument(position, names);
  if (value.is_null()) return fallback;
  if (!value.is_number()) throw NotCompiledError("its arguments are not understood");
  return value.get<double>();
}

int relu(Operator& op) {
  Activation function{ActivationKind::relu};
  function.negative_slope = number_argument(op, 1, {"alpha", "negative_slope"}, 0);
  function.max_value = number_argument(op, 2, {"max_value"}, std::numeric_limits<double>::infinity());
  function.threshold = number_argument(op, 3, {"threshold"}, 0);
  return op.c.apply(op.c.input(), function);
}
int relu6(Operator& op) { return op.c.apply(op.c.input(), clipped_relu(6)); }
int leaky_relu(Operator& op) {
  Activation function{ActivationKind::relu};
  function.negative_slope = number_argument(op, 1, {"alpha", "negative_slope"}, 0.2);
  return op.c.apply(op.c.input(), function);
}
int elu(Operator& op) {
  Activation function{ActivationKind::elu};
  function.alpha = number_argument(op, 1, {"alpha"}, 1);
  return op.c.apply(op.c.input(), function);
}
int silu(Operator& op) {
  if (number_argument(op, 1, {"beta"}, 1) != 1) throw NotCompiledError("a silu with a beta is not compiled");
  return op.c.apply(op.c.input(), default_activation(ActivationKind::silu));
}

/// Keras 3's operation approximates unless it is told not to, TensorFlow's function only if it is.
int gelu(Operator& op) {
  const json& approximate = op.call.argument(1, {"approximate"});
  const bool keras_3 = op.c.layer.class_name == "Gelu";
  const bool yes = approximate.is_boolean() ? approximate.get<bool>() : keras_3;
  return op.c.apply(op.c.input(), default_activation(yes ? ActivationKind::gelu_tanh : ActivationKind::gelu));
}

int softmax(Operator& op) {
  const json& axis = op.call.argument(1, {"axis"});
  const auto rank = static_cast<std::size_t>(op.c.keras_rank(op.c.input()));
  const auto at = axis_of(axis.is_null() ? json(-1) : axis, rank);
  if (!at || *at == 0) throw NotCompiledError("a softmax over the batch is not compiled");
  Activation function{ActivationKind::softmax};
  function.axis = static_cast<std::int32_t>(*at) - static_cast<std::int32_t>(rank);
  return op.c.apply(op.c.input(), function);
}

/// From 0 to a number: a ReLU with a maximum.
int clip(Operator& op) {
  const double low = number_argument(op, 1, {"x_min", "clip_value_min", "min_value"}, -1);
  const double high = number_argument(op, 2, {"x_max", "clip_value_max", "max_value"}, -1);
  if (low == -1 && high == 1) return op.c.apply(op.c.input(), default_activation(ActivationKind::hard_tanh));
  if (low != 0 || high <= 0) throw NotCompiledError("clipping is compiled from 0, and from -1 to 1");
  return op.c.apply(op.c.input(), clipped_relu(high));
}

/// The mean or the largest of all pixels.
int reduce(Operator& op, StageKind kind) {
  CallLowering& c = op.c;
  const auto rank = static_cast<std::size_t>(c.keras_rank(c.input()));
  const json& axes_json = op.call.argument(1, {"axis", "reduction_indices"});
  std::set<std::size_t> axes;
  for (const json& axis : axes_json.is_array() ? axes_json : json::array({axes_json}))
    if (const auto at = axis_of(axis, rank)) axes.insert(*at);
  const bool last = axes.size() + 2 == rank && axes.count(0) == 0 && axes.count(rank - 1) == 0;
  const bool first = axes.size() + 2 == rank && axes.count(0) == 0 && axes.count(1) == 0;
  if (rank < 3 || rank > 4 || (!last && !first))
    throw NotCompiledError("a reduction over other axes than those of the pixels is not compiled");
  return c.pool_image(last ? Layout::nhwc : Layout::nchw, kind);
}
int mean(Operator& op) { return reduce(op, StageKind::average_pool); }
int largest(Operator& op) { return reduce(op, StageKind::max_pool); }

int identity(Operator& op) { return op.c.apply(op.c.input(), Layout::nhwc, Epilogue{}); }
int cast(Operator& op) {
  const json& type = op.call.argument(1, {"dtype"});
  if (type != keras_name(op.c.dtype)) throw NotCompiledError("a cast to another type is not compiled");
  return identity(op);
}
int reshape(Operator& op) { return op.c.reshape(op.c.inputs.empty() ? op.c.input() : op.c.inputs.front()); }
int concat(Operator& op) {
  const json& axis = op.call.argument(1, {"axis"});
  return concatenate(op.c, op.c.inputs, axis.is_null() ? json(-1) : axis);
}

/// Zeros around the rows and columns of an nhwc image.
int pad(Operator& op) {
  CallLowering& c = op.c;
  const json& mode = op.call.argument(2, {"mode"});
  const json& value = op.call.argument(3, {"constant_values"});
  const bool constant = mode.is_null() || mode == "constant" || mode == "CONSTANT";
  if (!constant || !(value.is_null() || value == 0))
    throw NotCompiledError("padding with other than 0 is not compiled");
  Values numbers;
  append_numbers(op.call.argument(1, {"paddings", "pad_width"}), numbers, kNotNumbers);
  const bool image = numbers.size() == 8 && numbers[0] + numbers[1] + numbers[6] + numbers[7] == 0;
  const bool valid = std::all_of(numbers.begin(), numbers.end(), [](double v) { return v >= 0 && v < 1 << 28; });
  if (!image || !valid) throw NotCompiledError("padding of other than rows and columns is not compiled");
  Stage stage = copy_stage();
  const auto pads = [&](std::size_t i) { return static_cast<std::int32_t>(numbers[i]); };
  stage.window.pad_top = pads(2), stage.window.pad_bottom = pads(3);
  stage.window.pad_left = pads(4), stage.window.pad_right = pads(5);
  return c.add_stage(c.input(), Layout::nhwc, stage);
}

using OperatorLowering = int (*)(Operator&);

// clang-format off
const std::map<std::string_view, OperatorLowering>& table() {
  using Kind = ActivationKind;
  // By OperatorCall::name().
  static const std::map<std::string_view, OperatorLowering> lowerings = {
      {"add", add}, {"addv2", add}, {"addn", add_all}, {"sub", subtract}, {"subtract", subtract},
      {"mul", multiply}, {"multiply", multiply}, {"div", divide}, {"divide", divide}, {"realdiv", divide},
      {"truediv", divide}, {"truedivide", divide}, {"maximum", maximum}, {"minimum", minimum},
      {"neg", negate}, {"negative", negate}, {"square", square},
      {"relu", relu}, {"relu6", relu6}, {"leakyrelu", leaky_relu}, {"elu", elu}, {"silu", silu}, {"swish", silu},
      {"gelu", gelu}, {"softmax", softmax}, {"clip", clip}, {"clipbyvalue", clip},
      {"sigmoid", apply_function<Kind::sigmoid>}, {"tanh", apply_function<Kind::tanh>},
      {"selu", apply_function<Kind::selu>}, {"softplus", apply_function<Kind::softplus>},
      {"softsign", apply_function<Kind::softsign>}, {"exp", apply_function<Kind::exponential>},
      {"exponential", apply_function<Kind::exponential>}, {"mish", apply_function<Kind::mish>},
      {"hardsilu", apply_function<Kind::hard_silu>}, {"hardswish", apply_function<Kind::hard_silu>},
      {"hardtanh", apply_function<Kind::hard_tanh>}, {"logsigmoid", apply_function<Kind::log_sigmoid>},
      {"mean", mean}, {"reducemean", mean}, {"max", largest}, {"amax", largest}, {"reducemax", largest},
      {"identity", identity}, {"stopgradient", identity}, {"copy", identity}, {"checknumerics", identity},
      {"ensureshape", identity}, {"cast", cast},
      {"reshape", reshape}, {"expanddims", reshape}, {"squeeze", reshape}, {"batchflatten", reshape},
      {"flatten", reshape}, {"concat", concat}, {"concatv2", concat}, {"concatenate", concat},
      {"pad", pad}, {"padv2", pad}};
  return lowerings;
}
// clang-format on

/// The name that OperatorCall gives a Keras 3 operation of this class.
std::string operator_name(const ModelLayer& layer) {
  std::string name;
  for (const char c : layer.class_name)
    if (c != '_') name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

/// A merging layer reads a list; an operation of the same name reads its arguments one by one.
bool reads_arguments(const ModelLayer& layer) {
  const json& nodes = member(*layer.json, "inbound_nodes");
  if (!nodes.is_array() || nodes.empty()) return false;
  const json& arguments = member(nodes.front(), "args");
  return arguments.is_array() && !arguments.empty() && !arguments.front().is_array();
}

}  // namespace

bool is_operator(const ModelLayer& layer) {
  for (const char* name : {"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})
    if (layer.class_name == name) return true;
  const json& module = member(*layer.json, "module");
  if (module.is_string()) return module.get_ref<const std::string&>().find(".ops") != std::string::npos;
  // An .h5 file names no modules. Every layer says whether it is trainable; operations have no such argument.
  if (layer.config().contains("trainable") || table().count(operator_name(layer)) == 0) return false;
  return merge_lowerings().count(layer.class_name) > 0 ? reads_arguments(layer) : !has_lowering(layer.class_name);
}

int lower_operator(CallLowering& c) {
  Operator op(c);
  const auto found = table().find(op.call.name());
  if (found == table().end()) throw NotCompiledError("the operator '" + op.call.name() + "' is not compiled");
  return found->second(op);
}

}  // namespace sepconv::keras

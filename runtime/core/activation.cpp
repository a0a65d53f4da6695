#include "sepconv/detail/activation.h"

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "runtime/core/text.h"

namespace sepconv {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A parameter of a function, in the order of Keras' signature.
struct Parameter {
  double Activation::*member;
  double default_value;
};

struct NamedKind {
  ActivationKind kind;
  std::string_view name;
  std::vector<Parameter> parameters = {};
  bool has_axis = false;
  bool has_defaults = true;
};

const std::vector<NamedKind>& all_kinds() {
  using Kind = ActivationKind;
  constexpr auto alpha = &Activation::alpha, threshold = &Activation::threshold;
  static const std::vector<NamedKind> kinds = {
      {Kind::linear, "linear"},
      {Kind::relu, "relu", {{&Activation::negative_slope, 0}, {&Activation::max_value, kInfinity}, {threshold, 0}}},
      {Kind::elu, "elu", {{alpha, 1}}},
      {Kind::selu, "selu"},
      {Kind::celu, "celu", {{alpha, 1}}},
      {Kind::sigmoid, "sigmoid"},
      {Kind::tanh, "tanh"},
      {Kind::silu, "silu"},
      {Kind::gelu, "gelu"},
      {Kind::gelu_tanh, "gelu_tanh"},
      {Kind::softplus, "softplus"},
      {Kind::softsign, "softsign"},
      {Kind::exponential, "exponential"},
      {Kind::hard_sigmoid, "hard_sigmoid"},
      {Kind::hard_sigmoid_keras2, "hard_sigmoid_keras2"},
      {Kind::hard_silu, "hard_silu"},
      {Kind::hard_tanh, "hard_tanh"},
      {Kind::mish, "mish"},
      {Kind::log_sigmoid, "log_sigmoid"},
      {Kind::squareplus, "squareplus", {{alpha, 4}}},
      {Kind::sparse_plus, "sparse_plus"},
      {Kind::sparse_sigmoid, "sparse_sigmoid"},
      {Kind::soft_shrink, "soft_shrink", {{threshold, 0.5}}},
      {Kind::hard_shrink, "hard_shrink", {{threshold, 0.5}}},
      {Kind::tanh_shrink, "tanh_shrink"},
      {Kind::threshold, "threshold", {{threshold, 0}, {&Activation::default_value, 0}}, false, false},
      {Kind::softmax, "softmax", {}, true},
      {Kind::log_softmax, "log_softmax", {}, true},
      {Kind::sparsemax, "sparsemax", {}, true},
      {Kind::glu, "glu", {}, true},
  };
  return kinds;
}

const NamedKind& named(ActivationKind kind) {
  for (const NamedKind& entry : all_kinds())
    if (entry.kind == kind) return entry;
  throw std::invalid_argument("Activation::kind: unknown value " + std::to_string(static_cast<int>(kind)));
}

Activation relu6() {
  Activation activation{ActivationKind::relu};
  activation.max_value = 6;
  return activation;
}

/// A finite number, or for relu's max_value also infinity, but not less than 0.
bool is_allowed(double Activation::*member, double value) {
  return member == &Activation::max_value ? value >= 0 : std::isfinite(value);
}

/// Reads "a;b;c" into the parameters, or the axis; false where the text does not fit.
bool read_parameters(std::string_view text, const NamedKind& entry, Activation& activation) {
  const auto parts = detail::split(text, ';');
  if (parts.size() != entry.parameters.size() + (entry.has_axis ? 1 : 0)) return false;
  for (std::size_t i = 0; i < entry.parameters.size(); ++i) {
    double Activation::*member = entry.parameters[i].member;
    activation.*member = detail::parse_double(parts[i], std::string(entry.name) + " parameter");
    if (!is_allowed(member, activation.*member)) return false;
  }
  if (entry.has_axis) activation.axis = detail::parse_int(parts[0], std::string(entry.name) + " axis");
  return activation.axis < 0;
}

}  // namespace

Activation default_activation(ActivationKind kind) {
  Activation activation{kind};
  for (const Parameter& parameter : named(kind).parameters) activation.*parameter.member = parameter.default_value;
  return activation;
}

bool is_elementwise(ActivationKind kind) { return !named(kind).has_axis; }

bool operator==(const Activation& a, const Activation& b) {
  if (a.kind != b.kind) return false;
  const NamedKind& entry = named(a.kind);
  for (const Parameter& parameter : entry.parameters)
    if (a.*parameter.member != b.*parameter.member) return false;
  return !entry.has_axis || a.axis == b.axis;
}

std::string to_text(const Activation& activation) {
  if (activation == relu6()) return "relu6";
  const NamedKind& entry = named(activation.kind);
  std::string text(entry.name);
  if (entry.has_defaults && activation == default_activation(activation.kind)) return text;
  std::string separator = "(";
  for (const Parameter& parameter : entry.parameters) {
    text += separator + detail::print_double(activation.*parameter.member);
    separator = ";";
  }
  if (entry.has_axis) text += separator + std::to_string(activation.axis);
  return text + ")";
}

Activation activation_from_text(std::string_view text) {
  if (text == "relu6") return relu6();
  std::string known;
  for (const NamedKind& entry : all_kinds()) {
    known += std::string(entry.name) + ", ";
    Activation activation = default_activation(entry.kind);
    if (text == entry.name && entry.has_defaults) return activation;
    std::string_view rest = text;
    if (!detail::consume_prefix(rest, std::string(entry.name) + "(") || rest.empty() || rest.back() != ')') continue;
    rest.remove_suffix(1);
    if (read_parameters(rest, entry, activation)) return activation;
  }
  throw std::invalid_argument("activation: unknown text " + detail::quoted(text) + "; expected one of " + known +
                              "relu6, or with parameters, as relu(negative_slope;max_value;threshold), elu(alpha) or "
                              "threshold(threshold;default_value)");
}

}  // namespace sepconv

#include "sepconv/activation.h"

#include <array>
#include <cmath>
#include <stdexcept>

#include "text.h"

namespace sepconv {
namespace {

struct NamedKind {
  ActivationKind kind;
  std::string_view name;
};

constexpr std::array kNames = {
    NamedKind{ActivationKind::linear, "linear"},
    NamedKind{ActivationKind::relu, "relu"},
    NamedKind{ActivationKind::hard_sigmoid, "hard_sigmoid"},
    NamedKind{ActivationKind::hard_sigmoid_keras2, "hard_sigmoid_keras2"},
    NamedKind{ActivationKind::hard_silu, "hard_silu"},
    NamedKind{ActivationKind::hard_tanh, "hard_tanh"},
    NamedKind{ActivationKind::softsign, "softsign"},
    NamedKind{ActivationKind::soft_shrink, "soft_shrink"},
    NamedKind{ActivationKind::hard_shrink, "hard_shrink"},
    NamedKind{ActivationKind::sparse_plus, "sparse_plus"},
    NamedKind{ActivationKind::sparse_sigmoid, "sparse_sigmoid"},
    NamedKind{ActivationKind::squareplus, "squareplus"},
};

Activation make_relu(float negative_slope, float max_value, float threshold) {
  return {ActivationKind::relu, negative_slope, max_value, threshold};
}

}  // namespace

bool operator==(const Activation& a, const Activation& b) {
  return a.kind == b.kind && a.negative_slope == b.negative_slope && a.max_value == b.max_value &&
         a.threshold == b.threshold;
}

std::string to_text(const Activation& activation) {
  if (activation == make_relu(0, 6, 0)) return "relu6";
  for (const NamedKind& named : kNames) {
    if (named.kind != activation.kind) continue;
    std::string text(named.name);
    if (activation.kind == ActivationKind::relu && activation != make_relu(0, INFINITY, 0))
      text += "(" + detail::print_float(activation.negative_slope) + ";" + detail::print_float(activation.max_value) +
              ";" + detail::print_float(activation.threshold) + ")";
    return text;
  }
  throw std::invalid_argument("Activation::kind: unknown value " + std::to_string(static_cast<int>(activation.kind)));
}

Activation activation_from_text(std::string_view text) {
  if (text == "relu6") return make_relu(0, 6, 0);
  for (const NamedKind& named : kNames)
    if (named.name == text) return {named.kind};
  std::string_view rest = text;
  if (detail::consume_prefix(rest, "relu(") && !rest.empty() && rest.back() == ')') {
    rest.remove_suffix(1);
    const auto parts = detail::split(rest, ';');
    if (parts.size() == 3) {
      const Activation relu =
          make_relu(detail::parse_float(parts[0], "relu negative_slope"),
                    detail::parse_float(parts[1], "relu max_value"), detail::parse_float(parts[2], "relu threshold"));
      if (std::isfinite(relu.negative_slope) && std::isfinite(relu.threshold) && relu.max_value >= 0) return relu;
    }
  }
  std::string known;
  for (const NamedKind& named : kNames) known += (known.empty() ? "" : ", ") + std::string(named.name);
  throw std::invalid_argument("activation: unknown text " + detail::quoted(text) + "; expected one of " + known +
                              ", relu6, or relu(negative_slope;max_value;threshold)");
}

}  // namespace sepconv

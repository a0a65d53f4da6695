// Constants of epilogues: merged with each other and with the weights in front of them, in double precision.

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/core/stage_kinds.h"
#include "runtime/keras/network_passes.h"

namespace sepconv::keras {
namespace {

bool fits(const Values& values, DataType dtype) {
  return std::all_of(values.begin(), values.end(),
                     [dtype](double value) { return std::isfinite(round_to(dtype, value)); });
}

/// Elements of the longer one with those of the other, repeated; empty, so not known, where one of them is.
template <class Combine>
Values combined(const Values& a, const Values& b, Combine&& combine) {
  if (a.empty() || b.empty()) return {};
  Values result(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) result[i] = combine(a[i], b[i % b.size()]);
  return result;
}

double sum(double a, double b) { return a + b; }
double product(double a, double b) { return a * b; }

/// The constants of a step's last epilogue.
class Constants {
 public:
  explicit Constants(DraftStep& step) : step_(step), stage_(step.problem.stages.back()) {}

  void fold() {
    while (merge_once()) {
    }
  }

 private:
  bool is(std::size_t i, EpilogueKind kind) const {
    return i < stage_.epilogue.size() && stage_.epilogue[i].kind == kind;
  }

  /// Where the constant of a step of the epilogue stands.
  std::size_t array(std::size_t step) const {
    std::size_t behind = 0;
    for (std::size_t i = step; i < stage_.epilogue.size(); ++i)
      behind += detail::entry_of(stage_.epilogue[i].kind).has_constant;
    return step_.arrays.size() - behind;
  }

  bool may_replace(const Values& before, const Values& after) const {
    return !fits(before, step_.problem.dtype) || fits(after, step_.problem.dtype);
  }

  void erase(std::size_t i) {
    step_.arrays.erase(step_.arrays.begin() + static_cast<std::ptrdiff_t>(array(i)));
    stage_.epilogue.erase(stage_.epilogue.begin() + static_cast<std::ptrdiff_t>(i));
  }

  /// Replaces two constants by one.
  bool merge(std::size_t i, double (*combine)(double, double)) {
    Values merged = combined(step_.arrays[array(i)], step_.arrays[array(i + 1)], combine);
    if (!may_replace(step_.arrays[array(i)], merged)) return false;
    erase(i + 1);
    step_.arrays[array(i)] = std::move(merged);
    return true;
  }

  /// (x + bias) * scale = x * scale + bias * scale.
  bool swap(std::size_t i) {
    Values &bias = step_.arrays[array(i)], &scale = step_.arrays[array(i + 1)];
    Values scaled = combined(bias, scale, product);
    if (!may_replace(bias, scaled)) return false;
    bias = std::move(scale);
    scale = std::move(scaled);
    std::swap(stage_.epilogue[i], stage_.epilogue[i + 1]);
    return true;
  }

  /// A scale that follows the sum becomes a part of the weights.
  bool scale_weights() {
    if (stage_.kind != StageKind::depthwise && stage_.kind != StageKind::conv) return false;
    const std::size_t at = array(0);
    Values scaled = combined(step_.arrays[at - 1], step_.arrays[at], product);
    if (!may_replace(step_.arrays[at - 1], scaled)) return false;
    step_.arrays[at - 1] = std::move(scaled);
    erase(0);
    return true;
  }

  bool drop_ones(std::size_t i) {
    const Values& scale = step_.arrays[array(i)];
    if (scale.empty() || std::any_of(scale.begin(), scale.end(), [](double value) { return value != 1; })) return false;
    erase(i);
    return true;
  }

  bool merge_once() {
    for (std::size_t i = 0; i < stage_.epilogue.size(); ++i) {
      const bool bias = is(i, EpilogueKind::bias), scale = is(i, EpilogueKind::scale);
      if (scale && drop_ones(i)) return true;
      if (scale && i == 0 && scale_weights()) return true;
      if (bias && is(i + 1, EpilogueKind::bias) && merge(i, sum)) return true;
      if (scale && is(i + 1, EpilogueKind::scale) && merge(i, product)) return true;
      if (bias && is(i + 1, EpilogueKind::scale) && swap(i)) return true;
    }
    return false;
  }

  DraftStep& step_;
  Stage& stage_;
};

/// The number that all elements of a known array are.
std::optional<double> uniform(const Values& values) {
  if (values.empty() || std::any_of(values.begin(), values.end(), [&](double v) { return v != values.front(); }))
    return std::nullopt;
  return values.front();
}

/// x * gate(x) = factor * function(x).
struct Gate {
  ActivationKind function;
  double factor;
};

std::optional<Gate> gate_of(const DraftStep& step) {
  const Epilogue& e = step.problem.stages[0].epilogue;
  const auto function = [&](std::size_t i, ActivationKind kind) {
    return i < e.size() && e[i].kind == EpilogueKind::activation && e[i].activation == default_activation(kind);
  };
  if (e.size() == 1 && function(0, ActivationKind::sigmoid)) return Gate{ActivationKind::silu, 1};
  if (e.size() == 1 && function(0, ActivationKind::hard_sigmoid)) return Gate{ActivationKind::hard_silu, 1};
  if (e.size() == 2 && function(0, ActivationKind::softplus) && function(1, ActivationKind::tanh))
    return Gate{ActivationKind::mish, 1};
  // relu6(x + 3), and perhaps a factor.
  Activation relu6{ActivationKind::relu};
  relu6.max_value = 6;
  const bool hard = e.size() >= 2 && e[0].kind == EpilogueKind::bias && uniform(step.arrays[0]) == 3.0 &&
                    e[1] == EpilogueStep{EpilogueKind::activation, relu6, Broadcast::none};
  if (!hard) return std::nullopt;
  if (e.size() == 2) return Gate{ActivationKind::hard_silu, 6};
  const auto scale = e.size() == 3 && e[2].kind == EpilogueKind::scale ? uniform(step.arrays[1]) : std::nullopt;
  if (!scale) return std::nullopt;
  constexpr double kRounding = 1e-6;  // of 1 / 6 in float32
  const double factor = 6 * *scale;
  return Gate{ActivationKind::hard_silu, std::abs(factor - 1) < kRounding ? 1 : factor};
}

}  // namespace

void fold_constants(DraftStep& step) { Constants(step).fold(); }

void recognise_gate(Draft& draft, int s) {
  DraftStep& step = draft.steps[static_cast<std::size_t>(s)];
  Epilogue& epilogue = step.problem.stages[0].epilogue;
  const EpilogueStep product{EpilogueKind::multiply, {}, Broadcast::none};
  if (step.operands.empty() || epilogue.empty() || epilogue[0] != product) return;
  for (const bool gate_is_operand : {true, false}) {
    const int gate = gate_is_operand ? step.operands[0] : step.input;
    const int value = gate_is_operand ? step.input : step.operands[0];
    const int maker = sole_maker(draft, gate, s);
    if (maker < 0 || !draft.is_whole(value)) continue;
    const DraftStep& made = draft.steps[static_cast<std::size_t>(maker)];
    if (!is_elementwise_step(made) || !made.operands.empty() || !draft.is_whole(made.input) ||
        draft.base(made.input) != draft.base(value))
      continue;
    const std::optional<Gate> found = gate_of(made);
    if (!found) continue;
    step.absorbed.insert(step.absorbed.end(), made.absorbed.begin(), made.absorbed.end());
    step.name = made.name;
    step.input = value;
    step.operands.erase(step.operands.begin());
    epilogue[0] = {EpilogueKind::activation, default_activation(found->function), Broadcast::none};
    if (found->factor != 1) {
      epilogue.insert(epilogue.begin() + 1, EpilogueStep{EpilogueKind::scale, {}, Broadcast::none});
      step.arrays.insert(step.arrays.begin(), Values(static_cast<std::size_t>(step.problem.IC), found->factor));
    }
    draft.steps[static_cast<std::size_t>(maker)].dropped = true;
    return;
  }
}

}  // namespace sepconv::keras

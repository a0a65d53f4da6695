#include "prepack.h"

#include <algorithm>
#include <string>

namespace sepconv {
namespace {

void require_panel(const char* name, std::int32_t panel) {
  if (panel < 1)
    throw std::invalid_argument(std::string(name) + ": received " + std::to_string(panel) +
                                "; expected a positive number of channels");
}

std::size_t panels_of(std::int32_t channels, std::int32_t panel) {
  return (static_cast<std::size_t>(channels) + panel - 1) / panel;
}

/// Stores weights as the problem's kernels see them: rounded to its type.
class Packer {
 public:
  Packer(const ConvWeights& weights, const ConvProblem& problem)
      : w_(weights), p_(problem), element_(accumulator_type(problem.dtype)) {}

  PackedArray depthwise(std::int32_t panel) const {
    const std::size_t taps = static_cast<std::size_t>(p_.KH) * p_.KW, m = p_.depth_multiplier, IC = p_.IC;
    PackedArray packed(panels_of(p_.IC, panel) * taps * m * panel, element_);
    for (std::size_t tap = 0; tap < taps; ++tap)
      for (std::size_t ic = 0; ic < IC; ++ic)
        for (std::size_t mi = 0; mi < m; ++mi)
          packed.set(((ic / panel * taps + tap) * m + mi) * panel + ic % panel,
                     rounded(w_.depthwise[(tap * IC + ic) * m + mi]));
    return packed;
  }

  PackedArray middle_bias(std::int32_t panel) const {
    const std::size_t m = p_.depth_multiplier, padded = panels_of(p_.IC, panel) * panel;
    PackedArray packed(m * padded, element_);
    for (std::size_t k = 0; k < w_.middle_bias.size(); ++k)
      packed.set(k % m * padded + k / m, rounded(w_.middle_bias[k]));
    return packed;
  }

  PackedArray pointwise(std::int32_t panel) const {
    const std::size_t m = p_.depth_multiplier, IC = p_.IC, OC = p_.OC;
    PackedArray packed(panels_of(p_.OC, panel) * m * IC * panel, element_);
    for (std::size_t ic = 0; ic < IC; ++ic)
      for (std::size_t mi = 0; mi < m; ++mi)
        for (std::size_t oc = 0; oc < OC; ++oc)
          packed.set(((oc / panel * m + mi) * IC + ic) * panel + oc % panel,
                     rounded(w_.pointwise[(ic * m + mi) * OC + oc]));
    return packed;
  }

  PackedArray bias() const {
    PackedArray packed(w_.bias.size(), element_);
    for (std::size_t i = 0; i < w_.bias.size(); ++i) packed.set(i, rounded(w_.bias[i]));
    return packed;
  }

 private:
  double rounded(double value) const { return round_to(p_.dtype, value); }

  const ConvWeights& w_;
  const ConvProblem& p_;
  const DataType element_;
};

}  // namespace

void PackedArray::set(std::size_t index, double value) noexcept {
  if (dtype_ == DataType::float64)
    static_cast<double*>(buffer_.data())[index] = value;
  else
    static_cast<float*>(buffer_.data())[index] = static_cast<float>(value);
}

PackedWeights pack_weights(const ConvWeights& weights, const ConvProblem& problem, const PackedForm& form) {
  validate(weights, problem);
  const Packer packer(weights, problem);
  PackedWeights packed;
  if (problem.has_depthwise()) {
    require_panel("depthwise_panel", form.depthwise_panel);
    packed.depthwise = packer.depthwise(form.depthwise_panel);
  }
  if (!weights.middle_bias.empty()) packed.middle_bias = packer.middle_bias(form.depthwise_panel);
  if (problem.has_pointwise()) {
    require_panel("pointwise_panel", form.pointwise_panel);
    packed.pointwise = packer.pointwise(form.pointwise_panel);
  }
  if (!weights.bias.empty()) packed.bias = packer.bias();
  return packed;
}

}  // namespace sepconv

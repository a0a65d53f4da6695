#include "runtime/core/prepack.h"

#include <algorithm>
#include <string>

namespace sepconv {
namespace {

void require_panel(const char* name, std::int32_t panel) {
  if (panel < 1)
    throw std::invalid_argument(std::string(name) + ": received " + std::to_string(panel) +
                                "; expected a positive number of channels");
}

std::size_t panels_of(std::size_t channels, std::size_t panel) { return (channels + panel - 1) / panel; }

/// Packs the arrays of one stage: values as the problem's kernels see them, rounded to its type.
class Packer {
 public:
  /// @param IC, m  channels that the stage reads, as m planes of IC
  Packer(const ConvProblem& problem, const Argument& argument, const WeightArray& values, std::size_t panel)
      : dtype_(problem.dtype), element_(argument.dtype), shape_(argument.shape), values_(values), panel_(panel) {
    const Stage& stage = problem.stages[argument.stage];
    const bool reads_planes = argument.stage > 0 && stage.kind == StageKind::conv &&
                              problem.stages[argument.stage - 1].kind == StageKind::depthwise;
    const Stage& multiplier = reads_planes ? problem.stages[argument.stage - 1] : stage;
    m_ = static_cast<std::size_t>(multiplier.depth_multiplier);
    const std::size_t in = static_cast<std::size_t>(problem.extents_after(argument.stage).C);
    IC_ = reads_planes ? in / m_ : in;
  }

  PackedArray plain() const {
    PackedArray packed(values_.size(), element_);
    for (std::size_t i = 0; i < values_.size(); ++i) packed.set(i, rounded(i));
    return packed;
  }

  PackedArray depthwise_weights() const {
    const std::size_t taps = taps_of(shape_);
    PackedArray packed(panels_of(IC_, panel_) * taps * m_ * panel_, element_);
    for (std::size_t tap = 0; tap < taps; ++tap)
      for (std::size_t ic = 0; ic < IC_; ++ic)
        for (std::size_t mi = 0; mi < m_; ++mi)
          packed.set(((ic / panel_ * taps + tap) * m_ + mi) * panel_ + ic % panel_,
                     rounded((tap * IC_ + ic) * m_ + mi));
    return packed;
  }

  PackedArray depthwise_constant() const {
    const std::size_t padded = panels_of(IC_, panel_) * panel_;
    PackedArray packed(m_ * padded, element_);
    for (std::size_t k = 0; k < values_.size(); ++k) packed.set(k % m_ * padded + k / m_, rounded(k));
    return packed;
  }

  PackedArray conv_weights() const {
    const std::size_t taps = taps_of(shape_), OC = static_cast<std::size_t>(shape_.back());
    PackedArray packed(panels_of(OC, panel_) * taps * m_ * IC_ * panel_, element_);
    for (std::size_t tap = 0; tap < taps; ++tap)
      for (std::size_t ic = 0; ic < IC_; ++ic)
        for (std::size_t mi = 0; mi < m_; ++mi)
          for (std::size_t oc = 0; oc < OC; ++oc)
            packed.set((((oc / panel_ * taps + tap) * m_ + mi) * IC_ + ic) * panel_ + oc % panel_,
                       rounded(((tap * IC_ + ic) * m_ + mi) * OC + oc));
    return packed;
  }

 private:
  static std::size_t taps_of(const std::vector<std::int64_t>& shape) {
    return static_cast<std::size_t>(shape[0]) * static_cast<std::size_t>(shape[1]);
  }
  double rounded(std::size_t index) const { return round_to(dtype_, values_[index]); }

  const DataType dtype_, element_;
  const std::vector<std::int64_t>& shape_;
  const WeightArray& values_;
  const std::size_t panel_;
  std::size_t m_ = 1, IC_ = 1;
};

PackedArray packed(const Packer& packer, Packing packing) {
  switch (packing) {
    case Packing::none: return packer.plain();
    case Packing::depthwise_weights: return packer.depthwise_weights();
    case Packing::depthwise_constant: return packer.depthwise_constant();
    case Packing::conv_weights: return packer.conv_weights();
  }
  return {};
}

}  // namespace

void PackedArray::set(std::size_t index, double value) noexcept {
  if (dtype_ == DataType::float64)
    static_cast<double*>(buffer_.data())[index] = value;
  else
    static_cast<float*>(buffer_.data())[index] = static_cast<float>(value);
}

PackedWeights pack_weights(const ConvWeights& weights, const ConvProblem& problem, const PackedForm& form) {
  validate(weights, problem);
  if (problem.has(StageKind::depthwise)) require_panel("depthwise_panel", form.depthwise_panel);
  if (problem.has(StageKind::conv)) require_panel("pointwise_panel", form.pointwise_panel);
  PackedWeights result;
  const std::vector<Argument> arguments = weights_of(problem);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const bool depthwise = problem.stages[arguments[i].stage].kind == StageKind::depthwise;
    const std::int32_t panel = depthwise ? form.depthwise_panel : form.pointwise_panel;
    const Packer packer(problem, arguments[i], weights.arrays[i], static_cast<std::size_t>(panel));
    result.arrays.push_back(packed(packer, arguments[i].packing));
  }
  return result;
}

}  // namespace sepconv

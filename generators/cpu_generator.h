#pragma once
// Common base of the generators for CPUs.

#include <algorithm>

#include "generators/kernel_generator.h"
#include "generators/scratch_meter.h"

namespace sepconv::generators {

template <class Derived>
class CpuGenerator : public KernelGenerator<Derived> {
 public:
  void configure() {
    schedule_ = this->read_parameters(schedule_from_text);
    this->declare_arguments({.flat = schedule_.block.flat()});
  }

 protected:
  using KernelGenerator<Derived>::input_;
  using KernelGenerator<Derived>::problem_;
  using KernelGenerator<Derived>::types_;

  Halide::Pipeline build_pipeline() override {
    Halide::Pipeline built = Halide::Generator<Derived>::build_pipeline();
    built.add_custom_lowering_pass(new ScratchMeter(this->facts()));
    return built;
  }

  /// True where partial blocks or tiles of the depthwise result reach past the output, and so past the input's edge.
  bool computes_past_output() const {
    const BlockCpuSchedule& block = schedule_.block;
    if (problem_.is_dynamic() || problem_.OH() % block.oh_block != 0) return true;
    const int tile = schedule_.depthwise->ow_tile;
    return !block.flat() &&
           (problem_.OW() % block.ow_block != 0 || block.ow_block % tile != 0 || problem_.OW() % tile != 0);
  }

  /// True where tiles with vectors along channels must be stored along pixels.
  bool transposes() const { return problem_.layout == Layout::nchw && schedule_.pointwise->vector_f; }

  /// The input of the depthwise stage.
  /// @param needs_padding  false if no read lies outside the image
  PaddedInput depthwise_input(bool needs_padding) const {
    const Lowering& p = problem_;
    const DepthwiseCpuSchedule& dw = *schedule_.depthwise;
    const int channels = std::max(p.IC, dw.c_tile);
    const bool whole_rows = !p.is_dynamic() && schedule_.block.ow_block >= p.OW();
    if (dw.pad_tile && p.layout == Layout::nchw && whole_rows)
      return padded_rows(p, *input_, this->pads(), inner_layout(dw, p), channels, problem_.target.lanes, types_);
    // Tiles of more channels than there are would read beyond the last pixel: the copy repeats the last channel.
    const bool reads_past_channels = channels > p.IC;
    if (dw.pad_tile || needs_padding || reads_past_channels)
      return {.func = padded_input(p, *input_, *input_, this->pads(), channels, types_)};
    return {.func = unpadded_input(p, *input_, types_)};
  }

  CpuSchedule schedule_;
};

}  // namespace sepconv::generators

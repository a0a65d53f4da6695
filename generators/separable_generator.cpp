// Depthwise then pointwise convolution: Keras SeparableConv1D and SeparableConv2D, and joined depthwise + 1x1 chains.

#include "conv_generator.h"
#include "schedules/block_cpu.h"
#include "schedules/depthwise_cpu.h"
#include "schedules/pointwise_cpu.h"
#include "stages/depthwise.h"
#include "stages/epilogue.h"
#include "stages/pointwise.h"

namespace sepconv {

using Halide::Expr;
using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

class SeparableGenerator : public ConvGenerator<SeparableGenerator> {
 public:
  void generate() {
    const int panel = depthwise_panel(problem_, *schedule_.depthwise);
    kernel_facts().depthwise_panel = panel;
    kernel_facts().pointwise_panel = schedule_.pointwise->nr;
    padded_ = schedule_.depthwise->pad_tile || has_padding() || !exact_blocks()
                  ? padded_input(problem_, *input_, *input_, pads(), std::max(problem_.IC, schedule_.depthwise->c_tile))
                  : unpadded_input(problem_, *input_);
    depthwise_ = depthwise_stage(problem_, padded_, *filter_, panel, *pixels_, c_, m_, n_);
    const auto at = middle_arguments<Var>(problem_.layout, c_, pixels_->vars, m_, n_);
    Expr value = depthwise_.sum(at);
    const int padded_channels = (problem_.IC + panel - 1) / panel * panel;
    if (middle_bias_) value = value + Expr((*middle_bias_)(m_ * padded_channels + c_));
    middle_(at) = activate(problem_.middle.activation, value);
    pointwise_ = pointwise_stage(problem_, middle_, *weights_, bias_ ? Func(*bias_) : Func(), schedule_.pointwise->nr,
                                 *pixels_, f_, n_);
    const auto out_at = image_arguments<Var>(problem_.layout, f_, pixels_->vars, n_);
    (*output_)(out_at) = activate(problem_.output.activation, pointwise_.sum(out_at));
  }

  void schedule() {
    promise_layout();
    Func out = *output_;
    const BlockCpuSchedule& block = schedule_.block;
    const std::vector<Var> blocks = split_blocks(out, problem_, block, *pixels_);
    std::vector<Var> outer = blocks;
    outer.push_back(n_);
    schedule_pointwise_cpu(out, pointwise_, problem_, schedule_, target_, *pixels_, f_, outer);
    if (block.fuse) {
      parallel_loops(out, outer);
      middle_.compute_at(out, outer.front());
      if (pixels_->flat) split_flat_rows();
      schedule_middle(block.ow_block, {n_});
    } else {
      // The whole image's depthwise result first, in parallel blocks of rows of its own; images one after the other.
      parallel_loops(out, blocks);
      middle_.compute_at(out, n_);
      if (pixels_->flat) split_flat_rows();
      Var rows("rows_block");
      middle_.split(pixels_->y, rows, pixels_->y, block.oh_block, TailStrategy::GuardWithIf);
      schedule_middle(problem_.OW(), {rows, n_});
      parallel_loops(middle_, {rows});
    }
  }

 private:
  void split_flat_rows() { middle_.split(pixels_->q, pixels_->y, pixels_->x, problem_.OW(), TailStrategy::RoundUp); }

  /// The depthwise result of a block, or of the image: rows and columns of the same pixels that the output flattens.
  void schedule_middle(int columns, const std::vector<Var>& outer) {
    schedule_depthwise_cpu(middle_, depthwise_, padded_, problem_, *schedule_.depthwise, target_, *pixels_, columns, c_,
                           pixels_->x, pixels_->y, m_, outer);
  }

  Var c_{"c"}, m_{"m"}, f_{"f"}, n_{"n"};
  Func padded_, middle_{"middle"};
  DepthwiseStage depthwise_;
  PointwiseStage pointwise_;
};

}  // namespace sepconv

HALIDE_REGISTER_GENERATOR(sepconv::SeparableGenerator, separable)

// Depthwise then pointwise convolution: Keras SeparableConv1D and SeparableConv2D, and joined depthwise + 1x1 chains.

#include "conv_generator.h"
#include "schedules/block_cpu.h"
#include "schedules/dense_cpu.h"
#include "schedules/depthwise_cpu.h"
#include "schedules/pointwise_cpu.h"
#include "stages/dense.h"
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
    padded_ = schedule_.depthwise->pad_tile || has_padding() || computes_past_output()
                  ? padded_input(problem_, *input_, *input_, pads(), std::max(problem_.IC, schedule_.depthwise->c_tile))
                  : unpadded_input(problem_, *input_);
    depthwise_ = depthwise_stage(problem_, padded_, *filter_, panel, rows_, c_, m_, n_);
    const auto at = middle_arguments<Var>(problem_.layout, c_, rows_.vars, m_, n_);
    Expr value = depthwise_.sum(at);
    const int padded_channels = (problem_.IC + panel - 1) / panel * panel;
    if (middle_bias_) value = value + Expr((*middle_bias_)(m_ * padded_channels + c_));
    middle_(at) = activate(problem_.middle.activation, value);
    if (needs_dense_pixels()) dense_ = dense_pixels(problem_, middle_, pixels_, c_, m_, n_);
    pointwise_ =
        pointwise_stage(problem_, dense_.defined() ? dense_ : middle_, *weights_, bias_ ? Func(*bias_) : Func(),
                        schedule_.pointwise->nr, pixels_, middle_coordinates(), f_, n_);
    const auto out_at = image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_);
    (*output_)(out_at) = activate(problem_.output.activation, pointwise_.sum(out_at));
  }

  void schedule() {
    promise_layout();
    Func out = *output_;
    const BlockCpuSchedule& block = schedule_.block;
    const BlockLoops blocks = split_output(out, problem_, block, pixels_, schedule_.pointwise->mr);
    std::vector<Var> outer = blocks.blocks;
    outer.push_back(n_);
    schedule_pointwise_cpu(out, pointwise_, problem_, *schedule_.pointwise, target_, pixels_, f_, blocks.tile, outer);
    // Fused: the depthwise result of one block. Unfused: of the whole image first, in parallel blocks of rows of its
    // own, and images one after the other.
    const Var level = block.fuse ? outer.front() : n_;
    parallel_loops(out, block.fuse ? outer : blocks.blocks);
    Func rows_consumer = dense_.defined() ? dense_ : middle_;
    rows_consumer.compute_at(out, level);
    if (dense_.defined()) {
      schedule_dense_cpu(dense_, problem_, block, target_, pixels_, rows_);
      middle_.compute_at(dense_, c_);
    }
    if (!block.fuse) {
      rows_consumer.split(rows_.y, row_block_, rows_.y, block.oh_block, TailStrategy::GuardWithIf);
      if (dense_.defined()) dense_.reorder(rows_.x, rows_.y, c_, m_, row_block_, n_);
      rows_consumer.parallel(row_block_);
    }
    schedule_middle();
  }

 private:
  /// The depthwise result of a block of rows and columns, also where the output's pixels are flat.
  void schedule_middle() {
    const bool fuse = schedule_.block.fuse;
    const int tile = schedule_.depthwise->ow_tile;
    const bool whole_rows = pixels_.flat || (!fuse && problem_.OW() >= tile);
    BlockExtents extents = block_extents(problem_, schedule_.block, whole_rows ? 1 : tile);
    const bool own_rows = !fuse && !dense_.defined();  // the stage that holds the image's rows is this one
    if (dense_.defined()) extents.rows = schedule_.block.oh_block;
    middle_.bound_storage(rows_.x, extents.columns).bound_storage(rows_.y, extents.rows);
    extents.rows = schedule_.block.oh_block;
    Var x_tile("x_tile");
    middle_.split(rows_.x, x_tile, rows_.x, tile,
                  whole_rows ? tile_tail(extents.columns, tile) : TailStrategy::RoundUp);
    schedule_depthwise_cpu(middle_, depthwise_, padded_, problem_, *schedule_.depthwise, target_,
                           {c_, rows_.x, x_tile, rows_.y, m_,
                            own_rows ? std::vector<Var>{row_block_, n_} : std::vector<Var>{n_}, extents});
  }

  /// Vectors along flat pixels cross row ends.
  bool needs_dense_pixels() const { return pixels_.flat && problem_.layout == Layout::nchw; }

  std::vector<Expr> middle_coordinates() const {
    if (dense_.defined()) return {pixels_.q};
    return {pixels_.column, pixels_.row};
  }

  Var row_block_{"row_block"};
  Var c_{"c"}, m_{"m"}, f_{"f"}, n_{"n"};
  Pixels rows_;  // of the depthwise result
  Func padded_, middle_{"middle"}, dense_;
  DepthwiseStage depthwise_;
  PointwiseStage pointwise_;
};

}  // namespace sepconv

HALIDE_REGISTER_GENERATOR(sepconv::SeparableGenerator, separable)

// Depthwise then pointwise convolution: Keras SeparableConv1D and SeparableConv2D, and joined depthwise + 1x1 chains.

#include "generators/cpu_generator.h"
#include "generators/schedules/block_cpu.h"
#include "generators/schedules/dense_cpu.h"
#include "generators/schedules/depthwise_cpu.h"
#include "generators/schedules/pointwise_cpu.h"
#include "generators/stages/dense.h"
#include "generators/stages/depthwise.h"
#include "generators/stages/epilogue.h"
#include "generators/stages/pointwise.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

class SeparableGenerator : public CpuGenerator<SeparableGenerator> {
 public:
  void generate() {
    inner_ = problem_;
    inner_.layout = inner_layout(*schedule_.depthwise, problem_);
    const int panel = depthwise_panel(problem_, *schedule_.depthwise);
    facts().depthwise_panel = panel;
    facts().pointwise_panel = schedule_.pointwise->nr;
    padded_ = depthwise_input(has_padding() || computes_past_output());
    const Pixels& depthwise_pixels = direct() ? pixels_ : rows_;
    depthwise_ = depthwise_stage(inner_, padded_, *filter_, panel, depthwise_pixels, c_, m_, n_);
    const auto at = middle_arguments<Var>(inner_.layout, c_, depthwise_pixels.vars, m_, n_);
    const Expr channel = m_ * round_up(problem_.IC, panel) + c_;
    middle_(at) = middle_value(depthwise_.sum(at), [&](InputBuffer& constant) { return constant(channel); });
    if (copies_rows()) dense_ = dense_pixels(inner_, middle_, pixels_, c_, m_, n_);
    pointwise_ = pointwise_stage(inner_, copies_rows() ? dense_ : middle_, *weights_,
                                 first_bias() ? Func(*first_bias()) : Func(), schedule_.pointwise->nr, pixels_, f_, n_);
    const auto sum_at = image_arguments<Var>(inner_.layout, f_, pixels_.vars, n_);
    const auto of_channel = [&](InputBuffer& constant) { return constant(f_); };
    const Expr value = before_operands(pointwise_.sum(sum_at), of_channel);
    (*output_)(image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_)) =
        with_operands(finished(pointwise_, value, transposes(), pixels_, f_, n_), of_channel, {f_, pixels_.vars, n_});
  }

  void schedule() {
    promise_layout();
    Func out = *output_;
    const BlockCpuSchedule& block = schedule_.block;
    const BlockLoops blocks = split_output(out, problem_, block, pixels_, schedule_.pointwise->mr);
    const std::vector<Var> outer = blocks.with_batch(n_);
    schedule_pointwise_cpu(out, pointwise_, problem_, *schedule_.pointwise, pixels_, f_, blocks.tile, outer);
    // Fused: the depthwise result of one block. Unfused: of the whole image first, in parallel blocks of rows of its
    // own, and images one after the other.
    parallel_loops(out, block.fuse ? outer : blocks.blocks);
    Func& scratch = copies_rows() ? dense_ : middle_;
    scratch.compute_at(out, block.fuse ? outer.front() : n_);
    if (block.spread) scratch.align_storage(c_, problem_.IC + block.spread);
    // Vectors along output channels read single pixels of consecutive channels.
    if (transposes()) scratch.reorder_storage(c_, pixels_.flat ? pixels_.q : rows_.x);
    switch (block.pixels) {
      case PixelOrder::rows: return schedule_in_rows();
      case PixelOrder::flat_copied: return schedule_flat_copied();
      case PixelOrder::flat_direct: return schedule_flat_direct();
    }
  }

 private:
  bool direct() const { return schedule_.block.pixels == PixelOrder::flat_direct; }
  bool copies_rows() const { return schedule_.block.pixels == PixelOrder::flat_copied; }

  /// Rows stay rows, and tiles end with them.
  void schedule_in_rows() {
    // A guarded tile also reads the wasted pixels beyond the image.
    BlockExtents extents = block_extents(problem_, schedule_.block, schedule_.pointwise->mr);
    extents.columns = round_up(extents.columns, schedule_.depthwise->ow_tile);
    middle_.bound_storage(rows_.x, extents.columns).bound_storage(rows_.y, extents.rows);
    schedule_rows(rows_.x, extents.columns, split_rows_if_unfused(middle_));
  }

  /// A panel's rows are computed as rows, and copied to flat pixels.
  void schedule_flat_copied() {
    const std::vector<Var> outer = split_flat_scratch(dense_, rows_.x);
    const Var panel = schedule_dense_cpu(dense_, inner_, schedule_.depthwise->c_tile, rows_, {c_, m_, outer});
    middle_.compute_at(dense_, panel)
        .bound_storage(rows_.x, flat_extents().columns)
        .bound_storage(rows_.y, schedule_.block.oh_block);
    schedule_rows(rows_.x, flat_extents().columns, {n_});
  }

  /// Each pixel is stored at its flat place at once. Inside of a row its loop over columns keeps the dimension's name.
  void schedule_flat_direct() {
    const std::vector<Var> outer = split_flat_scratch(middle_, pixels_.q);
    schedule_rows(pixels_.q, flat_extents().columns, outer);
  }

  BlockExtents flat_extents() const { return block_extents(problem_, schedule_.block, 1); }

  /// The loop over flat pixels as one over rows and one over `column`.
  std::vector<Var> split_flat_scratch(Func scratch, const Var& column) {
    const BlockExtents extents = flat_extents();
    scratch.bound_storage(pixels_.q, extents.columns * extents.rows)
        .align_bounds(pixels_.q, problem_.OW())  // so that Halide sees which pixels are of one row
        .split(pixels_.q, rows_.y, column, problem_.OW(), TailStrategy::RoundUp);
    return split_rows_if_unfused(scratch);
  }

  /// @return the loops outside of a block's, or of the row blocks that a whole image is computed in.
  std::vector<Var> split_rows_if_unfused(Func result) {
    if (schedule_.block.fuse) return {n_};
    Var row_block("row_block");
    result.split(rows_.y, row_block, rows_.y, schedule_.block.oh_block, TailStrategy::GuardWithIf).parallel(row_block);
    return {row_block, n_};
  }

  /// The depthwise result, tile by tile of its rows.
  /// @param column   its loop over the columns of a row
  /// @param columns  of the region that is computed at once
  void schedule_rows(const Var& column, int columns, const std::vector<Var>& outer) {
    const int tile = schedule_.depthwise->ow_tile;
    Var x_tile("x_tile");
    middle_.split(column, x_tile, column, tile, pixels_.flat ? tile_tail(columns, tile) : TailStrategy::RoundUp);
    schedule_depthwise_cpu(middle_, depthwise_, padded_, inner_, *schedule_.depthwise,
                           {c_, column, x_tile, rows_.y, m_, outer, {columns, schedule_.block.oh_block}, true});
  }

  Var c_{"c"}, m_{"m"}, f_{"f"}, n_{"n"};
  Lowering inner_;  // the problem in the layout of what lies between input and output
  Pixels rows_;     // of the depthwise result
  PaddedInput padded_;
  Func middle_{"middle"}, dense_;
  DepthwiseStage depthwise_;
  PointwiseStage pointwise_;
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::SeparableGenerator, separable)

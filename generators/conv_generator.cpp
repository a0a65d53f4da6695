// Convolution with a window of several taps: Keras Conv1D and Conv2D.

#include "generators/cpu_generator.h"
#include "generators/schedules/block_cpu.h"
#include "generators/schedules/dense_cpu.h"
#include "generators/schedules/input_cpu.h"
#include "generators/schedules/pointwise_cpu.h"
#include "generators/stages/dense.h"
#include "generators/stages/epilogue.h"
#include "generators/stages/pointwise.h"
#include "generators/stages/taps.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

/// A GEMM whose K runs over the taps as planes. In rows, the micro-tiles read the taps where they lie: in the input, or
/// in a block's copy of it with its zeros. Flat, the taps of a block's pixels are copied side by side first.
class ConvGenerator : public CpuGenerator<ConvGenerator> {
 public:
  void generate() {
    facts().pointwise_panel = schedule_.pointwise->nr;
    // 16-bit inputs are widened in the same copy, once rather than for each tap.
    copies_ = types_.is_16_bit() || has_padding() || reads_past_input();
    padded_.func = copies_ ? padded_input(problem_, *input_, *input_, pads(), problem_.IC, types_)
                           : unpadded_input(problem_, *input_, types_);
    planes_ = taps_as_planes(problem_, padded_, rows_, c_, tap_, n_);
    if (pixels_.flat) dense_ = dense_pixels(problem_, planes_, pixels_, c_, tap_, n_);
    const Pixels& pixels = pixels_.flat ? pixels_ : rows_;
    stage_ = pointwise_stage(problem_, pixels_.flat ? dense_ : planes_, *weights_,
                             first_bias() ? Func(*first_bias()) : Func(), schedule_.pointwise->nr, pixels, f_, n_);
    const auto out_at = image_arguments<Var>(problem_.layout, f_, pixels.vars, n_);
    const Expr result = output_value(stage_.sum(out_at), [&](InputBuffer& constant) { return constant(f_); });
    (*output_)(out_at) = finished(stage_, result, transposes(), pixels, f_, n_);
  }

  void schedule() {
    promise_layout();
    Func out = *output_;
    const Pixels& pixels = pixels_.flat ? pixels_ : rows_;
    const BlockLoops blocks = split_output(out, problem_, schedule_.block, pixels, schedule_.pointwise->mr);
    std::vector<Var> outer = blocks.blocks;
    outer.push_back(n_);
    schedule_pointwise_cpu(out, stage_, problem_, *schedule_.pointwise, pixels, f_, blocks.tile, outer);
    parallel_loops(out, outer);
    const int tile = pixels_.flat ? 1 : schedule_.pointwise->mr;
    const BlockExtents extents = block_extents(problem_, schedule_.block, tile);
    if (pixels_.flat) {
      dense_.compute_at(out, outer.front())
          .bound_storage(pixels_.q, extents.columns * extents.rows)
          .split(pixels_.q, rows_.y, rows_.x, problem_.OW(), Halide::TailStrategy::RoundUp);
      const bool nhwc = problem_.layout == Layout::nhwc;
      schedule_dense_cpu(dense_, problem_, nhwc ? std::min(problem_.target.lanes, problem_.IC) : 1, rows_,
                         {c_, tap_, {n_}});
    } else if (copies_) {
      schedule_input_block(padded_, out, outer.front(), problem_, extents);
    }
  }

 private:
  /// True where tiles or blocks reach beyond the output, and what they read beyond the input.
  bool reads_past_input() const {
    const Lowering& p = problem_;
    if (p.is_dynamic()) return true;
    if (pixels_.flat) return p.OH() % schedule_.block.oh_block != 0;
    return p.OW() < schedule_.pointwise->mr;
  }

  Var c_{"c"}, tap_{"tap"}, f_{"f"}, n_{"n"};
  Pixels rows_;  // in rows: also those of the output
  bool copies_ = false;
  PaddedInput padded_;
  Func planes_, dense_;
  PointwiseStage stage_;
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::ConvGenerator, conv)

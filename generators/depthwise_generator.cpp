// Stages that keep channels apart: Keras DepthwiseConv1D and DepthwiseConv2D, pools and copies.

#include "generators/cpu_generator.h"
#include "generators/schedules/block_cpu.h"
#include "generators/schedules/depthwise_cpu.h"
#include "generators/stages/depthwise.h"
#include "generators/stages/epilogue.h"
#include "generators/stages/pooling.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

class DepthwiseGenerator : public CpuGenerator<DepthwiseGenerator> {
 public:
  void generate() {
    const int panel = depthwise_panel(problem_, *schedule_.depthwise);
    facts().depthwise_panel = panel;
    padded_ = depthwise_input(has_padding());
    stage_ = depthwise_stage(problem_, padded_, filter_ ? Func(*filter_) : Func(), panel, pixels_, c_, m_, n_);
    const Expr ic = q_ / problem_.depth_multiplier, m = q_ % problem_.depth_multiplier;
    const Expr sum = stage_.sum(middle_arguments<Expr>(problem_.layout, ic, as_exprs(pixels_.vars), m, n_));
    (*output_)(image_arguments<Var>(problem_.layout, q_, pixels_.vars, n_)) = output_value(
        pooled(problem_, sum, pixels_), [&](InputBuffer& constant) { return constant(q_); }, {q_, pixels_.vars, n_});
  }

  void schedule() {
    promise_layout();
    Func out = *output_;
    const int tile = schedule_.depthwise->ow_tile;
    const BlockLoops blocks = split_output(out, problem_, schedule_.block, pixels_, tile);
    // The output's channel is c * depth_multiplier + m; the stage's loops run over c.
    out.split(q_, c_, m_, problem_.depth_multiplier, TailStrategy::RoundUp);
    DepthwiseLoops loops{c_, pixels_.x, blocks.tile, pixels_.y, m_, blocks.with_batch(n_), {}};
    loops.extents = block_extents(problem_, schedule_.block, tile);
    schedule_depthwise_cpu(out, stage_, padded_, problem_, *schedule_.depthwise, loops);
    parallel_loops(out, loops.outer);
  }

 private:
  Var c_{"c"}, m_{"m"}, q_{"channel"}, n_{"n"};
  PaddedInput padded_;
  DepthwiseStage stage_;
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::DepthwiseGenerator, depthwise)

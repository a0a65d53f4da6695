// 1x1 convolution, strided or not: Keras Conv1D and Conv2D with a window of one.

#include "generators/cpu_generator.h"
#include "generators/schedules/block_cpu.h"
#include "generators/schedules/dense_cpu.h"
#include "generators/schedules/pointwise_cpu.h"
#include "generators/stages/dense.h"
#include "generators/stages/epilogue.h"
#include "generators/stages/pointwise.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

class PointwiseGenerator : public CpuGenerator<PointwiseGenerator> {
 public:
  void generate() {
    facts().pointwise_panel = schedule_.pointwise->nr;
    // 16-bit inputs are widened in the same copy, once rather than for each panel of outputs.
    gathers_ = types_.is_16_bit() || problem_.window.stride_h != 1 || problem_.window.stride_w != 1 || has_padding();
    const Func source = gathers_ ? padded_input(problem_, *input_, *input_, pads(), problem_.IC, types_)
                                 : unpadded_input(problem_, *input_, types_);
    const Expr x = rows_.x * problem_.window.stride_w, y = rows_.y * problem_.window.stride_h;
    middle_(middle_arguments<Var>(problem_.layout, c_, rows_.vars, m_, n_)) =
        source(image_arguments<Expr>(problem_.layout, c_, {x, y}, n_));
    if (pixels_.flat) dense_ = dense_pixels(problem_, middle_, pixels_, c_, m_, n_);
    stage_ = pointwise_stage(problem_, pixels_.flat ? dense_ : middle_, *weights_,
                             first_bias() ? Func(*first_bias()) : Func(), schedule_.pointwise->nr, pixels_, f_, n_);
    const auto out_at = image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_);
    const Expr result = output_value(stage_.sum(out_at), [&](InputBuffer& constant) { return constant(f_); });
    (*output_)(out_at) = finished(stage_, result, transposes(), pixels_, f_, n_);
  }

  void schedule() {
    promise_layout();
    Func out = *output_;
    const BlockLoops blocks = split_output(out, problem_, schedule_.block, pixels_, schedule_.pointwise->mr);
    std::vector<Var> outer = blocks.blocks;
    outer.push_back(n_);
    schedule_pointwise_cpu(out, stage_, problem_, *schedule_.pointwise, pixels_, f_, blocks.tile, outer);
    parallel_loops(out, outer);
    if (!gathers_) return;
    // The pixels that the strides pick are copied together once a block, so that the GEMM reads them densely.
    const bool nhwc = problem_.layout == Layout::nhwc;
    const BlockExtents extents = block_extents(problem_, schedule_.block, 1);
    if (pixels_.flat) {
      dense_.compute_at(out, outer.front())
          .bound_storage(pixels_.q, extents.columns * extents.rows)
          .split(pixels_.q, rows_.y, rows_.x, problem_.OW(), Halide::TailStrategy::RoundUp);
      schedule_dense_cpu(dense_, problem_, nhwc ? std::min(problem_.target.lanes, problem_.IC) : 1, rows_,
                         {c_, m_, {n_}});
    } else {
      middle_.compute_at(out, outer.front())
          .bound_storage(rows_.x, extents.columns)
          .bound_storage(rows_.y, extents.rows);
      if (nhwc) middle_.vectorize(c_, problem_.target.lanes, Halide::TailStrategy::GuardWithIf);
    }
  }

 private:
  Var c_{"c"}, m_{"m"}, f_{"f"}, n_{"n"};
  Pixels rows_;  // of the gathered input
  Func middle_{"gathered"}, dense_;
  PointwiseStage stage_;
  bool gathers_ = false;
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::PointwiseGenerator, pointwise)

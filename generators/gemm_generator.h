#pragma once
// Common base of the generators for CPUs whose only stage is a GEMM: convolutions of one tap, and of several.

#include <algorithm>

#include "generators/cpu_generator.h"
#include "generators/schedules/block_cpu.h"
#include "generators/schedules/dense_cpu.h"
#include "generators/schedules/pointwise_cpu.h"
#include "generators/stages/dense.h"
#include "generators/stages/pointwise.h"

namespace sepconv::generators {

template <class Derived>
class GemmGenerator : public CpuGenerator<Derived> {
 protected:
  using Func = Halide::Func;
  using Var = Halide::Var;
  using CpuGenerator<Derived>::pixels_;
  using CpuGenerator<Derived>::problem_;
  using CpuGenerator<Derived>::schedule_;

  /// Defines the output by the GEMM over planes(middle_arguments(layout, c_, rows_, m_, n_)). Flat, the planes of a
  /// block's pixels are copied side by side first.
  void make_output(const Func& planes) {
    this->facts().pointwise_panel = schedule_.pointwise->nr;
    if (pixels_.flat) dense_ = dense_pixels(problem_, planes, pixels_, c_, m_, n_);
    const Func bias = this->first_bias() ? Func(*this->first_bias()) : Func();
    stage_ = pointwise_stage(problem_, pixels_.flat ? dense_ : planes, *this->weights_, bias, schedule_.pointwise->nr,
                             pixels_, f_, n_);
    const auto out_at = image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_);
    const auto at = [&](auto& constant) { return constant(f_); };
    const Halide::Expr value = this->before_operands(stage_.sum(out_at), at);
    (*this->output_)(out_at) =
        this->with_operands(finished(stage_, value, this->transposes(), pixels_, f_, n_), at, {f_, pixels_.vars, n_});
  }

  /// @return the loop over the blocks of a row, or over flat blocks.
  Var schedule_output() {
    this->promise_layout();
    Func out = *this->output_;
    const BlockLoops blocks = split_output(out, problem_, schedule_.block, pixels_, schedule_.pointwise->mr);
    const std::vector<Var> outer = blocks.with_batch(n_);
    schedule_pointwise_cpu(out, stage_, problem_, *schedule_.pointwise, pixels_, f_, blocks.tile, outer);
    parallel_loops(out, outer);
    return outer.front();
  }

  /// The copy that flat pixels need, once a block.
  void schedule_flat_copy(const Var& block) {
    const BlockExtents extents = block_extents(problem_, schedule_.block, 1);
    const bool nhwc = problem_.layout == Layout::nhwc;
    dense_.compute_at(*this->output_, block)
        .bound_storage(pixels_.q, extents.columns * extents.rows)
        .split(pixels_.q, rows_.y, rows_.x, problem_.OW(), Halide::TailStrategy::RoundUp);
    schedule_dense_cpu(dense_, problem_, nhwc ? std::min(problem_.target.lanes, problem_.IC) : 1, rows_,
                       {c_, m_, {n_}});
  }

  Var c_{"c"}, m_{"m"}, f_{"f"}, n_{"n"};
  Pixels rows_;  // of the planes
  Func dense_;
  PointwiseStage stage_;
};

}  // namespace sepconv::generators

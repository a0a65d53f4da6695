// 1x1 convolution, strided or not: Keras Conv1D and Conv2D with a window of one.

#include "generators/gemm_generator.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

class PointwiseGenerator : public GemmGenerator<PointwiseGenerator> {
 public:
  void generate() {
    // 16-bit inputs are widened in the same copy, once rather than for each panel of outputs.
    gathers_ = types_.is_16_bit() || problem_.window.stride_h != 1 || problem_.window.stride_w != 1 || has_padding();
    const Func source = gathers_ ? padded_input(problem_, *input_, *input_, pads(), problem_.IC, types_)
                                 : unpadded_input(problem_, *input_, types_);
    const Expr x = rows_.x * problem_.window.stride_w, y = rows_.y * problem_.window.stride_h;
    middle_(middle_arguments<Var>(problem_.layout, c_, rows_.vars, m_, n_)) =
        source(image_arguments<Expr>(problem_.layout, c_, {x, y}, n_));
    make_output(middle_);
  }

  void schedule() {
    const Var block = schedule_output();
    if (!gathers_) return;
    // The pixels that the strides pick are copied together once a block, so that the GEMM reads them densely.
    if (pixels_.flat) return schedule_flat_copy(block);
    const BlockExtents extents = block_extents(problem_, schedule_.block, 1);
    middle_.compute_at(*output_, block).bound_storage(rows_.x, extents.columns).bound_storage(rows_.y, extents.rows);
    if (problem_.layout == Layout::nhwc)
      middle_.vectorize(c_, problem_.target.lanes, Halide::TailStrategy::GuardWithIf);
  }

 private:
  Func middle_{"gathered"};
  bool gathers_ = false;
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::PointwiseGenerator, pointwise)

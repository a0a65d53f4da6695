// Images of another size: Keras UpSampling1D, UpSampling2D and Resizing.

#include "generators/cpu_generator.h"
#include "generators/schedules/block_cpu.h"
#include "generators/schedules/pixels_cpu.h"
#include "generators/stages/resize.h"

namespace sepconv::generators {

using Halide::Func;
using Halide::Var;

class ResizeGenerator : public CpuGenerator<ResizeGenerator> {
 public:
  void generate() {
    stage_ = resize_stage(problem_, unpadded_input(problem_, *input_, types_), pixels_, c_, n_);
    (*output_)(image_arguments<Var>(problem_.layout, c_, pixels_.vars, n_)) =
        output_value(stage_.value, [&](InputBuffer& constant) { return constant(c_); }, {c_, pixels_.vars, n_});
  }

  void schedule() {
    promise_layout();
    Func out = *output_;
    const BlockLoops blocks = split_output(out, problem_, schedule_.block, pixels_, schedule_.depthwise->ow_tile);
    schedule_pixels_cpu(out, problem_, *schedule_.depthwise, pixels_, c_, n_, blocks);
    const int columns = block_extents(problem_, schedule_.block, schedule_.depthwise->ow_tile).columns;
    for (Func& column : stage_.columns) {
      const Var x = column.args()[0];
      column.compute_at(out, blocks.blocks.front())
          .bound_storage(x, round_up(columns, problem_.target.lanes))
          .vectorize(x, problem_.target.lanes, Halide::TailStrategy::RoundUp);
    }
    parallel_loops(out, blocks.with_batch(n_));
  }

 private:
  Var c_{"channel"}, n_{"n"};
  ResizeStage stage_;
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::ResizeGenerator, resize)

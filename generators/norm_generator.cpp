// Norms over the channels of each pixel: Keras LayerNormalization over the last axis.

#include "generators/cpu_generator.h"
#include "generators/schedules/block_cpu.h"
#include "generators/schedules/norm_cpu.h"
#include "generators/stages/norm.h"

namespace sepconv::generators {

using Halide::Func;
using Halide::Var;

class NormGenerator : public CpuGenerator<NormGenerator> {
 public:
  void generate() {
    const DepthwiseCpuSchedule& s = *schedule_.depthwise;
    // Partial tiles of an image whose width is known only at run time reach beyond its end.
    const bool past_end = problem_.is_dynamic() && s.ow_tile > 1;
    const Func input = past_end ? padded_input(problem_, *input_, *input_, {0, 0}, problem_.IC, types_)
                                : unpadded_input(problem_, *input_, types_);
    stage_ = norm_stage(problem_, input, s.c_tile, pixels_, c_, n_);
    (*output_)(image_arguments<Var>(problem_.layout, c_, pixels_.vars, n_)) =
        output_value(stage_.value, [&](InputBuffer& constant) { return constant(c_); }, {c_, pixels_.vars, n_});
  }

  void schedule() {
    promise_layout();
    Func out = *output_;
    const BlockLoops blocks = split_output(out, problem_, schedule_.block, pixels_, schedule_.depthwise->ow_tile);
    schedule_norm_cpu(out, stage_, problem_, *schedule_.depthwise, pixels_, c_, n_, blocks);
    parallel_loops(out, blocks.with_batch(n_));
  }

 private:
  Var c_{"channel"}, n_{"n"};
  NormStage stage_;
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::NormGenerator, norm)

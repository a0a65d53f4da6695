// Convolution with a window of several taps: Keras Conv1D and Conv2D.

#include "generators/gemm_generator.h"
#include "generators/schedules/input_cpu.h"
#include "generators/stages/taps.h"

namespace sepconv::generators {

/// A GEMM whose K runs over the taps as planes. In rows, the micro-tiles read the taps where they lie: in the input, or
/// in a block's copy of it with its zeros. Flat, the taps of a block's pixels are copied side by side first.
class ConvGenerator : public GemmGenerator<ConvGenerator> {
 public:
  void generate() {
    // 16-bit inputs are widened in the same copy, once rather than for each tap.
    copies_ = types_.is_16_bit() || has_padding() || reads_past_input();
    padded_.func = copies_ ? padded_input(problem_, *input_, *input_, pads(), problem_.IC, types_)
                           : unpadded_input(problem_, *input_, types_);
    make_output(taps_as_planes(problem_, padded_, rows_, c_, m_, n_));
  }

  void schedule() {
    const Halide::Var block = schedule_output();
    if (pixels_.flat) return schedule_flat_copy(block);
    const BlockExtents extents = block_extents(problem_, schedule_.block, schedule_.pointwise->mr);
    if (copies_) schedule_input_block(padded_, *output_, block, problem_, extents);
  }

 private:
  /// True where tiles or blocks reach beyond the output, and what they read beyond the input.
  bool reads_past_input() const {
    const Lowering& p = problem_;
    if (p.is_dynamic()) return true;
    if (pixels_.flat) return p.OH() % schedule_.block.oh_block != 0;
    return p.OW() < schedule_.pointwise->mr;
  }

  bool copies_ = false;
  PaddedInput padded_;
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::ConvGenerator, conv)

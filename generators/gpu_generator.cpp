// Kernels for GPUs of the stages that have weights or a window. Fused, a separable layer is one kernel, and the
// depthwise result of a block's pixels is only ever in shared memory; unfused, the depthwise stage is a kernel of its
// own, which leaves its result in device memory.

#include "generators/device_generator.h"
#include "generators/device_memory.h"
#include "generators/schedules/depthwise_gpu.h"
#include "generators/schedules/pointwise_gpu.h"
#include "generators/schedules/tile_gpu.h"
#include "generators/stages/depthwise.h"
#include "generators/stages/pointwise.h"
#include "generators/stages/pooling.h"
#include "generators/stages/taps.h"
#include "generators/thread_registers.h"

namespace sepconv::generators {

class GpuGenerator : public DeviceGenerator<GpuGenerator> {
 public:
  void generate() {
    depthwise_tiles_ = is_unfused() ? depthwise_tiles(problem_) : schedule_;
    make_padded();
    if (problem_.has_depthwise()) make_depthwise();
    if (problem_.family == KernelFamily::depthwise) {
      const Expr taps = depthwise_.sum(image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_));
      define_output(stepped_value(pooled(problem_, taps, pixels_)));
      return;
    }
    const auto at = middle_arguments<Var>(problem_.layout, c_, pixels_.vars, m_, n_);
    if (!problem_.has_depthwise()) {
      middle_ = taps_as_planes(problem_, padded_, pixels_, c_, m_, n_);
    } else {
      const int channels = round_up(problem_.IC, facts().depthwise_panel);
      const Expr value = middle_value(depthwise_.sum(at), [&](InputBuffer& constant) {
        return array(&constant, channels * problem_.depth_multiplier)(m_ * channels + c_);
      });
      if (is_unfused()) {
        stored_(at) = types_.narrow(value);  // exact: the value is rounded to the type
        middle_(at) = types_.widen(stored_(inside_stored()));
      } else {
        middle_(at) = value;
      }
    }
    make_pointwise();
    define_output(stepped_value(pointwise_.sum(image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_))));
  }

  void schedule() {
    promise_layout();
    const Func out = *output_;
    const Layout layout = problem_.layout;
    const int pixels = problem_.OH() * problem_.OW();
    const GpuLoops loops;
    schedule_output_gpu(written_output(), layout, problem_.OC, pixels, schedule_, f_, pixel_loop(), n_, loops);
    if (problem_.family == KernelFamily::depthwise) {
      schedule_depthwise_gpu(out, layout == Layout::nhwc ? loops.f_thread : loops.q_thread, depthwise_, problem_,
                             schedule_);
      return;
    }
    schedule_pointwise_gpu(out, pointwise_, problem_, schedule_, {f_, pixels_.q, loops});
    const Var item = schedule_staging_gpu(middle_, weights_func_, pointwise_, problem_, schedule_, c_, pixels_.q);
    if (is_unfused()) {
      stored_.compute_root()
          .bound(c_, 0, problem_.IC)
          .bound(pixels_.q, 0, pixels)
          .bound(m_, 0, problem_.depth_multiplier);
      schedule_output_gpu(Halide::Stage(stored_), layout, problem_.IC, pixels, depthwise_tiles_, c_, pixels_.q, n_,
                          GpuLoops(), {m_});
      schedule_depthwise_gpu(stored_, m_, depthwise_, problem_, depthwise_tiles_);
    } else if (problem_.has_depthwise()) {
      schedule_staged_depthwise_gpu(middle_, item, depthwise_, problem_, schedule_);
    }
  }

 protected:
  void add_passes(Halide::Pipeline& built) override {
    if (problem_.has_pointwise()) built.add_custom_lowering_pass(new ThreadRegisters(pointwise_.sum.name()));
    if (is_unfused()) built.add_custom_lowering_pass(new DeviceMemory);
  }

 private:
  bool is_unfused() const { return problem_.family == KernelFamily::separable && !schedule_.fuse; }

  /// The arguments of `middle`, moved into the image and its channels where partial tiles and steps reach beyond; those
  /// values are not used.
  std::vector<Expr> inside_stored() const {
    const int pixels = problem_.OH() * problem_.OW();
    Expr c = c_, q = pixels_.q;
    if (problem_.IC % schedule_.k_step != 0) c = min(c, problem_.IC - 1);
    if (pixels % schedule_.block_q() != 0) q = min(q, pixels - 1);
    return middle_arguments<Expr>(problem_.layout, c, {q}, m_, n_);
  }

  /// The input in padded coordinates. A partial tile's pixels beyond the image and a partial step's channels read
  /// values that nobody uses.
  void make_padded() {
    const int pixels = problem_.OH() * problem_.OW();
    const GpuSchedule& s = depthwise_tiles_;
    const bool past_end = pixels % s.block_q() != 0;
    const int channels = s.k_step ? round_up(problem_.IC, s.k_step) : problem_.IC;
    if (has_padding() || past_end || channels != problem_.IC)
      padded_.func = padded_input(problem_, image(), *input_, pads(), channels, types_);
    else
      padded_.func = unpadded_input(problem_, image(), types_);
  }

  void make_depthwise() {
    const int panel = depthwise_tiles_.k_step ? depthwise_tiles_.k_step : depthwise_tiles_.block_f();
    facts().depthwise_panel = panel;
    const int elements =
        round_up(problem_.IC, panel) * problem_.window.KH * problem_.window.KW * problem_.depth_multiplier;
    const Func filter = filter_ ? array(filter_, elements) : Func();
    if (problem_.family == KernelFamily::depthwise) {
      // By output channel: a thread then makes the sums of its own channels, not those of all multipliers.
      depthwise_ = depthwise_stage(problem_, padded_, filter, panel, pixels_,
                                   image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_),
                                   f_ / problem_.depth_multiplier, f_ % problem_.depth_multiplier, n_);
    } else {
      depthwise_ = depthwise_stage(problem_, padded_, filter, panel, pixels_, c_, m_, n_);
    }
  }

  void make_pointwise() {
    const int panel = schedule_.block_f();
    facts().pointwise_panel = panel;
    weights_func_ =
        unpacked_weights(problem_, array(weights_, round_up(problem_.OC, panel) * problem_.middle_channels()), panel);
    Func bias;
    if (first_bias()) {
      Var i("i");
      bias = Func("tile_bias");
      bias(i) = array(first_bias(), problem_.OC)(min(i, problem_.OC - 1));
    }
    pointwise_ = pointwise_stage(problem_, middle_, weights_func_, bias, pixels_, f_, n_);
  }

  GpuSchedule depthwise_tiles_;  // of the kernel that has the depthwise stage
  Var c_{"c"}, m_{"m"};
  PaddedInput padded_;
  Func stored_{"stored"};  // the depthwise result in device memory, unfused only
  Func middle_{"middle"}, weights_func_;
  DepthwiseStage depthwise_;
  PointwiseStage pointwise_;
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::GpuGenerator, gpu)

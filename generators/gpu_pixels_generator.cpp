// Kernels for GPUs of the stages without a window: norms, resizes, and activations along an axis.

#include "generators/device_generator.h"
#include "generators/schedules/lines_gpu.h"
#include "generators/stages/axis_activation.h"
#include "generators/stages/norm.h"
#include "generators/stages/resize.h"

namespace sepconv::generators {

class GpuPixelsGenerator : public DeviceGenerator<GpuPixelsGenerator> {
 public:
  // What a block of lines reads beyond the last one is moved into the image, and not used.
  void generate() {
    const Func input = unpadded_input(problem_, image(), types_);
    if (problem_.family == KernelFamily::resize) {
      define_output(stepped_value(resize_stage(problem_, input, pixels_, f_, n_).value));
    } else if (problem_.family == KernelFamily::norm) {
      Pixels inside = pixels_;
      inside.column = line() % problem_.OW(), inside.row = line() / problem_.OW();
      NormStage stage = norm_stage(problem_, input, schedule_.threads_f, inside, f_, n_);
      reductions_ = {stage.sum, stage.squares};
      values_ = {stage.mean, stage.factor};
      define_output(stepped_value(stage.value));
    } else if (problem_.along.kind == ActivationKind::glu) {
      const bool channels = problem_.along.axis == -1;
      const Expr column = pixels_.column, row = pixels_.row;
      const Expr gate =
          channels ? input(f_ + problem_.OC, column, row, n_) : input(f_, column + problem_.OW(), row, n_);
      define_output(types_.narrow(gated(input(f_, column, row, n_), gate)));
    } else {
      AxisStage stage = axis_stage(
          problem_, line_layout(), [&](const Expr& i) { return input(line_element(i)); }, schedule_.threads_f, pixels_,
          f_, n_);
      reductions_ = stage.reductions;
      values_ = stage.values;
      define_output(types_.narrow(stage.value));
    }
  }

  void schedule() {
    promise_layout();
    const Func out = *output_;
    if (!problem_.reduces_lines()) {
      schedule_output_gpu(written_output(), problem_.layout, problem_.OC, problem_.OH() * problem_.OW(), schedule_, f_,
                          pixel_loop(), n_, GpuLoops());
      return;
    }
    const LineLoops loops = schedule_line_output_gpu(written_output(), line_layout() == Layout::nhwc, schedule_, f_,
                                                     pixel_loop(), pixels_.q, n_);
    for (ChannelReduction& reduction : reductions_) schedule_reduction_gpu(out, reduction, schedule_, loops);
    for (const Func& value : values_) schedule_line_value_gpu(out, value, schedule_, loops);
  }

 private:
  /// nhwc where the elements of a line are dense.
  Layout line_layout() const { return problem_.along_columns() ? Layout::nchw : problem_.layout; }

  /// The number of a line, inside of the image.
  Expr line() const {
    const Expr q = pixels_.q;
    return problem_.lines() % schedule_.threads_q == 0 ? q : min(q, problem_.lines() - 1);
  }

  /// Where an element of the line lies in the input, which is nhwc.
  std::vector<Expr> line_element(const Expr& i) const {
    if (problem_.along_columns()) return {line() % problem_.IC, i, line() / problem_.IC, n_};
    return {i, line() % problem_.IW, line() / problem_.IW, n_};
  }

  std::vector<ChannelReduction> reductions_;
  std::vector<Func> values_;  // of each line
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::GpuPixelsGenerator, gpu_pixels)

// Our algorithms without our schedules, for Halide's autoschedulers: for comparison in trials, never for libraries.

#include <algorithm>

#include "generators/autoscheduler.h"
#include "generators/kernel_generator.h"
#include "generators/scratch_meter.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

class AutoscheduledGenerator : public KernelGenerator<AutoscheduledGenerator> {
 public:
  void configure() {
    const generators::Target& wanted = target_from_name(target_name.value());
    problem_ = lower(problem_from_text(problem_text.value()), wanted);
    if (problem_.is_dynamic())
      throw std::invalid_argument("schedule '" + schedule_text.value() +
                                  "': Halide's autoschedulers are given static extents only");
    const auto reads_tensor = std::find_if(problem_.output.begin(), problem_.output.end(), has_operand);
    if ((problem_.tiles_channels() && !problem_.has_filter()) || reads_tensor != problem_.output.end())
      throw std::invalid_argument("schedule '" + schedule_text.value() +
                                  "': Halide's autoschedulers are given convolutions without operands only");
    if (!serves(wanted, problem_.dtype))
      throw std::invalid_argument("schedule '" + schedule_text.value() + "': " + wanted.name +
                                  " has no kernels for this data type");
    const Autoscheduler autoscheduler = autoscheduler_from_text(schedule_text.value()).value();
    if (!(wanted.device == Device::cpu ? autoscheduler.for_cpu : autoscheduler.for_gpu))
      throw std::invalid_argument("schedule '" + schedule_text.value() + "': " + autoscheduler.name +
                                  " does not schedule for " + wanted.name);
    types_ = ElementTypes(problem_.dtype, problem_.target);
    declare_arguments({});
  }

  void generate() {
    // One panel holds all channels, so that the packed weights are plain arrays.
    if (problem_.has_depthwise()) facts().depthwise_panel = problem_.IC;
    if (problem_.has_pointwise()) facts().pointwise_panel = problem_.OC;
    padded_ = has_padding() ? padded_input(problem_, *input_, *input_, pads(), problem_.IC, types_)
                            : unpadded_input(problem_, *input_, types_);
    (*output_)(image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_)) =
        output_value(problem_.has_pointwise() ? pointwise_sum() : depthwise_sum(),
                     [&](InputBuffer& constant) { return constant(f_); }, {f_, pixels_.vars, n_});
  }

  void schedule() {
    promise_layout();
    // Trials run single images.
    input_->dim(3).set_extent(1);
    output_->dim(3).set_extent(1);
    const auto estimate_image = [&](auto& buffer, int channels, int width, int height) {
      std::vector<int> extents = {width, height};
      extents.insert(problem_.layout == Layout::nhwc ? extents.begin() : extents.end(), channels);
      extents.push_back(1);
      for (std::size_t i = 0; i < extents.size(); ++i) buffer.dim(static_cast<int>(i)).set_estimate(0, extents[i]);
    };
    estimate_image(*input_, problem_.IC, problem_.IW, problem_.IH);
    estimate_image(*output_, problem_.OC, problem_.OW(), problem_.OH());
    const int middle = problem_.middle_channels();
    if (filter_) filter_->dim(0).set_estimate(0, middle * problem_.window.KH * problem_.window.KW);
    if (weights_) weights_->dim(0).set_estimate(0, middle * problem_.OC);
    for (const Step& step : middle_steps_)
      if (step.constant) step.constant->dim(0).set_estimate(0, middle);
    for (const Step& step : output_steps_)
      if (step.constant) step.constant->dim(0).set_estimate(0, problem_.OC);
  }

 protected:
  Halide::Pipeline build_pipeline() override {
    Halide::Pipeline built = Halide::Generator<AutoscheduledGenerator>::build_pipeline();
    if (problem_.target.device == Device::cpu) built.add_custom_lowering_pass(new ScratchMeter(facts()));
    return built;
  }

 private:
  // The autoschedulers search over every loop: results of the stages have no dimension for the batch, which is 1, and
  // one for the multiplier, or the taps of a conv, only where there are several.
  template <class T>
  std::vector<T> stage_arguments(const T& c, const std::vector<T>& pixel, const T& m) const {
    std::vector<T> arguments(pixel);
    arguments.insert(problem_.layout == Layout::nhwc ? arguments.begin() : arguments.end(), c);
    if (problem_.planes() != 1) arguments.push_back(m);
    return arguments;
  }

  Expr multiplier(const Expr& m) const { return problem_.planes() == 1 ? Expr(0) : m; }

  void make_depthwise() {
    const Lowering& p = problem_;
    const RDom tap(0, p.window.KW, 0, p.window.KH, "tap");
    const auto at = stage_arguments<Var>(c_, pixels_.vars, m_);
    depthwise_(at) = types_.zero();
    depthwise_(at) += (*filter_)(c_ + p.IC * (multiplier(m_) + p.depth_multiplier * (tap.x + p.window.KW * tap.y))) *
                      padded_(image_arguments<Expr>(p.layout, c_,
                                                    {pixels_.column * p.window.stride_w + tap.x * p.window.dilation_w,
                                                     pixels_.row * p.window.stride_h + tap.y * p.window.dilation_h},
                                                    0));
  }

  Expr depthwise_sum() {
    make_depthwise();
    const int m = problem_.depth_multiplier;
    const Expr c = m == 1 ? Expr(f_) : f_ / m;
    return depthwise_(stage_arguments<Expr>(c, as_exprs(pixels_.vars), f_ % m));
  }

  Expr pointwise_sum() {
    const Lowering& p = problem_;
    const auto at = stage_arguments<Var>(c_, pixels_.vars, m_);
    if (p.has_depthwise()) {
      make_depthwise();
      const Expr channel = multiplier(m_) * p.IC + c_;
      middle_(at) = middle_value(depthwise_(at), [&](InputBuffer& constant) { return constant(channel); });
    } else {
      const Expr tap = multiplier(m_), kw = tap % p.window.KW, kh = tap / p.window.KW;
      middle_(at) = padded_(image_arguments<Expr>(p.layout, c_,
                                                  {pixels_.column * p.window.stride_w + kw * p.window.dilation_w,
                                                   pixels_.row * p.window.stride_h + kh * p.window.dilation_h},
                                                  0));
    }
    const RDom k(0, p.IC, 0, p.planes(), "k");
    const Expr m = multiplier(k.y);
    std::vector<Var> out_at = pixels_.vars;
    out_at.insert(p.layout == Layout::nhwc ? out_at.begin() : out_at.end(), f_);
    pointwise_(out_at) = first_bias() ? Expr((*first_bias())(f_)) : types_.zero();
    pointwise_(out_at) +=
        (*weights_)(f_ + p.OC * (k.x + p.IC * m)) * middle_(stage_arguments<Expr>(k.x, as_exprs(pixels_.vars), m));
    return pointwise_(out_at);
  }

  Var c_{"c"}, m_{"m"}, f_{"f"}, n_{"n"};
  Func padded_, depthwise_{"depthwise_sum"}, middle_{"middle"}, pointwise_{"pointwise_sum"};
};

}  // namespace sepconv::generators

HALIDE_REGISTER_GENERATOR(sepconv::generators::AutoscheduledGenerator, autoscheduled)

#pragma once
// What all generators share: their parameters, the kernel's arguments in the order of kernel_abi.h with everything that
// is known about their layout, and the report on what only the compilation finds out.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "Halide.h"
#include "generators/spec/kernel_facts.h"
#include "generators/spec/schedule.h"
#include "generators/stages/element_types.h"
#include "generators/stages/epilogue.h"
#include "generators/stages/padding.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

/// Results of one compilation. The compiling program owns them.
struct KernelReport {
  KernelFacts facts;
  std::int64_t shared_bytes = 0;  // of a GPU block
};

/// The program's view of a generator that Halide's registry has made.
class ReportingGenerator {
 public:
  virtual ~ReportingGenerator() = default;

  /// Where the generator and its lowering passes write. To be called before anything else; `report` must outlive both.
  void report_to(KernelReport& report) { report_ = &report; }

 protected:
  KernelReport& report() const { return *report_; }
  KernelFacts& facts() const { return report_->facts; }

 private:
  KernelReport* report_ = nullptr;
};

template <class Derived>
class KernelGenerator : public Halide::Generator<Derived>, public ReportingGenerator {
 public:
  Halide::GeneratorParam<std::string> problem_text{"problem", ""};
  Halide::GeneratorParam<std::string> schedule_text{"schedule", ""};
  Halide::GeneratorParam<std::string> target_name{"target_name", ""};

 protected:
  using InputBuffer = Halide::GeneratorInput<Halide::Buffer<void>>;
  using OutputBuffer = Halide::GeneratorOutput<Halide::Buffer<void>>;

  /// Reads the problem, and a schedule of this kind.
  /// @throws std::invalid_argument where the schedule cannot serve the problem on the target.
  template <class Schedule>
  Schedule read_parameters(Schedule (*from_text)(std::string_view)) {
    problem_ = lower(problem_from_text(problem_text.value()), target_from_name(target_name.value()));
    types_ = ElementTypes(problem_.dtype, problem_.target);
    const Schedule schedule = from_text(schedule_text.value());
    if (const auto reason = reject_reason(schedule, problem_))
      throw std::invalid_argument("schedule '" + schedule_text.value() + "' cannot serve '" + problem_text.value() +
                                  "' on " + problem_.target.name + ": " + *reason);
    return schedule;
  }

  /// The form of a kernel's images as buffers.
  struct ImageForm {
    bool flat = false;    // pixels of the output and of operands are one dimension
    bool placed = false;  // a last dimension says where in its memory an image lies (kernel_abi.h)
  };

  void declare_arguments(const ImageForm& form) {
    form_ = form;
    if (form.flat) pixels_ = Pixels(problem_.OW());
    for (const EpilogueStep& step : problem_.middle) middle_steps_.push_back({step});
    for (const EpilogueStep& step : problem_.output) output_steps_.push_back({step});
    for (const Argument& argument : problem_.arguments) {
      const std::string name = halide_name(argument);
      switch (argument.kind) {
        case ArgumentKind::input: input_ = images(name); break;
        case ArgumentKind::weights: weight_of(argument) = weight_array(name); break;
        case ArgumentKind::constant: declare_constant(argument); break;
        case ArgumentKind::operand: declare_operand(argument); break;
        case ArgumentKind::pad_top: pad_top_ = this->template add_input<std::int32_t>(name); break;
        case ArgumentKind::pad_left: pad_left_ = this->template add_input<std::int32_t>(name); break;
        case ArgumentKind::output:
          output_ = this->template add_output<Halide::Buffer<void>>(name, types_.stored(), image_dimensions(form.flat));
          break;
      }
    }
    facts().flat_output = form.flat;
  }

  /// The output's pixels are one dimension.
  bool has_flat_output() const { return form_.flat; }

  Pads pads() const {
    if (problem_.is_dynamic()) return {Halide::Expr(*pad_top_), Halide::Expr(*pad_left_)};
    return {problem_.window.pad_top, problem_.window.pad_left};
  }

  bool has_padding() const {
    const Lowering& p = problem_;
    return p.is_dynamic() || p.window.pad_top + p.window.pad_bottom + p.window.pad_left + p.window.pad_right > 0;
  }

  /// The input of the pointwise stage of a separable problem, made from the depthwise sum.
  /// @param at  at(buffer): the element of a packed constant at the value's channel.
  template <class At>
  Halide::Expr middle_value(const Halide::Expr& sum, At&& at) const {
    const Halide::Expr value = stepped(middle_steps_, 0, middle_steps_.size(), types_.rounded(sum), at);
    return middle_steps_.empty() ? value : types_.rounded(value);
  }

  /// Where an output element lies.
  struct Place {
    Halide::Var channel;
    std::vector<Halide::Var> pixel;
    Halide::Var n;
  };

  /// The stored output, made from the last stage's sum; `at` as above.
  template <class At>
  Halide::Expr output_value(const Halide::Expr& sum, At&& at, const Place& place) const {
    return with_operands(before_operands(sum, at), at, place);
  }

  /// The value behind the steps before the first one that reads another tensor; the stored output if none does. It may
  /// be computed beyond the output's edges.
  template <class At>
  Halide::Expr before_operands(const Halide::Expr& sum, At&& at) const {
    const std::size_t first = problem_.has_pointwise() && first_bias() ? 1 : 0, operand = first_operand();
    const Halide::Expr value =
        stepped(output_steps_, first, operand, problem_.rounds_result() ? types_.rounded(sum) : sum, at);
    return operand == output_steps_.size() ? types_.narrow(value) : value;
  }

  /// The stored output, made from before_operands().
  template <class At>
  Halide::Expr with_operands(const Halide::Expr& value, At&& at, const Place& place) const {
    const std::size_t first = first_operand(), all = output_steps_.size();
    return first == all ? value : types_.narrow(stepped(output_steps_, first, all, value, at, &place));
  }

  /// The bias from which pointwise sums start, which saves an addition per output; null if there is none.
  InputBuffer* first_bias() const {
    const bool is_first = !output_steps_.empty() && output_steps_.front().step.kind == EpilogueKind::bias;
    return is_first ? output_steps_.front().constant : nullptr;
  }

  /// Declares what the runtime guarantees: dense H, W and C, extents as the problem says, min 0; only the batch is
  /// free.
  void promise_layout() {
    const Lowering& p = problem_;
    promise_image(p.IC, p.IW, p.IH, *input_, p.input_pitches);
    const Extents output{p.OH(), p.OW(), p.OC};
    promise_output_image(output, *output_, p.output_pitches);
    for (const Step& step : output_steps_)
      if (step.operand) promise_output_image(operand_extents(output, step.step.broadcast), *step.operand, {});
    std::vector<InputBuffer*> arrays = {filter_, weights_};
    for (const std::vector<Step>* steps : {&middle_steps_, &output_steps_})
      for (const Step& step : *steps) arrays.push_back(step.constant);
    for (InputBuffer* packed : arrays) {
      if (packed == nullptr) continue;
      packed->dim(0).set_min(0).set_stride(1);
      packed->set_host_alignment(64);
    }
  }

  /// The index of the image along the last dimension of a placed one; before it lies the beginning of its memory.
  static constexpr int kAtImage = 0;

  /// A step of an epilogue with its packed constant or its operand, if it has one.
  struct Step {
    EpilogueStep step;
    InputBuffer* constant = nullptr;
    InputBuffer* operand = nullptr;
  };

  Lowering problem_;
  ElementTypes types_;
  Pixels pixels_;  // of the output
  InputBuffer* input_ = nullptr;
  InputBuffer* filter_ = nullptr;
  InputBuffer* weights_ = nullptr;
  std::vector<Step> middle_steps_, output_steps_;
  Halide::GeneratorInput<std::int32_t>* pad_top_ = nullptr;
  Halide::GeneratorInput<std::int32_t>* pad_left_ = nullptr;
  OutputBuffer* output_ = nullptr;

 private:
  InputBuffer* images(const std::string& name) {
    return this->template add_input<Halide::Buffer<void>>(name, types_.stored(), image_dimensions(false));
  }
  int image_dimensions(bool flat) const { return (flat ? 3 : 4) + (form_.placed ? 1 : 0); }
  InputBuffer* weight_array(const std::string& name) {
    return this->template add_input<Halide::Buffer<void>>(name, types_.accumulator(), 1);
  }
  /// Halide orders the fields of tasks and device kernels by name, so that other names would be other machine code.
  static std::string halide_name(const Argument& argument) {
    if (argument.kind != ArgumentKind::weights) return name_of(argument);
    return argument.packing == Packing::depthwise_weights ? "depthwise" : "pointwise";
  }
  /// The member that holds a stage's weights: the families have at most two stages.
  InputBuffer*& weight_of(const Argument& argument) {
    return argument.packing == Packing::depthwise_weights ? filter_ : weights_;
  }
  /// Gives a constant to its step, the first of its kind that has none yet.
  void declare_constant(const Argument& argument) {
    const bool is_middle = argument.packing == Packing::depthwise_constant;
    std::vector<Step>& steps = is_middle ? middle_steps_ : output_steps_;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].step.kind != argument.step || steps[i].constant != nullptr) continue;
      steps[i].constant =
          weight_array((is_middle ? "middle_" : "") + to_text(steps[i].step) + (i == 0 ? "" : std::to_string(i)));
      return;
    }
    throw std::logic_error("no step for argument " + name_of(argument));
  }

  void declare_operand(const Argument& argument) {
    for (std::size_t i = 0; i < output_steps_.size(); ++i) {
      Step& step = output_steps_[i];
      if (step.step.kind != argument.step || step.step.broadcast != argument.broadcast || step.operand != nullptr)
        continue;
      step.operand = this->template add_input<Halide::Buffer<void>>(to_text(step.step) + std::to_string(i),
                                                                    types_.stored(), image_dimensions(form_.flat));
      return;
    }
    throw std::logic_error("no step for argument " + name_of(argument));
  }

  /// The number of the first step that reads another tensor.
  std::size_t first_operand() const {
    std::size_t i = 0;
    while (i < output_steps_.size() && output_steps_[i].operand == nullptr) ++i;
    return i;
  }

  Halide::Expr operand_value(const Step& step, const Place& place) const {
    std::vector<Halide::Expr> pixel = as_exprs(place.pixel);
    if (pixels_.flat && !form_.flat) pixel = {pixels_.column, pixels_.row};
    Halide::Expr channel = place.channel;
    if (step.step.broadcast == Broadcast::channels) pixel.assign(pixel.size(), 0);
    if (step.step.broadcast == Broadcast::pixels) channel = 0;
    std::vector<Halide::Expr> at = image_arguments<Halide::Expr>(problem_.layout, channel, pixel, place.n);
    if (form_.placed) at.push_back(kAtImage);
    return types_.widen((*step.operand)(at));
  }

  /// The value behind the steps from `first` to before `end`.
  template <class At>
  Halide::Expr stepped(const std::vector<Step>& steps, std::size_t first, std::size_t end, Halide::Expr value, At&& at,
                       const Place* place = nullptr) const {
    for (std::size_t i = first; i < end; ++i) {
      Halide::Expr other;
      if (steps[i].constant) other = at(*steps[i].constant);
      if (steps[i].operand) other = operand_value(steps[i], *place);
      value = apply_step(steps[i].step, value, other);
    }
    return value;
  }

  template <class Buffer>
  void promise_output_image(const Extents& e, Buffer& buffer, const Pitches& pitches) {
    if (form_.flat)
      promise_image(e.C, e.H * e.W, 0, buffer, pitches);
    else
      promise_image(e.C, e.W, e.H, buffer, pitches);
  }

  /// height 0: the buffer has one (flattened) pixel dimension.
  template <class Buffer>
  void promise_image(int channels, int width, int height, Buffer& buffer, const Pitches& pitches) {
    std::vector<int> extents = {width};
    if (height != 0) extents.push_back(height);
    extents.insert(problem_.layout == Layout::nhwc ? extents.begin() : extents.end(), channels);
    Halide::Expr stride = 1;
    for (std::size_t i = 0; i < extents.size(); ++i) {
      auto dim = buffer.dim(static_cast<int>(i));
      dim.set_min(0).set_stride(stride);
      if (extents[i] != kDynamic) dim.set_extent(extents[i]);
      stride = stride * dim.extent();
      if (extents[i] != kDynamic) stride = Halide::Internal::simplify(stride);
      if (!pitches.dense()) stride = i == 0 ? pitches.pixel : pitches.row;  // nhwc, static
    }
    const int batch = static_cast<int>(extents.size());
    buffer.dim(batch).set_min(0);
    if (form_.placed) buffer.dim(batch + 1).set_min(kAtImage - 1).set_extent(2);
  }

  ImageForm form_;
};

}  // namespace sepconv::generators

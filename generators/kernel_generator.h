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

  /// @param flat  the output's pixels are one dimension.
  void declare_arguments(bool flat) {
    if (flat) pixels_ = Pixels(problem_.OW());
    for (const Argument& argument : problem_.arguments) {
      const std::string name = halide_name(argument);
      switch (argument.kind) {
        case ArgumentKind::input: input_ = images(name); break;
        case ArgumentKind::weights: weight_of(argument) = weight_array(name); break;
        case ArgumentKind::bias: bias_of(argument) = weight_array(name); break;
        case ArgumentKind::pad_top: pad_top_ = this->template add_input<std::int32_t>(name); break;
        case ArgumentKind::pad_left: pad_left_ = this->template add_input<std::int32_t>(name); break;
        case ArgumentKind::output:
          output_ = this->template add_output<Halide::Buffer<void>>(name, types_.stored(), flat ? 3 : 4);
          break;
      }
    }
    facts().flat_output = flat;
  }

  Pads pads() const {
    if (problem_.is_dynamic()) return {Halide::Expr(*pad_top_), Halide::Expr(*pad_left_)};
    return {problem_.window.pad_top, problem_.window.pad_left};
  }

  bool has_padding() const {
    const Lowering& p = problem_;
    return p.is_dynamic() || p.window.pad_top + p.window.pad_bottom + p.window.pad_left + p.window.pad_right > 0;
  }

  /// The input of the pointwise stage of a separable problem, made from the depthwise sum.
  /// @param bias  undefined: none
  Halide::Expr middle_value(const Halide::Expr& sum, const Halide::Expr& bias) const {
    Halide::Expr value = types_.rounded(sum);
    if (bias.defined()) value = value + bias;
    const bool has_epilogue = bias.defined() || activation_of(problem_.middle).kind != ActivationKind::linear;
    value = activate(activation_of(problem_.middle), value);
    return has_epilogue ? types_.rounded(value) : value;
  }

  /// Declares what the runtime guarantees: dense H, W and C, extents as the problem says, min 0; only the batch is
  /// free.
  void promise_layout() {
    const Lowering& p = problem_;
    promise_image(p.IC, p.IW, p.IH, *input_);
    if (pixels_.flat)
      promise_image(p.OC, p.OH() * p.OW(), 0, *output_);
    else
      promise_image(p.OC, p.OW(), p.OH(), *output_);
    for (InputBuffer* packed : {filter_, middle_bias_, weights_, bias_}) {
      if (packed == nullptr) continue;
      packed->dim(0).set_min(0).set_stride(1);
      packed->set_host_alignment(64);
    }
  }

  Lowering problem_;
  ElementTypes types_;
  Pixels pixels_;  // of the output
  InputBuffer* input_ = nullptr;
  InputBuffer* filter_ = nullptr;
  InputBuffer* middle_bias_ = nullptr;
  InputBuffer* weights_ = nullptr;
  InputBuffer* bias_ = nullptr;
  Halide::GeneratorInput<std::int32_t>* pad_top_ = nullptr;
  Halide::GeneratorInput<std::int32_t>* pad_left_ = nullptr;
  OutputBuffer* output_ = nullptr;

 private:
  InputBuffer* images(const std::string& name) {
    return this->template add_input<Halide::Buffer<void>>(name, types_.stored(), 4);
  }
  InputBuffer* weight_array(const std::string& name) {
    return this->template add_input<Halide::Buffer<void>>(name, types_.accumulator(), 1);
  }
  /// Halide orders the fields of tasks and device kernels by name, so that other names would be other machine code.
  static std::string halide_name(const Argument& argument) {
    switch (argument.packing) {
      case Packing::depthwise_weights: return "depthwise";
      case Packing::depthwise_bias: return "middle_bias";
      case Packing::conv_weights: return "pointwise";
      case Packing::none: return argument.kind == ArgumentKind::bias ? "bias" : name_of(argument);
    }
    return {};
  }
  /// The member that holds a stage's weights or bias: the families have at most two stages.
  InputBuffer*& weight_of(const Argument& argument) {
    return argument.packing == Packing::depthwise_weights ? filter_ : weights_;
  }
  InputBuffer*& bias_of(const Argument& argument) {
    return argument.packing == Packing::depthwise_bias ? middle_bias_ : bias_;
  }

  /// height 0: the buffer has one (flattened) pixel dimension.
  template <class Buffer>
  void promise_image(int channels, int width, int height, Buffer& buffer) {
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
    }
    buffer.dim(static_cast<int>(extents.size())).set_min(0);
  }
};

}  // namespace sepconv::generators

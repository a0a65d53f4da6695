#pragma once
// Common base of the generators for GPUs.

#include "generators/block_checks.h"
#include "generators/kernel_generator.h"
#include "generators/short_vectors.h"
#include "generators/spec/gpu_schedule.h"
#include "generators/vector_comparisons.h"

namespace sepconv::generators {

template <class Derived>
class DeviceGenerator : public KernelGenerator<Derived> {
 public:
  void configure() {
    schedule_ = this->read_parameters(gpu_schedule_from_text);
    pixels_ = Pixels(problem_.OW());
    this->declare_arguments({.flat = !problem_.rows_apart() && !problem_.along_columns(), .placed = true});
  }

 protected:
  using Expr = Halide::Expr;
  using Func = Halide::Func;
  using Var = Halide::Var;
  using VarOrRVar = Halide::VarOrRVar;
  using typename KernelGenerator<Derived>::InputBuffer;
  using KernelGenerator<Derived>::input_;
  using KernelGenerator<Derived>::output_;
  using KernelGenerator<Derived>::pixels_;
  using KernelGenerator<Derived>::problem_;
  using KernelGenerator<Derived>::types_;

  Halide::Pipeline build_pipeline() override {
    Halide::Pipeline built = Halide::Generator<Derived>::build_pipeline();
    add_passes(built);
    built.add_custom_lowering_pass(new BlockChecks(this->report().shared_bytes));
    if (problem_.target.device == Device::opencl) {
      built.add_custom_lowering_pass(new ShortVectors);
      built.add_custom_lowering_pass(new VectorComparisons);
    }
    return built;
  }

  /// Lowering passes of the kernel's own, before the others.
  virtual void add_passes(Halide::Pipeline& /*built*/) {}

  /// The input at the place of its images.
  Func image() const {
    Var c("c"), x("x"), y("y"), n("n");
    const std::vector<Var> at = image_arguments<Var>(problem_.layout, c, {x, y}, n);
    std::vector<Expr> placed(at.begin(), at.end());
    placed.push_back(this->kAtImage);
    Func image("image");
    image(at) = (*input_)(placed);
    return image;
  }

  /// A packed array whose indices are known to lie in it: Halide's own bounds of them are too wide.
  static Func array(InputBuffer* buffer, int elements) {
    Var i("i");
    Func func("array");
    func(i) = (*buffer)(Halide::unsafe_promise_clamped(i, 0, elements - 1));
    return func;
  }

  /// Defines the output by its elements, of f_, pixels_.q and n_. It is an update that writes one index of the output's
  /// last dimension and leaves out the one before it.
  void define_output(const Expr& value) {
    std::vector<Expr> written = as_exprs(image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_));
    Var x("x"), y("y"), place("place");
    std::vector<Var> all = image_arguments<Var>(problem_.layout, f_, pixels_.vars, n_);
    Expr result = value;
    if (!this->has_flat_output()) {
      // Tiles run across the ends of rows all the same.
      Func element("element");
      element(all) = value;
      all = image_arguments<Var>(problem_.layout, f_, {x, y}, n_);
      const bool columns = problem_.along_columns();
      pixel_loop_ = Halide::RDom(0, columns ? problem_.lines() : problem_.OH() * problem_.OW(), "q");
      const Expr q = pixel_loop_.x;
      const int width = columns ? problem_.IC : problem_.OW();
      if (columns) all = {x, f_, y, n_};
      written = columns ? std::vector<Expr>{q % width, f_, q / width, n_}
                        : image_arguments<Expr>(problem_.layout, f_, {q % width, q / width}, n_);
      result = element(image_arguments<Expr>(problem_.layout, f_, {q}, n_));
    }
    all.push_back(place);
    written.push_back(this->kAtImage);
    (*output_)(all) = Halide::undef(types_.stored());
    (*output_)(written) = result;
  }

  /// What the steps of the epilogue make of the last stage's value.
  Expr stepped_value(const Expr& value) const {
    const auto at = [&](InputBuffer& constant) { return array(&constant, problem_.OC)(f_); };
    return this->output_value(value, at, {f_, pixels_.vars, n_});
  }

  /// The stage of the output that is to be scheduled.
  Halide::Stage written_output() {
    Func out = *output_;
    out.gpu_single_thread();  // of the definition without a value: nothing runs on the host, and nothing is left of it
    Halide::Stage written = out.update();
    if (!this->has_flat_output()) written.allow_race_conditions();  // no two pixels share a place
    return written;
  }
  /// Its loop over pixels.
  VarOrRVar pixel_loop() const {
    return this->has_flat_output() ? VarOrRVar(pixels_.q) : VarOrRVar(Halide::RVar(pixel_loop_.x));
  }

  GpuSchedule schedule_;
  Var f_{"f"}, n_{"n"};

 private:
  Halide::RDom pixel_loop_;  // over the output's pixels, where they are no dimension
};

}  // namespace sepconv::generators

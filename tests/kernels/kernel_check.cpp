#include "tests/kernels/kernel_check.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>

#include "generators/spec/schedule.h"
#include "runner/compare.h"
#include "runner/layer_run.h"
#include "runner/reference.h"
#include "runner/seeded.h"
#include "runtime/core/cpu_features.h"
#include "sepconv/layer.h"
#include "sepconv/tensor.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;
using namespace runner;

namespace {

SeededCase make_case(const ConvProblem& problem, const TestCall& call) {
  SeededCase result = call.values == Values::reals ? real_values(problem, call.batch, call.seed)
                                                   : small_integers(problem, call.batch, call.seed);
  const std::size_t place = call.seed * 7919 % result.input.size();
  if (call.values == Values::nan) result.input[place] = std::numeric_limits<double>::quiet_NaN();
  if (call.values == Values::infinity) result.input[place] = std::numeric_limits<double>::infinity();
  return result;
}

/// Images of an extent and pitches, some elements apart; what lies between them keeps what the buffer starts with.
class FencedImages {
 public:
  /// @param e  in memory order: rows of pixels of channels
  FencedImages(std::int64_t batch, const Extents& e, const Pitches& pitches, std::int64_t gap, DataType dtype,
               Fence fence)
      : batch_(batch),
        e_(e),
        pixel_(pitches.dense() ? e.C : pitches.pixel),
        row_(pitches.dense() ? std::int64_t{e.C} * e.W : pitches.row),
        image_((e.H - 1) * row_ + (e.W - 1) * pixel_ + e.C),
        pitch_(image_ + gap),
        dtype_(dtype),
        buffer_(static_cast<std::size_t>((batch - 1) * pitch_ + image_) * size_bytes(dtype), fence) {}

  TensorView view(const Shape& shape) {
    TensorView result = dense_view(buffer_.data(), dtype_, shape);
    if (pixel_ != e_.C || row_ != std::int64_t{e_.C} * e_.W) result.pitches[1] = row_, result.pitches[2] = pixel_;
    result.pitches[0] = pitch_;
    return result;
  }
  void fill(const std::vector<double>& values) {
    std::size_t from = 0;
    each_pixel([&](std::int64_t at_elem) {
      const std::vector<double> pixel(values.begin() + from, values.begin() + from + e_.C);
      const Tensor typed = make_tensor(pixel, {e_.C}, dtype_);
      std::memcpy(at(at_elem), typed.bytes(), bytes_of(e_.C));
      from += e_.C;
    });
  }
  std::vector<double> values() {
    std::vector<double> result;
    each_pixel([&](std::int64_t at_elem) {
      const std::vector<double> pixel = to_doubles(dense_view(at(at_elem), dtype_, Shape{e_.C}));
      result.insert(result.end(), pixel.begin(), pixel.end());
    });
    return result;
  }
  /// False when something outside of the images was written.
  bool intact() {
    std::int64_t end = 0;
    bool untouched = true;
    each_pixel([&](std::int64_t at_elem) {
      untouched = untouched && buffer_.untouched(bytes_of(end), bytes_of(at_elem - end));
      end = at_elem + e_.C;
    });
    return untouched && buffer_.intact();
  }

 private:
  /// Calls f with the first element of each pixel, in order.
  template <class F>
  void each_pixel(F&& f) const {
    for (std::int64_t n = 0; n < batch_; ++n)
      for (std::int64_t h = 0; h < e_.H; ++h)
        for (std::int64_t w = 0; w < e_.W; ++w) f(n * pitch_ + h * row_ + w * pixel_);
  }
  std::size_t bytes_of(std::int64_t elems) const { return static_cast<std::size_t>(elems) * size_bytes(dtype_); }
  void* at(std::int64_t elem) { return buffer_.data() + bytes_of(elem); }

  std::int64_t batch_;
  Extents e_;
  std::int64_t pixel_, row_, image_, pitch_;
  DataType dtype_;
  FencedBuffer buffer_;
};

/// The extents of an image of that shape as they lie in memory: rows of pixels of channels, whatever the layout.
Extents memory_extents(const Shape& shape) {
  return {static_cast<std::int32_t>(shape[1]), static_cast<std::int32_t>(shape[2]),
          static_cast<std::int32_t>(shape[3])};
}

std::string describe(const CompiledKernel& kernel, const ConvProblem& problem, const TestCall& call) {
  constexpr const char* names[] = {"integers", "reals", "nan", "infinity"};
  return std::string(kernel.target) + " " + kernel.schedule + " compiled for " + kernel.problem + ", run on " +
         to_text(problem) + ", batch " + std::to_string(call.batch) + ", gaps " + std::to_string(call.in_gap) +
         " and " + std::to_string(call.out_gap) + ", fence " + (call.fence == Fence::after ? "after" : "before") +
         ", " + names[static_cast<int>(call.values)] + " of seed " + std::to_string(call.seed) + ": ";
}

/// The input extent whose output has `output` elements, without padding.
std::int32_t valid_extent(std::int32_t output, std::int32_t stride, std::int32_t effective) {
  return (output - 1) * stride + effective;
}

}  // namespace

std::optional<std::string> cannot_run_here(const CompiledKernel& kernel) {
  const std::uint64_t missing = kernel.required_features & ~detected_cpu_features();
  if (missing == 0) return std::nullopt;
  return "this CPU or its operating system lacks " + cpu_feature_names(missing);
}

std::optional<std::string> fault_of(const CompiledKernel& kernel, const ConvProblem& problem, const TestCall& call,
                                    Executor& executor) {
  const SeededCase data = make_case(problem, call);
  ReferenceOutput expected = reference_with_limits(problem, data.weights, call.batch, data.input, 1, data.operands);
  ConvLayer layer(kernel.symbol, problem, data.weights);
  layer.force_kernel(kernel.symbol);

  const Shape in_shape = input_shape(problem, call.batch), out_shape = output_shape(problem, call.batch);
  FencedImages input(call.batch, memory_extents(in_shape), problem.input_pitches, call.in_gap, problem.dtype,
                     call.fence);
  FencedImages output(call.batch, memory_extents(out_shape), problem.output_pitches, call.out_gap, problem.dtype,
                      call.fence);
  input.fill(data.input);
  std::vector<std::unique_ptr<FencedImages>> operands;
  std::vector<ConstTensorView> operand_views;
  for (const Shape& shape : operand_shapes(problem, call.batch)) {
    operands.push_back(std::make_unique<FencedImages>(call.batch, memory_extents(shape), Pitches{}, call.in_gap,
                                                      problem.dtype, call.fence));
    operands.back()->fill(data.operands[operands.size() - 1]);
    operand_views.push_back(operands.back()->view(shape));
  }
  RunContext context{.executor = &executor};
  const std::size_t workspace_bytes = layer.workspace_bytes(context);
  FencedBuffer workspace(workspace_bytes, call.fence);
  context.workspace = {workspace.data(), workspace_bytes};
  const Status status =
      layer.run(context, input.view(in_shape), operand_views.data(), operand_views.size(), output.view(out_shape));
  if (!status.ok()) return describe(kernel, problem, call) + to_text(status.code()) + ": " + status.message();
  if (!output.intact()) return describe(kernel, problem, call) + "wrote outside the output's images";
  if (!workspace.intact()) return describe(kernel, problem, call) + "wrote outside the workspace";
  if (!input.intact()) return describe(kernel, problem, call) + "wrote into the input's gaps";

  const bool exact = call.values != Values::reals && exact_on_integers(problem);
  if (exact) expected.values = reference_rounded(problem, data.weights, call.batch, data.input, 1, data.operands);
  const std::vector<double> actual = output.values();
  const Comparison result = exact ? compare(actual, expected.values, 0.0, problem.dtype)
                                  : compare(actual, expected.values, expected.limits, problem.dtype);
  if (result.ok) return std::nullopt;
  const auto index = static_cast<std::size_t>(result.index);
  return describe(kernel, problem, call) + "element " + std::to_string(result.index) + " is " +
         std::to_string(actual[index]) + ", expected " + std::to_string(expected.values[index]) + " within " +
         std::to_string(result.limit);
}

std::vector<ConvProblem> shapes_around(const CompiledKernel& kernel) {
  const ConvProblem p = problem_from_text(kernel.problem);
  if (!p.is_dynamic()) return {p};
  const CpuSchedule schedule = schedule_from_text(kernel.schedule);
  std::set<std::int32_t> widths = {1, 37};
  std::set<std::int32_t> tiles;
  if (schedule.depthwise) tiles.insert(schedule.depthwise->ow_tile);
  if (schedule.pointwise) tiles.insert(schedule.pointwise->mr);
  tiles.insert(std::min(schedule.block.ow_block, 96));
  for (const std::int32_t tile : tiles)
    for (const std::int32_t width : {tile - 1, tile, tile + 1})
      if (width >= 1) widths.insert(width);
  const std::int32_t heights[] = {1, schedule.block.oh_block + 1, std::max(schedule.block.oh_block - 1, 1), 2, 7};

  std::vector<ConvProblem> problems;
  std::size_t next = 0;
  for (const std::int32_t OW : widths) {
    const std::int32_t OH = p.dynamic_h() ? heights[next++ % std::size(heights)] : 1;
    const std::int32_t H_same = p.dynamic_h() ? (OH - 1) * window(p).stride_h + 1 : p.IH;
    const std::int32_t H_valid = p.dynamic_h() ? valid_extent(OH, window(p).stride_h, window(p).KH_eff()) : p.IH;
    problems.push_back(with_extents(p, H_same, (OW - 1) * window(p).stride_w + 1, "same"));
    problems.push_back(with_extents(p, H_valid, valid_extent(OW, window(p).stride_w, window(p).KW_eff()), "valid"));
  }
  if (p.has(StageKind::norm)) return problems;  // a norm has no pads
  ConvProblem uneven = with_extents(p, p.dynamic_h() ? 3 : p.IH, 5, "same");
  if (p.dynamic_h()) window(uneven).pad_top = window(p).KH_eff() + 1, window(uneven).pad_bottom = 2;
  if (p.dynamic_w()) window(uneven).pad_left = 1, window(uneven).pad_right = window(p).KW_eff() + 3;
  validate(uneven);
  problems.push_back(uneven);
  return problems;
}

std::string kernel_test_name(const CompiledKernel& kernel) { return kernel.symbol; }

}  // namespace sepconv::test

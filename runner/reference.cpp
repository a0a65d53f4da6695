#include "runner/reference.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "runner/stage_reference.h"

namespace sepconv::runner {
namespace {

std::vector<double> rounded_values(const WeightArray& weights, DataType dtype) {
  std::vector<double> values = weights.to_doubles();
  for (double& value : values) value = round_to(dtype, value);
  return values;
}

std::vector<StageValues> values_of(const ConvProblem& p, const ConvWeights& weights) {
  std::vector<StageValues> values(p.stages.size());
  const std::vector<Argument> arguments = weights_of(p);
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    StageValues& stage = values[arguments[i].stage];
    std::vector<double> array = rounded_values(weights.arrays[i], p.dtype);
    if (arguments[i].kind == ArgumentKind::weights)
      stage.weights = std::move(array);
    else
      stage.constants.push_back(std::move(array));
  }
  return values;
}

/// Calls f(row) for each, on that many threads.
template <class F>
void each_row(std::int64_t rows, int threads, F&& f) {
  const std::int64_t step = std::max(threads, 1);
  const auto work = [&](std::int64_t first) {
    for (std::int64_t row = first; row < rows; row += step) f(row);
  };
  std::vector<std::jthread> pool;
  for (std::int64_t t = 1; t < step && t < rows; ++t) pool.emplace_back(work, t);
  work(0);
}

/// One image: exact inputs, whose magnitudes are their own, through all stages.
void evaluate_image(const ConvProblem& p, const std::vector<StageValues>& values, Storage storage, std::int64_t n,
                    std::span<const double> input, const Operands& operands, int threads, ReferenceOutput& out) {
  SumImage image{p.extents_after(0), {}};
  image.sums.resize(static_cast<std::size_t>(input_elems(p)));
  for (std::int64_t h = 0; h < p.IH; ++h)
    for (std::int64_t w = 0; w < p.IW; ++w)
      for (std::int64_t c = 0; c < p.IC; ++c) {
        const double value = round_to(p.dtype, input[index_of(p.layout, image.extents, n, h, w, c)]);
        image.at(h, w)[c] = {value, std::abs(value)};
      }
  double terms = 0;
  for (std::size_t i = 0; i < p.stages.size(); ++i) {
    const StageEvaluator stage(p, i, values[i], {&p, &operands, n}, storage, terms);
    SumImage next{p.extents_after(i + 1), {}};
    const Extents& e = next.extents;
    next.sums.resize(static_cast<std::size_t>(e.H) * e.W * e.C);
    const bool last = i + 1 == p.stages.size();
    each_row(e.H, threads, [&](std::int64_t h) {
      stage.row(image, h, next);
      for (std::int64_t w = 0; w < e.W; ++w)
        for (std::int64_t c = 0; c < e.C; ++c) {
          Sum& sum = next.at(h, w)[c];
          if (last)
            stage.store(sum, {h, w, c}, index_of(p.layout, e, n, h, w, c), out);
          else
            sum = stage.finished(sum, {h, w, c});
        }
    });
    image = std::move(next);
    terms = stage.terms();
  }
}

/// Elements of one image of what a kernel writes, before an activation along an axis.
std::int64_t kernel_elems(const ConvProblem& p) { return std::int64_t{p.OH()} * p.OW() * p.OC(); }

/// Applies an activation along an axis to what the kernel computes.
ReferenceOutput along_axis(const ConvProblem& p, std::int64_t batch, const ReferenceOutput& in, Storage storage) {
  const Activation& activation = activation_of(p.stages.back().epilogue);
  std::vector<std::int64_t> extents = {batch, p.OH(), p.OW(), p.OC()};
  if (p.layout == Layout::nchw) extents = {batch, p.OC(), p.OH(), p.OW()};
  const auto axis = static_cast<std::size_t>(std::int64_t{4} + activation.axis);
  if (axis < 1 || axis > 3)
    throw std::invalid_argument("reference: " + to_text(activation) + " works along axis " +
                                std::to_string(activation.axis) + "; expected -1, -2 or -3");
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < 4; ++i) inner *= extents[i];
  const std::int64_t length = extents[axis], out_length = activation.kind == ActivationKind::glu ? length / 2 : length;
  std::vector<Bounded> line(static_cast<std::size_t>(length)), result(static_cast<std::size_t>(out_length));
  ReferenceOutput out;
  const std::int64_t lines = length == 0 ? 0 : static_cast<std::int64_t>(in.values.size()) / length;
  out.values.resize(static_cast<std::size_t>(lines * out_length));
  out.limits.resize(out.values.size());
  for (std::int64_t at = 0; at < lines; ++at) {
    const std::int64_t first = at / inner * inner * length + at % inner;
    for (std::int64_t i = 0; i < length; ++i) line[i] = {in.values[first + i * inner], in.limits[first + i * inner]};
    activate_line(activation, line, result, p.dtype);
    const std::int64_t out_first = at / inner * inner * out_length + at % inner;
    for (std::int64_t i = 0; i < out_length; ++i) {
      const double value = result[i].value;
      out.values[out_first + i * inner] = storage == Storage::rounded ? round_to(p.dtype, value) : value;
      out.limits[out_first + i * inner] =
          result[i].error + storage_rounding(p.dtype, std::abs(value) + result[i].error);
    }
  }
  return out;
}

ReferenceOutput evaluate(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                         std::span<const double> input, int threads, const Operands& operands, Storage storage) {
  if (problem.is_dynamic())
    throw std::invalid_argument("reference: needs static extents, received " + to_text(problem));
  validate(problem);
  validate(weights, problem);
  if (batch < 0 || std::cmp_not_equal(input.size(), batch * input_elems(problem)))
    throw std::invalid_argument("reference: input has " + std::to_string(input.size()) + " elements, but " +
                                std::to_string(batch) + " images of " + std::to_string(input_elems(problem)) +
                                " are wanted");
  const std::vector<Argument> wanted = operands_of(problem);
  if (operands.size() != wanted.size())
    throw std::invalid_argument("reference: " + std::to_string(operands.size()) + " operands; expected " +
                                std::to_string(wanted.size()));
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (operands[i].size() != static_cast<std::size_t>(batch) * elements_of(wanted[i]))
      throw std::invalid_argument("reference: operand " + std::to_string(i) + " has " +
                                  std::to_string(operands[i].size()) + " elements; expected " +
                                  std::to_string(static_cast<std::size_t>(batch) * elements_of(wanted[i])));
  const ConvProblem kernel = kernel_problem(problem);
  ReferenceOutput out;
  out.values.resize(batch * kernel_elems(kernel));
  out.limits.resize(out.values.size());
  const std::vector<StageValues> values = values_of(kernel, weights);
  for (std::int64_t n = 0; n < batch; ++n) evaluate_image(kernel, values, storage, n, input, operands, threads, out);
  return is_elementwise(activation_of(problem.stages.back().epilogue).kind) ? out
                                                                            : along_axis(problem, batch, out, storage);
}

}  // namespace

std::int64_t input_elems(const ConvProblem& p) { return std::int64_t{p.IH} * p.IW * p.IC; }

std::int64_t output_elems(const ConvProblem& p) {
  return activation_of(p.stages.back().epilogue).kind == ActivationKind::glu ? kernel_elems(p) / 2 : kernel_elems(p);
}

ReferenceOutput reference_with_limits(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const double> input, int threads, const Operands& operands) {
  return evaluate(problem, weights, batch, input, threads, operands, Storage::exact);
}

std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const double> input, int threads, const Operands& operands) {
  return evaluate(problem, weights, batch, input, threads, operands, Storage::exact).values;
}

std::vector<double> reference_rounded(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const double> input, int threads, const Operands& operands) {
  return evaluate(problem, weights, batch, input, threads, operands, Storage::rounded).values;
}

std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const float> input, int threads) {
  return reference(problem, weights, batch, std::vector<double>(input.begin(), input.end()), threads);
}

}  // namespace sepconv::runner

#include "tests/keras/network_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "runtime/keras/network_draft.h"
#include "sepconv/detail/kernel_arguments.h"

namespace sepconv::keras::test {
namespace {

/// A dense image, channels last.
struct Image {
  Extents e;
  std::vector<double> values;
  explicit Image(const Extents& extents, double value = 0)
      : e(extents), values(static_cast<std::size_t>(extents.H) * extents.W * extents.C, value) {}
  double& at(int y, int x, int c) { return values[(static_cast<std::size_t>(y) * e.W + x) * e.C + c]; }
  double at(int y, int x, int c) const { return values[(static_cast<std::size_t>(y) * e.W + x) * e.C + c]; }
};

double activate(const Activation& a, double x) {
  const auto clip = [](double v, double low, double high) { return std::min(std::max(v, low), high); };
  switch (a.kind) {
    case ActivationKind::relu:
      if (x >= a.max_value) return a.max_value;
      return x > a.threshold || (x == 0 && a.threshold == 0) ? x : a.negative_slope * (x - a.threshold);
    case ActivationKind::elu: return x > 0 ? x : a.alpha * std::expm1(x);
    case ActivationKind::sigmoid: return 1 / (1 + std::exp(-x));
    case ActivationKind::tanh: return std::tanh(x);
    case ActivationKind::silu: return x / (1 + std::exp(-x));
    case ActivationKind::gelu: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case ActivationKind::softplus: return std::log1p(std::exp(x));
    case ActivationKind::exponential: return std::exp(x);
    case ActivationKind::hard_sigmoid: return clip(x / 6 + 0.5, 0, 1);
    case ActivationKind::hard_sigmoid_keras2: return clip(0.2 * x + 0.5, 0, 1);
    case ActivationKind::hard_silu: return x * clip(x / 6 + 0.5, 0, 1);
    case ActivationKind::mish: return x * std::tanh(std::log1p(std::exp(x)));
    default: throw std::runtime_error("network_reference: activation " + to_text(a));
  }
}

void softmax(Image& image) {
  for (int y = 0; y < image.e.H; ++y)
    for (int x = 0; x < image.e.W; ++x) {
      double sum = 0, largest = image.at(y, x, 0);
      for (int c = 0; c < image.e.C; ++c) largest = std::max(largest, image.at(y, x, c));
      for (int c = 0; c < image.e.C; ++c) sum += std::exp(image.at(y, x, c) - largest);
      for (int c = 0; c < image.e.C; ++c) image.at(y, x, c) = std::exp(image.at(y, x, c) - largest) / sum;
    }
}

/// Each pixel less its mean, by its deviation.
Image normalised(const Image& in, double epsilon) {
  Image out(in.e);
  for (int y = 0; y < in.e.H; ++y)
    for (int x = 0; x < in.e.W; ++x) {
      double mean = 0, variance = 0;
      for (int c = 0; c < in.e.C; ++c) mean += in.at(y, x, c) / in.e.C;
      for (int c = 0; c < in.e.C; ++c) variance += std::pow(in.at(y, x, c) - mean, 2) / in.e.C;
      for (int c = 0; c < in.e.C; ++c) out.at(y, x, c) = (in.at(y, x, c) - mean) / std::sqrt(variance + epsilon);
    }
  return out;
}

/// One output element of a stage before its epilogue.
double stage_sum(const Stage& s, const Image& in, const Values& weights, int y, int x, int c) {
  const Window& w = s.window;
  const bool largest = s.kind == StageKind::max_pool;
  const int m = s.depth_multiplier;
  double sum = largest ? -std::numeric_limits<double>::infinity() : 0;
  int taps = 0;
  for (int i = 0; i < w.KH; ++i)
    for (int j = 0; j < w.KW; ++j) {
      const int iy = y * w.stride_h + i * w.dilation_h - w.pad_top, ix = x * w.stride_w + j * w.dilation_w - w.pad_left;
      if (iy < 0 || iy >= in.e.H || ix < 0 || ix >= in.e.W) continue;
      ++taps;
      const auto tap = static_cast<std::size_t>(i * w.KW + j);
      if (s.kind == StageKind::depthwise) {
        sum += in.at(iy, ix, c / m) * weights[tap * static_cast<std::size_t>(in.e.C * m) + static_cast<std::size_t>(c)];
      } else if (s.kind == StageKind::conv) {
        for (int k = 0; k < in.e.C; ++k)
          sum += in.at(iy, ix, k) * weights[(tap * static_cast<std::size_t>(in.e.C) + static_cast<std::size_t>(k)) *
                                                static_cast<std::size_t>(s.out_channels) +
                                            static_cast<std::size_t>(c)];
      } else {
        sum = largest ? std::max(sum, in.at(iy, ix, c)) : sum + in.at(iy, ix, c);
      }
    }
  return s.kind == StageKind::average_pool ? sum / taps : sum;
}

class Runner {
 public:
  explicit Runner(const PlannedNetwork& network) : network_(network) {
    for (const NetworkTensor& tensor : network.plan.tensors) {
      const bool base = &tensor == &network.plan.tensors[static_cast<std::size_t>(tensor.base)];
      const std::int64_t elements = base ? elements_of_shape(tensor.shape) * tensor.images : 0;
      memory_.emplace_back(static_cast<std::size_t>(elements), std::nan(""));
    }
  }

  std::vector<double>& memory(std::int32_t tensor) { return memory_[static_cast<std::size_t>(of(tensor).base)]; }

  void run() {
    for (std::size_t s = 0; s < network_.plan.steps.size(); ++s) {
      const NetworkStep& step = network_.plan.steps[s];
      for (std::int64_t i = 0; i < of(step.input).images; ++i) run_image(step, network_.layers[s], i);
    }
  }

 private:
  const NetworkTensor& of(std::int32_t index) const { return network_.plan.tensors[static_cast<std::size_t>(index)]; }

  /// Calls f(element of the memory, y, x, c).
  template <class F>
  void each(const ConvProblem& p, std::int32_t tensor, const Extents& e, const Pitches& pitches, std::int64_t image,
            F&& f) const {
    const NetworkTensor &t = of(tensor), &b = of(t.base);
    const std::int64_t base_elements = elements_of_shape(b.shape) * b.images;
    const std::int64_t row = pitches.dense() ? e.W * e.C : pitches.row, pixel = pitches.dense() ? e.C : pitches.pixel;
    for (int y = 0; y < e.H; ++y)
      for (int x = 0; x < e.W; ++x)
        for (int c = 0; c < e.C; ++c) {
          const std::int64_t at = p.layout == Layout::nhwc ? y * row + x * pixel + c : (c * e.H + y) * e.W + x;
          f(static_cast<std::size_t>(image * (base_elements / t.images) + t.first + at), y, x, c);
        }
  }

  Image read(const ConvProblem& p, std::int32_t tensor, const Extents& e, const Pitches& pitches, std::int64_t image) {
    Image result(e);
    each(p, tensor, e, pitches, image,
         [&](std::size_t at, int y, int x, int c) { result.at(y, x, c) = memory(tensor).at(at); });
    return result;
  }

  void run_image(const NetworkStep& step, const PlannedLayer& layer, std::int64_t image) {
    const ConvProblem& p = step.problem;
    Image value = read(p, step.input, p.extents_after(0), p.input_pitches, image);
    std::size_t array = 0, operand = 0;
    for (std::size_t i = 0; i < p.stages.size(); ++i) {
      const Stage& stage = p.stages[i];
      const bool weighted = stage.kind == StageKind::depthwise || stage.kind == StageKind::conv;
      const Values weights = weighted ? layer.weights.arrays.at(array++).to_doubles() : Values{};
      Image out(p.extents_after(i + 1));
      for (int y = 0; y < out.e.H; ++y)
        for (int x = 0; x < out.e.W; ++x)
          for (int c = 0; c < out.e.C && stage.kind != StageKind::norm; ++c)
            out.at(y, x, c) = stage_sum(stage, value, weights, y, x, c);
      if (stage.kind == StageKind::norm) out = normalised(value, stage.epsilon);
      for (const EpilogueStep& e : stage.epilogue) apply(step, layer, e, image, out, array, operand);
      value = std::move(out);
    }
    each(p, step.output, value.e, p.output_pitches, image,
         [&](std::size_t at, int y, int x, int c) { memory(step.output).at(at) = value.at(y, x, c); });
  }

  void apply(const NetworkStep& step, const PlannedLayer& layer, const EpilogueStep& e, std::int64_t image, Image& out,
             std::size_t& array, std::size_t& operand) {
    if (e.kind == EpilogueKind::activation && e.activation.kind == ActivationKind::softmax) return softmax(out);
    Values constants;
    Image other(Extents{1, 1, 1});
    if (has_operand(e)) {
      Extents extents = out.e;
      if (e.broadcast == Broadcast::channels) extents.H = extents.W = 1;
      if (e.broadcast == Broadcast::pixels) extents.C = 1;
      other = read(step.problem, step.operands.at(operand++), extents, {}, image);
    } else if (e.kind != EpilogueKind::activation) {
      constants = layer.weights.arrays.at(array++).to_doubles();
    }
    for (int y = 0; y < out.e.H; ++y)
      for (int x = 0; x < out.e.W; ++x)
        for (int c = 0; c < out.e.C; ++c) {
          double b = 0;
          if (has_operand(e))
            b = other.at(other.e.H == 1 ? 0 : y, other.e.W == 1 ? 0 : x, other.e.C == 1 ? 0 : c);
          else if (!constants.empty())
            b = constants[static_cast<std::size_t>(c)];
          out.at(y, x, c) = combined(e, out.at(y, x, c), b);
        }
  }

  static double combined(const EpilogueStep& e, double a, double b) {
    switch (e.kind) {
      case EpilogueKind::bias:
      case EpilogueKind::add: return a + b;
      case EpilogueKind::subtract: return a - b;
      case EpilogueKind::scale:
      case EpilogueKind::multiply: return a * b;
      case EpilogueKind::prelu: return a < 0 ? a * b : a;
      case EpilogueKind::maximum: return std::max(a, b);
      case EpilogueKind::minimum: return std::min(a, b);
      case EpilogueKind::activation: return activate(e.activation, a);
    }
    return a;
  }

  const PlannedNetwork& network_;
  std::vector<std::vector<double>> memory_;  // of the bases
};

}  // namespace

std::vector<std::vector<double>> run_network(const PlannedNetwork& network,
                                             const std::vector<std::vector<double>>& inputs) {
  Runner runner(network);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::vector<double>& memory = runner.memory(network.plan.inputs.at(i));
    if (memory.size() != inputs[i].size()) throw std::invalid_argument("an input of another size");
    memory = inputs[i];
  }
  runner.run();
  std::vector<std::vector<double>> outputs;
  for (const std::int32_t output : network.plan.outputs) outputs.push_back(runner.memory(output));
  return outputs;
}

}  // namespace sepconv::keras::test

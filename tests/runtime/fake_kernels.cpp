#include "tests/runtime/fake_kernels.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <deque>
#include <limits>
#include <stdexcept>
#include <utility>

#include "runtime/core/halide_buffer.h"
#include "sepconv/kernel_registry.h"
#include "tests/stage_weights.h"

extern "C" {
int sepconv_abi1_parallel_for(void* context, sepconv::KernelTask task, int min, int size, std::uint8_t* closure);
void* sepconv_abi1_allocate(void* context, std::size_t bytes);
void sepconv_abi1_release(void* context, void* pointer);
}

namespace sepconv::test {
namespace {

using detail::HalideBuffer;

struct Fake {
  ConvProblem problem;
  FakeOptions options;
  std::string problem_text;
  std::vector<Argument> arguments;  // made once: calls are tested to allocate nothing
  CompiledKernel kernel{};
};

constexpr std::size_t kMostFakes = 160;
std::deque<Fake>& fakes() {
  static auto* const list = new std::deque<Fake>;
  return *list;
}
std::atomic<int> calls{0};

float activate(const Activation& activation, float x) {
  if (activation.kind == ActivationKind::linear) return x;
  if (activation.kind != ActivationKind::relu) throw std::logic_error("fake kernels know linear and relu");
  if (x >= activation.max_value) return activation.max_value;
  return x > activation.threshold || (activation.threshold == 0 && x == 0)
             ? x
             : activation.negative_slope * (x - activation.threshold);
}

/// What a task needs, as a compiled kernel's closure holds it.
struct Closure {
  const Fake* fake;
  const HalideBuffer *input, *depthwise, *middle_bias, *pointwise, *bias, *output, *added;
  int pad_top, pad_left;
  int OH, OW;
};

const float* floats(const HalideBuffer* buffer) { return reinterpret_cast<const float*>(buffer->host); }

struct Axes {
  int c, x, y, n;
};

Axes axes_of(Layout layout, bool flat) {
  if (flat) return layout == Layout::nhwc ? Axes{0, 1, 1, 2} : Axes{1, 0, 0, 2};
  return layout == Layout::nhwc ? Axes{0, 1, 2, 3} : Axes{2, 0, 1, 3};
}

/// The depthwise sum of channel `k` at (y, x) of image `n`, with its bias; the input itself where there is no such
/// stage.
float middle_sum(const Closure& closure, int n, int y, int x, int k) {
  const ConvProblem& p = closure.fake->problem;
  const Window& w = window(p);
  const HalideBuffer& in = *closure.input;
  const Axes axes = axes_of(p.layout, false);
  const int m = p.stages[0].depth_multiplier, ic = k / m, mi = k % m, panel = closure.fake->options.depthwise_panel;
  float sum = 0;
  for (int kh = 0; kh < w.KH; ++kh)
    for (int kw = 0; kw < w.KW; ++kw) {
      const int iy = y * w.stride_h + kh * w.dilation_h - closure.pad_top;
      const int ix = x * w.stride_w + kw * w.dilation_w - closure.pad_left;
      if (iy < 0 || ix < 0 || iy >= in.dim[axes.y].extent || ix >= in.dim[axes.x].extent) continue;
      const std::ptrdiff_t at = std::ptrdiff_t{ic} * in.dim[axes.c].stride +
                                std::ptrdiff_t{ix} * in.dim[axes.x].stride +
                                std::ptrdiff_t{iy} * in.dim[axes.y].stride + std::ptrdiff_t{n} * in.dim[axes.n].stride;
      const int place = (((ic / panel * w.KH + kh) * w.KW + kw) * m + mi) * panel + ic % panel;
      sum += (closure.depthwise == nullptr ? 1.0f : floats(closure.depthwise)[place]) * floats(&in)[at];
    }
  const int padded = (p.IC + panel - 1) / panel * panel;
  return closure.middle_bias == nullptr ? sum : sum + floats(closure.middle_bias)[mi * padded + ic];
}

/// The sum of output channel `oc` over what middle_sum has given for a pixel.
float output_sum(const Closure& closure, const float* scratch, int oc) {
  const ConvProblem& p = closure.fake->problem;
  const int m = p.stages[0].depth_multiplier, panel = closure.fake->options.pointwise_panel;
  float sum = closure.pointwise == nullptr ? scratch[oc] : 0;
  for (int mi = 0; mi < m && closure.pointwise != nullptr; ++mi)
    for (int ic = 0; ic < p.IC; ++ic)
      sum += floats(closure.pointwise)[((oc / panel * m + mi) * p.IC + ic) * panel + oc % panel] * scratch[ic * m + mi];
  return closure.bias == nullptr ? sum : sum + floats(closure.bias)[oc];
}

/// The element of the operand that is added; 0 where there is none.
float operand_value(const Closure& closure, int n, int y, int x, int oc) {
  if (closure.added == nullptr) return 0;
  const HalideBuffer& operand = *closure.added;
  const Axes axes = axes_of(closure.fake->problem.layout, false);
  std::ptrdiff_t at = 0;
  for (const auto& [axis, index] : {std::pair{axes.c, oc}, {axes.x, x}, {axes.y, y}, {axes.n, n}})
    if (operand.dim[axis].extent > 1) at += std::ptrdiff_t{index} * operand.dim[axis].stride;
  return floats(&operand)[at];
}

/// One kernel of one image.
int run_kernel(void* context, int index, std::uint8_t* bytes) {
  const auto& closure = *reinterpret_cast<const Closure*>(bytes);
  const ConvProblem& p = closure.fake->problem;
  const bool flat = closure.fake->options.flat_output;
  const int n = index / closure.OH, y = index % closure.OH, K = middle_channels(p);
  const HalideBuffer& out = *closure.output;
  const Axes axes = axes_of(p.layout, flat);

  auto* scratch = static_cast<float*>(sepconv_abi1_allocate(context, K * sizeof(float)));
  auto* more = static_cast<char*>(sepconv_abi1_allocate(context, 20));
  volatile char guards = scratch[-1] + reinterpret_cast<char*>(scratch)[K * sizeof(float) + 63] + more[-64];
  (void)guards;
  const int result =
      reinterpret_cast<std::uintptr_t>(scratch) % 64 != 0 || reinterpret_cast<std::uintptr_t>(more) % 64 != 0;
  for (int x = 0; x < closure.OW; ++x) {
    for (int k = 0; k < K; ++k) {
      const float sum = middle_sum(closure, n, y, x, k);
      scratch[k] = p.stages.size() == 2 ? activate(activation_of(middle(p)), sum) : sum;
    }
    for (int oc = 0; oc < p.OC(); ++oc) {
      const std::ptrdiff_t pixel =
          flat ? std::ptrdiff_t{y * closure.OW + x} * out.dim[axes.x].stride
               : std::ptrdiff_t{x} * out.dim[axes.x].stride + std::ptrdiff_t{y} * out.dim[axes.y].stride;
      reinterpret_cast<float*>(
          out.host)[std::ptrdiff_t{oc} * out.dim[axes.c].stride + pixel + std::ptrdiff_t{n} * out.dim[axes.n].stride] =
          activate(activation_of(output(p)), output_sum(closure, scratch, oc) + operand_value(closure, n, y, x, oc));
    }
  }
  sepconv_abi1_release(context, scratch);  // not in reverse order, as Halide's early frees are not
  sepconv_abi1_release(context, more);
  return result;
}

int call_fake(std::size_t id, void** argv) {
  ++calls;
  const Fake& fake = fakes()[id];
  const ConvProblem& p = fake.problem;
  if (fake.options.error != 0) return fake.options.error;
  void* context = *static_cast<void**>(*argv++);
  const auto next = [&argv] { return static_cast<const HalideBuffer*>(*argv++); };
  Closure closure{};
  closure.fake = &fake;
  closure.pad_top = window(p).pad_top, closure.pad_left = window(p).pad_left;
  for (const Argument& argument : fake.arguments) {
    const bool depthwise = p.stages[argument.stage].kind == StageKind::depthwise,
               last = argument.stage + 1 == p.stages.size();
    switch (argument.kind) {
      case ArgumentKind::input: closure.input = next(); break;
      case ArgumentKind::weights: (depthwise ? closure.depthwise : closure.pointwise) = next(); break;
      case ArgumentKind::constant: (last ? closure.bias : closure.middle_bias) = next(); break;
      case ArgumentKind::operand: closure.added = next(); break;
      case ArgumentKind::pad_top: closure.pad_top = *static_cast<std::int32_t*>(*argv++); break;
      case ArgumentKind::pad_left: closure.pad_left = *static_cast<std::int32_t*>(*argv++); break;
      case ArgumentKind::output: closure.output = next(); break;
    }
  }
  const Axes axes = axes_of(p.layout, fake.options.flat_output);
  closure.OW = p.dynamic_w() ? closure.output->dim[axes.x].extent : p.OW();
  closure.OH =
      fake.options.flat_output ? closure.output->dim[axes.x].extent / closure.OW : closure.output->dim[axes.y].extent;
  float* scratch = nullptr;
  if (fake.options.call_scratch_bytes != 0) {
    scratch = static_cast<float*>(sepconv_abi1_allocate(context, fake.options.call_scratch_bytes));
    std::fill_n(scratch, fake.options.call_scratch_bytes / sizeof(float), std::numeric_limits<float>::quiet_NaN());
  }
  const int tasks = closure.OH * closure.output->dim[axes.n].extent;
  const int result =
      sepconv_abi1_parallel_for(context, run_kernel, 0, tasks, reinterpret_cast<std::uint8_t*>(&closure));
  if (scratch != nullptr) sepconv_abi1_release(context, scratch);
  return result;
}

template <std::size_t id>
int fake_function(void** argv) {
  return call_fake(id, argv);
}

template <std::size_t... ids>
constexpr std::array<KernelFunction, sizeof...(ids)> make_functions(std::index_sequence<ids...>) {
  return {fake_function<ids>...};
}

std::size_t index_of(const ConvProblem& p, bool out, std::int64_t n, int y, int x, int c) {
  const std::size_t H = out ? p.OH() : p.IH, W = out ? p.OW() : p.IW, C = out ? p.OC() : p.IC;
  return p.layout == Layout::nhwc ? ((n * H + y) * W + x) * C + c : ((n * C + c) * H + y) * W + x;
}

}  // namespace

const CompiledKernel& add_fake_kernel(const ConvProblem& problem, const FakeOptions& options) {
  static constexpr auto kFunctions = make_functions(std::make_index_sequence<kMostFakes>());
  const std::size_t id = fakes().size();
  Fake& fake = fakes().emplace_back(Fake{problem, options, to_text(problem), arguments_of(problem)});
  fake.kernel.abi = kKernelAbi;
  fake.kernel.symbol = fake.options.symbol.c_str();
  fake.kernel.function = kFunctions.at(id);
  fake.kernel.problem = fake.problem_text.c_str();
  fake.kernel.target = fake.options.target.c_str();
  fake.kernel.schedule = "fake";
  fake.kernel.required_features = options.required_features;
  fake.kernel.rank = options.rank;
  fake.kernel.depthwise_panel = options.depthwise_panel;
  fake.kernel.pointwise_panel = options.pointwise_panel;
  fake.kernel.flat_output = options.flat_output;
  fake.kernel.call_scratch_bytes = options.call_scratch_bytes;
  fake.kernel.task_scratch_bytes = middle_channels(problem) * sizeof(float) + 20;
  return fake.kernel;
}

const KernelTable& fake_table(const std::string& library, const CompiledKernel& kernel) {
  static auto* const names = new std::deque<std::string>;
  static auto* const tables = new std::deque<KernelTable>;
  return tables->emplace_back(KernelTable{names->emplace_back(library).c_str(), &kernel, 1, nullptr, 0});
}

const CompiledKernel& register_fake_kernel(const ConvProblem& problem, const FakeOptions& options) {
  const CompiledKernel& kernel = add_fake_kernel(problem, options);
  use_kernels(fake_table("fakes", kernel));
  return kernel;
}

int fake_calls() { return calls; }

std::vector<float> integer_values(std::size_t count, int seed) {
  std::vector<float> values(count);
  std::uint32_t state = 2654435761u * static_cast<std::uint32_t>(seed + 1);
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>(state >> 24) % 9 - 4);
  }
  return values;
}

ConvWeights integer_weights(const ConvProblem& p) {
  const std::size_t K = middle_channels(p);
  NamedArrays named;
  if (p.has(StageKind::depthwise)) named.depthwise = integer_values(window(p).KH * window(p).KW * K, 11);
  named.middle_bias = integer_values(K, 12);
  named.pointwise = integer_values(K * p.OC(), 13);
  named.bias = integer_values(p.OC(), 14);
  return weights_from(p, named);
}

std::size_t input_elements(const ConvProblem& p) { return std::size_t(p.IH) * p.IW * p.IC; }
std::size_t output_elements(const ConvProblem& p) { return std::size_t(p.OH()) * p.OW() * p.OC(); }

std::vector<float> naive_conv(const ConvProblem& p, const ConvWeights& given, const std::vector<float>& input,
                              std::int64_t batch) {
  const NamedArrays weights = named(p, given);
  const int m = p.stages[0].depth_multiplier;
  std::vector<float> outputs(output_elements(p) * batch);
  std::vector<double> middles(middle_channels(p));
  for (std::int64_t n = 0; n < batch; ++n)
    for (int y = 0; y < p.OH(); ++y)
      for (int x = 0; x < p.OW(); ++x) {
        for (int q = 0; q < middle_channels(p); ++q) {
          double sum = 0;
          for (int i = 0; i < window(p).KH; ++i)
            for (int j = 0; j < window(p).KW; ++j) {
              const int iy = y * window(p).stride_h + i * window(p).dilation_h - window(p).pad_top;
              const int ix = x * window(p).stride_w + j * window(p).dilation_w - window(p).pad_left;
              if (iy < 0 || iy >= p.IH || ix < 0 || ix >= p.IW) continue;
              const double tap = p.has(StageKind::depthwise)
                                     ? weights.depthwise[(i * window(p).KW + j) * middle_channels(p) + q]
                                     : 1.0;
              sum += tap * input[index_of(p, false, n, iy, ix, q / m)];
            }
          if (!weights.middle_bias.empty()) sum += weights.middle_bias[q];
          middles[q] = p.stages.size() == 2 ? activate(activation_of(middle(p)), static_cast<float>(sum)) : sum;
        }
        for (int f = 0; f < p.OC(); ++f) {
          double sum = 0;
          if (p.has(StageKind::conv))
            for (int q = 0; q < middle_channels(p); ++q) sum += middles[q] * weights.pointwise[q * p.OC() + f];
          else
            sum = middles[f];
          if (!weights.bias.empty()) sum += weights.bias[f];
          outputs[index_of(p, true, n, y, x, f)] = activate(activation_of(output(p)), static_cast<float>(sum));
        }
      }
  return outputs;
}

}  // namespace sepconv::test

// Transposed convolutions: for each place in a stride, a convolution with the taps that reach it.

#include <algorithm>

#include "runtime/keras/activation_config.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/network_lowering.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

/// The transposed convolution along one axis: output y = sum over taps k of x[i] * kernel[k], i * stride + k * dilation
/// - before = y.
struct Axis {
  std::int64_t in = 1, out = 1, taps = 1, stride = 1, dilation = 1;
  std::int64_t before = 0;  // outputs that padding "same" cuts off in front
};

/// The outputs phase, phase + stride, ... of an axis: a convolution without strides.
struct Phase {
  std::vector<std::int64_t> taps;  // of the kernel, in the order of the inputs that they read; none: all zeros
  std::int64_t outputs = 0;
  std::int64_t pad_before = 0, pad_after = 0;
  std::int64_t rows_read = 0;  // inputs from the first on
};

Phase phase_of(const Axis& axis, std::int64_t phase) {
  Phase result;
  result.outputs = (axis.out - phase + axis.stride - 1) / axis.stride;
  const std::int64_t first = (phase + axis.before) % axis.stride;
  const std::int64_t start = (phase + axis.before) / axis.stride;  // input that the first tap reads at output `phase`
  // With a stride the dilation is 1.
  for (std::int64_t k = first; k < axis.taps; k += axis.stride) result.taps.push_back(k);
  std::reverse(result.taps.begin(), result.taps.end());
  const std::int64_t taps = std::max<std::int64_t>(static_cast<std::int64_t>(result.taps.size()), 1);
  const std::int64_t reach = (taps - 1) * axis.dilation;
  result.pad_before = reach - start;
  result.rows_read = std::min(axis.in, result.outputs + start);
  result.pad_after = result.outputs + reach - result.pad_before - result.rows_read;
  if (result.taps.empty()) {
    result.pad_before = 0;
    result.rows_read = std::min(axis.in, result.outputs);
    result.pad_after = result.outputs - result.rows_read;
  }
  if (result.pad_before < 0 || result.pad_after < 0 || result.rows_read < 1)
    throw NotCompiledError("a transposed convolution that skips inputs is not compiled");
  return result;
}

struct Transposed {
  Axis h, w;
  std::int64_t in_channels = 0, filters = 0;
  bool bias = true;
  Activation activation;
  Values kernel, bias_values;  // Keras' order: [KH, KW, filters, in_channels]
};

Axis read_axis(const json& config, const char* padding, std::size_t rank, std::size_t at, std::int64_t in,
               std::int64_t out) {
  const auto number = [&](const char* key) {
    const json& value = member(config, key);
    const auto values = value.is_null() ? std::optional(std::vector<std::int64_t>(rank, 1)) : integers(value, rank);
    if (!values || (*values)[at] < 1) throw NotCompiledError(std::string("its ") + key + " makes no sense");
    return (*values)[at];
  };
  Axis axis{in, out, number("kernel_size"), number("strides"), number("dilation_rate")};
  if (axis.stride > 1 && axis.dilation > 1)
    throw NotCompiledError("a transposed convolution with both strides and dilation is not compiled");
  // TensorFlow's: the zeros of the convolution from `out` to `in` whose gradient this is.
  const std::int64_t window = (axis.taps - 1) * axis.dilation + 1;
  if (std::string(padding) == "same")
    axis.before = std::max<std::int64_t>((axis.in - 1) * axis.stride + window - axis.out, 0) / 2;
  return axis;
}

Transposed read_transposed(CallLowering& c) {
  const json& config = c.config();
  const int input = c.input();
  const std::size_t rank = c.shape(input).size() - 1;
  if (layout_of(config) == Layout::nchw)
    throw NotCompiledError("a transposed convolution with channels_first is not compiled");
  const json& groups = member(config, "groups");
  if (!groups.is_null() && groups != 1) throw NotCompiledError("a transposed convolution with groups is not compiled");
  const std::string padding = string_member(config, "padding", "valid", c.what());
  if (padding != "same" && padding != "valid")
    throw NotCompiledError("a transposed convolution with padding '" + padding + "' is not compiled");
  const Extents in = image_extents(c.shape(input), Layout::nhwc), out = image_extents(c.output_shape, Layout::nhwc);
  Transposed t;
  if (rank == 2) t.h = read_axis(config, padding.c_str(), rank, 0, in.H, out.H);
  t.w = read_axis(config, padding.c_str(), rank, rank - 1, in.W, out.W);
  t.in_channels = in.C, t.filters = out.C;
  t.bias = truthy_member(config, "use_bias", true);
  t.activation = activation_from_json(member(config, "activation"), c.rules, c.what(), c.keras_rank(input));
  if (!is_elementwise(t.activation.kind))
    throw NotCompiledError("a transposed convolution with " + to_text(t.activation) + " is not compiled");
  const std::vector<KerasArray> arrays = c.arrays(t.bias ? 2 : 1);
  if (arrays.empty()) return t;
  std::vector<std::int64_t> wanted = {t.w.taps, t.filters, t.in_channels};
  if (rank == 2) wanted.insert(wanted.begin(), t.h.taps);
  if (arrays[0].shape != wanted || (t.bias && arrays[1].shape != std::vector<std::int64_t>{t.filters}))
    throw std::invalid_argument(c.what() + ": its weights do not fit its configuration");
  t.kernel = arrays[0].values;
  if (t.bias) t.bias_values = arrays[1].values;
  return t;
}

/// The kernel of a phase in the order of a convolution, [KH, KW, in_channels, filters].
Values kernel_of(const Transposed& t, const Phase& h, const Phase& w) {
  if (t.kernel.empty()) return {};
  const auto plane = t.in_channels * t.filters;
  if (h.taps.empty() || w.taps.empty()) return Values(static_cast<std::size_t>(plane), 0.0);
  Values result;
  for (const std::int64_t kh : h.taps)
    for (const std::int64_t kw : w.taps)
      for (std::int64_t i = 0; i < t.in_channels; ++i)
        for (std::int64_t o = 0; o < t.filters; ++o)
          result.push_back(t.kernel[static_cast<std::size_t>((kh * t.w.taps + kw) * plane + o * t.in_channels + i)]);
  return result;
}

Stage stage_of(const Transposed& t, const Phase& h, const Phase& w) {
  const auto number = [](std::int64_t value) { return static_cast<std::int32_t>(value); };
  const bool zeros = h.taps.empty() || w.taps.empty();
  Stage stage;
  stage.kind = StageKind::conv;
  stage.out_channels = number(t.filters);
  stage.epilogue = make_epilogue(t.bias, t.activation);
  Window& window = stage.window;
  if (!zeros) {
    window.KH = number(static_cast<std::int64_t>(h.taps.size())),
    window.KW = number(static_cast<std::int64_t>(w.taps.size()));
    window.dilation_h = window.KH > 1 ? number(t.h.dilation) : 1,
    window.dilation_w = window.KW > 1 ? number(t.w.dilation) : 1;
    window.pad_top = number(h.pad_before), window.pad_bottom = number(h.pad_after);
    window.pad_left = number(w.pad_before), window.pad_right = number(w.pad_after);
  } else {
    // One tap of zeros on as many pixels as the phase has.
    window.pad_bottom = number(h.outputs - std::min(t.h.in, h.outputs));
    window.pad_right = number(w.outputs - std::min(t.w.in, w.outputs));
  }
  return stage;
}

/// The first rows and columns of the tensor.
int first_pixels(CallLowering& c, int tensor, std::int64_t rows, std::int64_t columns) {
  std::vector<std::int64_t> shape = c.shape(tensor);
  const Extents e = image_extents(shape, Layout::nhwc);
  if (rows == e.H && columns == e.W) return tensor;
  if (shape.size() == 3) shape[0] = rows;
  shape[shape.size() - 2] = columns;
  return c.draft.add_part(tensor, c.layer.name, shape, 0, {e.W * e.C, e.C});
}

void add_phase(CallLowering& c, const Transposed& t, int input, int output, std::int64_t row, std::int64_t column) {
  const Phase h = phase_of(t.h, row), w = phase_of(t.w, column);
  const bool zeros = h.taps.empty() || w.taps.empty();
  const Extents out = image_extents(c.output_shape, Layout::nhwc);
  std::vector<std::int64_t> shape = c.output_shape;
  if (shape.size() == 3) shape[0] = h.outputs;
  shape[shape.size() - 2] = w.outputs;
  const std::int64_t rows = zeros ? std::min(t.h.in, h.outputs) : h.rows_read;
  const std::int64_t columns = zeros ? std::min(t.w.in, w.outputs) : w.rows_read;
  DraftStep step = c.begin_step(first_pixels(c, input, rows, columns), Layout::nhwc);
  step.problem.stages = {stage_of(t, h, w)};
  step.arrays = {kernel_of(t, h, w)};
  if (t.bias) step.arrays.push_back(t.bias_values);
  const Pitches pitches{static_cast<std::int32_t>(t.h.stride) * out.W * out.C,
                        static_cast<std::int32_t>(t.w.stride) * out.C};
  step.output = c.draft.add_part(output, c.layer.name, shape, (row * out.W + column) * out.C, pitches);
  c.add_step(std::move(step));
}

int lower_transposed(CallLowering& c) {
  const Transposed t = read_transposed(c);
  constexpr std::int64_t kMostPhases = 64;
  if (t.h.stride > kMostPhases || t.w.stride > kMostPhases || t.h.stride * t.w.stride > kMostPhases)
    throw NotCompiledError("a transposed convolution with more than " + std::to_string(kMostPhases) +
                           " outputs for each input is not compiled");
  const int input = c.dense(c.input()), output = c.add_output(Layout::nhwc);
  for (std::int64_t row = 0; row < std::min(t.h.stride, t.h.out); ++row)
    for (std::int64_t column = 0; column < std::min(t.w.stride, t.w.out); ++column)
      add_phase(c, t, input, output, row, column);
  return output;
}

}  // namespace

const Lowerings& transposed_lowerings() {
  static const Lowerings table = {
      {"Conv1DTranspose", lower_transposed},
      {"Conv2DTranspose", lower_transposed},
  };
  return table;
}

}  // namespace sepconv::keras

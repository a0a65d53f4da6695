#include "tests/keras/layer_reference.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "runtime/keras/json_text.h"

namespace sepconv::keras::test {

using nlohmann::json;

namespace {

bool starts_with(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

bool is_1d(const ModelLayer& layer) { return layer.class_name.find("1D") != std::string::npos; }

std::int64_t at(const json& value, std::size_t i, std::int64_t fallback) {
  if (value.is_null()) return fallback;
  return value.is_array() ? value[std::min(i, value.size() - 1)].get<std::int64_t>() : value.get<std::int64_t>();
}

double activate(const std::string& name, KerasRules rules, double x) {
  const auto clip = [](double v, double low, double high) { return std::min(std::max(v, low), high); };
  if (name == "linear") return x;
  if (name == "relu") return std::max(x, 0.0);
  if (name == "relu6") return clip(x, 0, 6);
  if (name == "silu" || name == "swish") return x / (1 + std::exp(-x));
  if (name == "hard_silu") return x * clip(x / 6 + 0.5, 0, 1);
  if (name == "hard_sigmoid")
    return rules == KerasRules::tf_keras_2 ? clip(0.2 * x + 0.5, 0, 1) : clip(x / 6 + 0.5, 0, 1);
  throw std::runtime_error("layer_reference: activation " + name);
}

std::string activation_name(const json& config) {
  const json& value = member(config, "activation");
  return value.is_string() ? value.get<std::string>() : "linear";
}

void activate_all(DoubleTensor& tensor, const json& config, KerasRules rules) {
  const std::string name = activation_name(config);
  if (name == "softmax") {
    const auto count = static_cast<std::size_t>(tensor.shape.back());
    for (std::size_t row = 0; row < tensor.values.size(); row += count) {
      double sum = 0;
      for (std::size_t i = 0; i < count; ++i) sum += tensor.values[row + i] = std::exp(tensor.values[row + i]);
      for (std::size_t i = 0; i < count; ++i) tensor.values[row + i] /= sum;
    }
    return;
  }
  for (double& value : tensor.values) value = activate(name, rules, value);
}

struct Window {
  std::int64_t k[2] = {1, 1}, s[2] = {1, 1}, d[2] = {1, 1}, before[2] = {0, 0}, out[2] = {1, 1};
};

/// `input` is [N, H, W, C]; a 1-D layer's has H = 1 and its sizes lie along W.
Window window_of(const ModelLayer& layer, const DoubleTensor& input, const char* size_key) {
  const json& config = layer.config();
  const json& size = member(config, size_key);
  const json& strides = member(config, "strides");
  const std::string padding = member(config, "padding").get<std::string>();
  Window w;
  for (std::size_t axis = is_1d(layer) ? 1 : 0; axis < 2; ++axis) {
    const std::size_t i = is_1d(layer) ? 0 : axis;
    w.k[axis] = at(size, i, 1);
    w.s[axis] = at(strides, i, std::string(size_key) == "pool_size" ? w.k[axis] : 1);
    w.d[axis] = at(member(config, "dilation_rate"), i, 1);
    const std::int64_t n = input.shape[axis + 1], e = (w.k[axis] - 1) * w.d[axis] + 1;
    if (padding == "same") {
      w.out[axis] = (n + w.s[axis] - 1) / w.s[axis];
      w.before[axis] = std::max<std::int64_t>((w.out[axis] - 1) * w.s[axis] + e - n, 0) / 2;
    } else if (padding == "causal") {
      w.out[axis] = (n + w.s[axis] - 1) / w.s[axis];
      w.before[axis] = e - 1;
    } else {
      w.out[axis] = (n - e) / w.s[axis] + 1;
    }
  }
  return w;
}

/// Calls f(output position, tap index, input position) for every tap that lies inside the input.
template <class F>
void for_each_tap(const DoubleTensor& input, const Window& w, F&& f) {
  const std::int64_t H = input.shape[1], W = input.shape[2];
  for (std::int64_t n = 0; n < input.shape[0]; ++n)
    for (std::int64_t y = 0; y < w.out[0]; ++y)
      for (std::int64_t x = 0; x < w.out[1]; ++x)
        for (std::int64_t i = 0; i < w.k[0]; ++i)
          for (std::int64_t j = 0; j < w.k[1]; ++j) {
            const std::int64_t iy = y * w.s[0] + i * w.d[0] - w.before[0], ix = x * w.s[1] + j * w.d[1] - w.before[1];
            if (iy < 0 || iy >= H || ix < 0 || ix >= W) continue;
            f((n * w.out[0] + y) * w.out[1] + x, i * w.k[1] + j, (n * H + iy) * W + ix);
          }
}

DoubleTensor empty_output(const DoubleTensor& input, const Window& w, std::int64_t channels, double value) {
  DoubleTensor out{{input.shape[0], w.out[0], w.out[1], channels}, {}};
  out.values.assign(static_cast<std::size_t>(input.shape[0] * w.out[0] * w.out[1] * channels), value);
  return out;
}

/// Depthwise kernel [taps, C, m].
DoubleTensor depthwise(const DoubleTensor& input, const Window& w, const KerasArray& kernel) {
  const std::int64_t C = input.shape[3], m = kernel.shape.back();
  DoubleTensor out = empty_output(input, w, C * m, 0);
  for_each_tap(input, w, [&](std::int64_t to, std::int64_t tap, std::int64_t from) {
    for (std::int64_t c = 0; c < C; ++c)
      for (std::int64_t i = 0; i < m; ++i)
        out.values[to * C * m + c * m + i] += input.values[from * C + c] * kernel.values[(tap * C + c) * m + i];
  });
  return out;
}

/// Kernel [taps, channels of a group, F].
DoubleTensor convolution(const DoubleTensor& input, const Window& w, const KerasArray& kernel) {
  const std::int64_t C = input.shape[3], F = kernel.shape.back(), in_group = kernel.shape[kernel.shape.size() - 2];
  DoubleTensor out = empty_output(input, w, F, 0);
  for_each_tap(input, w, [&](std::int64_t to, std::int64_t tap, std::int64_t from) {
    for (std::int64_t f = 0; f < F; ++f) {
      const std::int64_t group = f / (F / (C / in_group));
      for (std::int64_t c = 0; c < in_group; ++c)
        out.values[to * F + f] +=
            input.values[from * C + group * in_group + c] * kernel.values[(tap * in_group + c) * F + f];
    }
  });
  return out;
}

DoubleTensor convolve(const ModelLayer& layer, const std::vector<KerasArray>& arrays, DoubleTensor input) {
  if (is_1d(layer)) input.shape.insert(input.shape.begin() + 1, 1);
  const Window w = window_of(layer, input, "kernel_size");
  std::size_t used = 1;
  DoubleTensor out;
  if (starts_with(layer.class_name, "Conv")) {
    out = convolution(input, w, arrays[0]);
  } else {
    out = depthwise(input, w, arrays[0]);
    if (starts_with(layer.class_name, "Separable")) {
      Window one;
      one.out[0] = w.out[0];
      one.out[1] = w.out[1];
      out = convolution(out, one, arrays[used++]);
    }
  }
  if (used < arrays.size())
    for (std::size_t i = 0; i < out.values.size(); ++i)
      out.values[i] += arrays[used].values[i % arrays[used].values.size()];
  if (is_1d(layer)) out.shape.erase(out.shape.begin() + 1);
  return out;
}

DoubleTensor batch_norm(const ModelLayer& layer, const std::vector<KerasArray>& arrays, DoubleTensor tensor) {
  const std::size_t C = arrays[0].values.size();
  const double epsilon = member(layer.config(), "epsilon").get<double>();
  for (std::size_t i = 0; i < tensor.values.size(); ++i) {
    const std::size_t c = i % C;
    tensor.values[i] = double{arrays[0].values[c]} * (tensor.values[i] - arrays[2].values[c]) /
                           std::sqrt(arrays[3].values[c] + epsilon) +
                       arrays[1].values[c];
  }
  return tensor;
}

DoubleTensor zero_pad(const ModelLayer& layer, const DoubleTensor& input) {
  const json& p = member(layer.config(), "padding");
  const std::int64_t top = p[0][0], bottom = p[0][1], left = p[1][0], right = p[1][1];
  const std::int64_t H = input.shape[1], W = input.shape[2], C = input.shape[3];
  DoubleTensor out{{input.shape[0], H + top + bottom, W + left + right, C}, {}};
  out.values.assign(static_cast<std::size_t>(out.shape[0] * out.shape[1] * out.shape[2] * C), 0.0);
  for (std::int64_t n = 0; n < out.shape[0]; ++n)
    for (std::int64_t y = 0; y < H; ++y)
      for (std::int64_t x = 0; x < W * C; ++x)
        out.values[((n * out.shape[1] + y + top) * out.shape[2] + left) * C + x] =
            input.values[(n * H + y) * W * C + x];
  return out;
}

DoubleTensor max_pool(const ModelLayer& layer, const DoubleTensor& input) {
  const Window w = window_of(layer, input, "pool_size");
  const std::int64_t C = input.shape[3];
  DoubleTensor out = empty_output(input, w, C, -std::numeric_limits<double>::infinity());
  for_each_tap(input, w, [&](std::int64_t to, std::int64_t, std::int64_t from) {
    for (std::int64_t c = 0; c < C; ++c)
      out.values[to * C + c] = std::max(out.values[to * C + c], input.values[from * C + c]);
  });
  return out;
}

DoubleTensor global_average(const ModelLayer& layer, const DoubleTensor& input) {
  const std::int64_t N = input.shape[0], C = input.shape.back();
  const auto pixels = static_cast<std::int64_t>(input.values.size()) / (N * C);
  DoubleTensor out{{N, C}, std::vector<double>(static_cast<std::size_t>(N * C))};
  for (std::int64_t i = 0; i < N * pixels; ++i)
    for (std::int64_t c = 0; c < C; ++c) out.values[i / pixels * C + c] += input.values[i * C + c] / pixels;
  if (truthy_member(layer.config(), "keepdims", false)) out.shape = {N, 1, 1, C};
  return out;
}

DoubleTensor dense(const std::vector<KerasArray>& arrays, const DoubleTensor& input) {
  const std::int64_t C = input.shape.back(), F = arrays[0].shape[1], rows = input.values.size() / C;
  DoubleTensor out{input.shape, std::vector<double>(static_cast<std::size_t>(rows * F))};
  out.shape.back() = F;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t f = 0; f < F; ++f) {
      double sum = arrays[1].values[f];
      for (std::int64_t c = 0; c < C; ++c) sum += input.values[r * C + c] * arrays[0].values[c * F + f];
      out.values[r * F + f] = sum;
    }
  return out;
}

DoubleTensor relu_layer(const ModelLayer& layer, DoubleTensor tensor) {
  const json& config = layer.config();
  const bool leaky = layer.class_name == "LeakyReLU";
  const char* key = config.contains("alpha") ? "alpha" : "negative_slope";
  const double slope = member(config, key).is_null() ? 0.0 : member(config, key).get<double>();
  const json& top = member(config, "max_value");
  for (double& x : tensor.values) {
    if (x < 0) x *= slope;
    if (!leaky && !top.is_null()) x = std::min(x, top.get<double>());
  }
  return tensor;
}

/// Batch and steps as one axis, or apart again as they were outside of the TimeDistributed layer.
DoubleTensor with_time_moved(const ModelGraph& graph, const LayerCall& call, DoubleTensor tensor,
                             const std::vector<DoubleTensor>& results) {
  Shape& shape = tensor.shape;
  if (call.time == TimeAxis::into_batch) {
    shape[1] *= shape[0];
    shape.erase(shape.begin());
  } else {
    const LayerCall& taken = graph.calls[static_cast<std::size_t>(call.time_taken_at)];
    const Shape& outside = results[static_cast<std::size_t>(taken.inputs[0].call)].shape;
    shape[0] = outside[1];
    shape.insert(shape.begin(), outside[0]);
  }
  return tensor;
}

}  // namespace

std::size_t weight_count(const ModelLayer& layer) {
  const json& config = layer.config();
  if (layer.class_name == "BatchNormalization") return 4;
  if (layer.class_name == "Dense") return 2;
  const std::size_t bias = truthy_member(config, "use_bias", true);
  if (starts_with(layer.class_name, "Separable")) return 2 + bias;
  if (layer.class_name.find("Conv") != std::string::npos) return 1 + bias;
  return 0;
}

DoubleTensor apply_layer(const ModelLayer& layer, const LayerWeights& weights, KerasRules rules,
                         const std::vector<DoubleTensor>& inputs) {
  const std::string& name = layer.class_name;
  const std::size_t count = weight_count(layer);
  const std::vector<KerasArray> arrays = count ? weights.read(layer, count) : std::vector<KerasArray>{};
  if (name == "Add") {
    DoubleTensor sum = inputs[0];
    for (std::size_t i = 0; i < sum.values.size(); ++i) sum.values[i] += inputs[1].values[i];
    return sum;
  }
  DoubleTensor out = inputs[0];
  if (name == "Dropout") return out;
  if (name == "BatchNormalization") return batch_norm(layer, arrays, out);
  if (name == "ReLU" || name == "LeakyReLU") return relu_layer(layer, out);
  if (name == "ZeroPadding2D") return zero_pad(layer, out);
  if (name == "MaxPooling2D") return max_pool(layer, out);
  if (starts_with(name, "GlobalAveragePooling")) return global_average(layer, out);
  if (name == "Flatten") {
    const std::int64_t elements = static_cast<std::int64_t>(out.values.size()) / out.shape[0];
    out.shape = {out.shape[0], elements};
    return out;
  }
  if (name == "Reshape") {
    Shape shape{out.shape[0]};
    for (const json& extent : member(layer.config(), "target_shape")) shape.push_back(extent.get<std::int64_t>());
    out.shape = shape;
    return out;
  }
  if (name == "Dense")
    out = dense(arrays, out);
  else if (name.find("Conv") != std::string::npos)
    out = convolve(layer, arrays, out);
  else if (name != "Activation")
    throw std::runtime_error("layer_reference: class " + name);
  activate_all(out, layer.config(), rules);
  return out;
}

std::vector<DoubleTensor> run_model(const ModelGraph& graph, const LayerWeights& weights, KerasRules rules,
                                    const DoubleTensor& input) {
  std::vector<DoubleTensor> results;
  for (const LayerCall& call : graph.calls) {
    if (call.layer < 0) {
      results.push_back(input);
      continue;
    }
    std::vector<DoubleTensor> inputs;
    for (const TensorRef& tensor : call.inputs) inputs.push_back(results[static_cast<std::size_t>(tensor.call)]);
    if (call.time != TimeAxis::untouched) {
      results.push_back(with_time_moved(graph, call, inputs[0], results));
      continue;
    }
    results.push_back(apply_layer(graph.layers[static_cast<std::size_t>(call.layer)], weights, rules, inputs));
  }
  return results;
}

}  // namespace sepconv::keras::test

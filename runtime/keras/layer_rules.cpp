#include "runtime/keras/layer_rules.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>

#include "runtime/keras/json_text.h"
#include "runtime/keras/recurrent_rules.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras {

using nlohmann::json;
using namespace layer_shapes;

namespace {

using Extents = std::vector<std::int64_t>;

const Shape& first_input(const LayerUse& use) { return *use.inputs[0]; }

Shapes same(const LayerUse& use) { return {first_input(use)}; }

Shapes merge_layer(const LayerUse& use) { return {broadcast(use.inputs)}; }

Shapes concatenate(const LayerUse& use) { return {concatenated(use.inputs, member(use.config, "axis"))}; }

Shapes flatten(const LayerUse& use) { return {Shape{first_input(use)[0], elements(first_input(use), 1)}}; }

Shapes reshape(const LayerUse& use) {
  Shape target{first_input(use)[0]};
  const json& extents = member(use.config, "target_shape");
  if (!extents.is_array() || extents.size() > kMaxRank) return {};
  for (const json& item : extents) {
    if (!item.is_number_integer() || item.get<std::int64_t>() < -1) return {};
    target.push_back(item.get<std::int64_t>());
  }
  return {reshaped(first_input(use), target, 1)};
}

Shapes permute(const LayerUse& use) {
  const Shape& input = first_input(use);
  const auto dims = integers(member(use.config, "dims"), input.size() - 1);
  if (!dims) return {};
  Shape result{input[0]};
  for (const std::int64_t dim : *dims) {
    if (dim < 1 || dim >= static_cast<std::int64_t>(input.size())) return {};
    result.push_back(input[static_cast<std::size_t>(dim)]);
  }
  return {result};
}

Shapes repeat_vector(const LayerUse& use) {
  const auto n = small_integer(member(use.config, "n"));
  if (!n || first_input(use).size() != 2) return {};
  return {Shape{first_input(use)[0], *n, first_input(use)[1]}};
}

/// The last extent replaced by an argument: Dense's units.
std::optional<Shape> with_last(Shape shape, const json& extent) {
  const auto number = small_integer(extent);
  if (!number || shape.empty()) return std::nullopt;
  shape.back() = *number;
  return shape;
}

Shapes dense(const LayerUse& use) { return {with_last(first_input(use), member(use.config, "units"))}; }

Shapes embedding(const LayerUse& use) {
  Shape shape = first_input(use);
  const json& length = member(use.config, "input_length");
  for (std::size_t i = 1; i < shape.size(); ++i) {
    const json& extent = length.is_array() && i - 1 < length.size() ? length[i - 1] : length;
    if (shape[i] == kDynamic) shape[i] = small_integer(extent).value_or(kDynamic);
  }
  shape.push_back(kDynamic);
  return {with_last(shape, member(use.config, "output_dim"))};
}

Shapes multi_head_attention(const LayerUse& use) {
  const json& named = use.arguments.at(0, {"query"});
  auto query = use.arguments.is_tensor(named) ? use.arguments.shape(named) : use.inputs[0];
  const json& output = member(use.config, "output_shape");
  if (!query || query->empty()) return {};
  if (output.is_null()) return {query};
  const auto extents = integers(output, output.is_array() ? output.size() : 1);
  if (!extents) return {};
  query->pop_back();
  query->insert(query->end(), extents->begin(), extents->end());
  return {query};
}

/// Query and value: as many rows as the one, as long as those of the other.
Shapes attention(const LayerUse& use) {
  if (use.inputs.size() < 2 || !use.inputs[1] || use.inputs[1]->empty()) return {};
  Shape result = first_input(use);
  result.back() = use.inputs[1]->back();
  return {result};
}

Shapes dot(const LayerUse& use) {
  if (use.inputs.size() != 2 || !use.inputs[1]) return {};
  Shape a = first_input(use), b = *use.inputs[1];
  const json& axes = member(use.config, "axes");
  const bool two = axes.is_array() && axes.size() == 2;
  const auto axis_a = axis_of(two ? axes[0] : axes, a.size()), axis_b = axis_of(two ? axes[1] : axes, b.size());
  if (!axis_a || !axis_b || *axis_b == 0) return {};
  a.erase(a.begin() + static_cast<std::ptrdiff_t>(*axis_a));
  b.erase(b.begin() + static_cast<std::ptrdiff_t>(*axis_b));
  a.insert(a.end(), b.begin() + 1, b.end());
  if (a.size() == 1) a.push_back(1);
  return {a};
}

/// Resizing and cropping of images: height and width by the layer's arguments.
Shapes image_of_size(const LayerUse& use) {
  Shape shape = first_input(use);
  if (shape.size() < 3) return {};
  const std::size_t last = channels_first(use.config) ? shape.size() : shape.size() - 1;
  const auto height = small_integer(member(use.config, "height")), width = small_integer(member(use.config, "width"));
  if (!height || !width) return {};
  shape[last - 2] = *height;
  shape[last - 1] = *width;
  return {shape};
}

Shapes random_height(const LayerUse& use) {
  Shape shape = first_input(use);
  if (shape.size() != 4) return {};
  shape[1] = kDynamic;
  return {shape};
}
Shapes random_width(const LayerUse& use) {
  Shape shape = first_input(use);
  if (shape.size() != 4) return {};
  shape[2] = kDynamic;
  return {shape};
}

/// Where the function is somebody's, the shape is what the layer declares, without the batch: [28, 28, 8].
Shapes lambda(const LayerUse& use) {
  const json& declared = unwrapped(member(use.config, "output_shape"));
  if (!declared.is_array() || declared.empty() || declared.size() > kMaxOutputs) return {};
  const std::int64_t batch =
      use.inputs.empty() || !use.inputs[0] || use.inputs[0]->empty() ? kDynamic : first_input(use)[0];
  const auto with_batch = [&](const json& extents) {
    auto shape = shape_from_json(extents);
    if (shape) shape->insert(shape->begin(), batch);
    return shape;
  };
  Shapes result;
  if (declared[0].is_array())
    for (const json& output : declared) result.push_back(with_batch(output));
  else
    result.push_back(with_batch(declared));
  return result;
}

Shapes einsum_dense(const LayerUse& use) {
  const Shape& input = first_input(use);
  const json& text = member(use.config, "equation");
  const std::string equation = text.is_string() ? text.get<std::string>() : "";
  const std::size_t comma = equation.find(','), arrow = equation.find("->");
  const json& declared = unwrapped(member(use.config, "output_shape"));
  if (comma == std::string::npos || arrow == std::string::npos || arrow < comma) return {};
  std::string from = equation.substr(0, comma), to = equation.substr(arrow + 2);
  const auto given = integers(declared, declared.is_array() ? declared.size() : 1);
  Extents known;
  if (given)
    known = *given;
  else if (declared.is_array())
    for (const json& item : declared) known.push_back(small_integer(item).value_or(kDynamic));
  // "...x,xy->...y": axes without letters go through.
  std::size_t elided = 0;
  if (from.compare(0, 3, "...") == 0 && to.compare(0, 3, "...") == 0) {
    from.erase(0, 3);
    to.erase(0, 3);
    if (input.size() < from.size()) return {};
    elided = input.size() - from.size();
  }
  if (from.size() + elided != input.size() || known.size() > to.size() + elided) return {};
  Shape result(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(elided));
  for (const char label : to) {
    const std::size_t at = from.find(label);
    result.push_back(at == std::string::npos ? kDynamic : input[elided + at]);
  }
  // The declared extents are the last ones.
  for (std::size_t i = 0; i < known.size(); ++i)
    if (std::int64_t& extent = result[result.size() - known.size() + i]; extent == kDynamic) extent = known[i];
  return {result};
}

Shapes text_vectorization(const LayerUse& use) {
  const auto length = small_integer(member(use.config, "output_sequence_length"));
  return {Shape{first_input(use)[0], length.value_or(kDynamic)}};
}

using Rule = Shapes (*)(const LayerUse&);

/// A rule, and whether it can tell something about an input that is not known.
struct Entry {
  Rule rule;
  bool any_input = false;
};

const std::map<std::string_view, Entry>& table() {
  static const std::map<std::string_view, Entry> kTable = {
      {"Add", {merge_layer, true}},
      {"Subtract", {merge_layer, true}},
      {"Multiply", {merge_layer, true}},
      {"Average", {merge_layer, true}},
      {"Maximum", {merge_layer, true}},
      {"Minimum", {merge_layer, true}},
      {"CustomScaleLayer", {merge_layer, true}},  // keras.applications' InceptionResNetV2
      {"Custom>CustomScaleLayer", {merge_layer, true}},
      {"Concatenate", {concatenate, true}},
      {"Lambda", {lambda, true}},
      {"Flatten", {flatten}},
      {"Reshape", {reshape}},
      {"Permute", {permute}},
      {"RepeatVector", {repeat_vector}},
      {"Dense", {dense}},
      {"NoisyDense", {dense}},
      {"EinsumDense", {einsum_dense}},
      {"Embedding", {embedding}},
      {"ReversibleEmbedding", {embedding}},
      {"LSTM", {lstm}},
      {"CuDNNLSTM", {lstm}},
      {"GRU", {gru}},
      {"CuDNNGRU", {gru}},
      {"SimpleRNN", {gru}},
      {"RNN", {rnn}},
      {"ConvLSTM1D", {conv_lstm}},
      {"ConvLSTM2D", {conv_lstm}},
      {"ConvLSTM3D", {conv_lstm}},
      {"Bidirectional", {bidirectional}},
      {"TimeDistributed", {time_distributed}},
      {"SpectralNormalization", {wrapper}},
      {"WeightNormalization", {wrapper}},
      {"MultiHeadAttention", {multi_head_attention}},
      {"GroupedQueryAttention", {multi_head_attention}},
      {"GroupQueryAttention", {multi_head_attention}},
      {"Attention", {attention}},
      {"AdditiveAttention", {attention}},
      {"Dot", {dot}},
      {"Resizing", {image_of_size}},
      {"CenterCrop", {image_of_size}},
      {"RandomCrop", {image_of_size}},
      {"RandomHeight", {random_height}},
      {"RandomWidth", {random_width}},
      {"TextVectorization", {text_vectorization}},
  };
  return kTable;
}

/// Normalisations, activations, noise, random augmentation of images: what comes in has the shape of what goes out.
/// LayerScale and StochasticDepth are keras.applications' (ConvNeXt).
// clang-format off
constexpr std::string_view kKeepShape[] = {
    "ActivityRegularization", "Activation", "AlphaDropout", "AugMix", "AutoContrast", "BatchNormalization",
    "BatchNormalizationV1", "BatchNormalizationV2", "CLAHE", "Discretization", "Dropout", "ELU", "Equalization",
    "GaussianDropout", "GaussianNoise", "GroupNormalization", "Hashing", "Identity", "InstanceNormalization",
    "IntegerLookup", "LayerNormalization", "LayerScale", "LeakyReLU", "Masking", "Normalization", "PReLU",
    "RMSNormalization", "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter",
    "RandomContrast", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale",
    "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation",
    "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom", "ReLU", "Rescaling", "Softmax", "Solarization",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "StochasticDepth", "StringLookup",
    "SyncBatchNormalization", "ThresholdedReLU", "UnitNormalization"};
// clang-format on

bool keeps_shape(std::string_view name) {
  return std::find(std::begin(kKeepShape), std::end(kKeepShape), name) != std::end(kKeepShape);
}

}  // namespace

Shapes layer_rule(const LayerUse& use) {
  const auto entry = table().find(use.class_name);
  if (entry != table().end() && entry->second.any_input) return entry->second.rule(use);
  if (use.inputs.empty()) return {};
  if (use.inputs.size() == 1 && input_rank(use.class_name) > 0 && entry == table().end() &&
      !keeps_shape(use.class_name)) {
    const Shape unknown(input_rank(use.class_name), kDynamic);
    return {window_rule(use.class_name, use.config, use.inputs[0].value_or(unknown))};
  }
  if (!use.inputs[0] || use.inputs[0]->empty()) return {};
  if (entry != table().end()) return entry->second.rule(use);
  if (use.inputs.size() == 1 && keeps_shape(use.class_name)) return same(use);
  return {};
}

}  // namespace sepconv::keras

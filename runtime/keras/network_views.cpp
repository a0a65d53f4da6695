// Layers that change no element: identities at inference, and other shapes of the same memory.

#include <algorithm>

#include "runtime/keras/json_text.h"
#include "runtime/keras/network_lowering.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

int lower_reshape(CallLowering& c) { return c.reshape(c.input()); }

/// With channels_first Keras moves the channels to the end before it flattens.
int lower_flatten(CallLowering& c) {
  const std::vector<std::int64_t>& shape = c.shape(c.input());
  const bool moves = layout_of(c.config()) == Layout::nchw && shape.size() > 1 && shape.front() != 1 &&
                     elements_of_shape(shape) != shape.front();
  if (!moves) return lower_reshape(c);
  const std::int64_t channels = shape.front(), pixels = elements_of_shape(shape) / channels;
  const int moved = c.with_exchanged_axes(c.input(), channels, pixels, 1);
  return c.view(moved, c.output_shape, c.draft.tensor(moved).tensor.images);
}

/// The axes of more than one element in their new order, counted from 0 in their old one.
std::vector<std::size_t> permutation(const json& dims, const std::vector<std::int64_t>& shape) {
  std::vector<std::size_t> axes;
  std::vector<bool> used(shape.size(), false);
  for (const json& dim : dims.is_array() ? dims : json::array()) {
    if (!dim.is_number_integer() || dim < 1 || dim > static_cast<int>(shape.size()) || used[dim.get<std::size_t>() - 1])
      throw NotCompiledError("its dims make no sense");
    used[dim.get<std::size_t>() - 1] = true;
    if (shape[dim.get<std::size_t>() - 1] != 1) axes.push_back(dim.get<std::size_t>() - 1);
  }
  return axes;
}

/// The memory stays the same where only axes of one element move. Else two neighbouring groups of axes change places.
int lower_permute(CallLowering& c) {
  const std::vector<std::int64_t> shape = c.shape(c.input());
  const std::vector<std::size_t> axes = permutation(member(c.config(), "dims"), shape);
  if (std::is_sorted(axes.begin(), axes.end())) return lower_reshape(c);
  // Axes that stay at the end are a run of elements.
  std::vector<std::size_t> sorted = axes;
  std::sort(sorted.begin(), sorted.end());
  std::size_t moved = axes.size();
  std::int64_t run = 1;
  while (axes[moved - 1] == sorted[moved - 1]) run *= shape[axes[--moved]];
  const auto begin = axes.begin(), end = begin + static_cast<std::ptrdiff_t>(moved);
  const auto turn = std::find(begin, end, sorted.front());
  if (turn == begin || !std::is_sorted(begin, turn) || !std::is_sorted(turn, end) || *(end - 1) > *begin)
    throw NotCompiledError("only permutations that exchange two groups of axes are compiled");
  std::int64_t outer = 1, inner = 1;  // in the input
  for (auto axis = turn; axis != end; ++axis) outer *= shape[*axis];
  for (auto axis = begin; axis != turn; ++axis) inner *= shape[*axis];
  const int exchanged = c.with_exchanged_axes(c.input(), outer, inner, run);
  return c.view(exchanged, c.output_shape, c.draft.tensor(exchanged).tensor.images);
}

int lower_identity(CallLowering& c) {
  const int input = c.input();
  if (c.output_shape != c.shape(input)) throw NotCompiledError("it changes its input's shape");
  return c.apply(input, Layout::nhwc, Epilogue{});
}

}  // namespace

const Lowerings& view_lowerings() {
  static const Lowerings table = [] {
    Lowerings lowerings = {{"Flatten", lower_flatten}, {"Reshape", lower_reshape}, {"Permute", lower_permute}};
    // clang-format off
    for (const char* name : {
             "ActivityRegularization", "AlphaDropout", "AugMix", "Dropout", "GaussianDropout", "GaussianNoise",
             "Identity", "RandAugment", "RandomBrightness", "RandomColorDegeneration", "RandomColorJitter",
             "RandomContrast", "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur",
             "RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization",
             "RandomRotation", "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom",
             "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "StochasticDepth"})
      lowerings[name] = lower_identity;
    // clang-format on
    return lowerings;
  }();
  return table;
}

}  // namespace sepconv::keras

// Layers that change no element: identities at inference, and other shapes of the same memory.

#include "runtime/keras/json_text.h"
#include "runtime/keras/network_lowering.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

/// Any shape of as many elements: Keras' order of elements is that of the memory.
int lower_reshape(CallLowering& c) {
  const int input = c.input();
  if (elements_of_shape(c.shape(input)) != elements_of_shape(c.output_shape))
    throw NotCompiledError("its output has not as many elements as its input");
  return c.view(input, c.output_shape, c.draft.tensor(input).tensor.images);
}

/// With channels_first Keras moves the channels to the end before it flattens.
int lower_flatten(CallLowering& c) {
  const std::vector<std::int64_t>& shape = c.shape(c.input());
  const bool moves = layout_of(c.config()) == Layout::nchw && shape.size() > 1 && shape.front() != 1 &&
                     elements_of_shape(shape) != shape.front();
  if (moves) throw NotCompiledError("Flatten with channels_first is not compiled");
  return lower_reshape(c);
}

/// The memory stays the same where only axes of one element move.
int lower_permute(CallLowering& c) {
  const std::vector<std::int64_t>& shape = c.shape(c.input());
  const json& dims = member(c.config(), "dims");
  std::int64_t last = 0;
  for (const json& dim : dims.is_array() ? dims : json::array()) {
    if (!dim.is_number_integer() || dim < 1 || dim > static_cast<int>(shape.size()))
      throw NotCompiledError("its dims make no sense");
    if (shape[dim.get<std::size_t>() - 1] == 1) continue;
    if (dim < last) throw NotCompiledError("a permutation that moves elements in memory is not compiled");
    last = dim.get<std::int64_t>();
  }
  return lower_reshape(c);
}

int lower_identity(CallLowering& c) {
  const int input = c.input();
  if (c.output_shape != c.shape(input)) throw NotCompiledError("it changes its input's shape");
  return c.draft.add_view(input, c.layer.name, c.output_shape, c.draft.tensor(input).tensor.images);
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

// A call of a Keras layer without an allocation: the convolution for the input's size, found or made.

#include <optional>
#include <stdexcept>

#include "runtime/core/view_checks.h"
#include "runtime/layers/layer_state.h"

namespace sepconv {

using detail::image_shape;

/// A view's shape without its batch.
Shape detail::image_shape(const ConstTensorView& view) {
  if (view.rank < 1 || view.rank > kMaxRank) return {};
  return Shape(view.extents.begin() + 1, view.extents.begin() + view.rank);
}

Status KerasConvLayer::run(const RunContext& context, const ConstTensorView& in, const TensorView& out) const noexcept {
  const LayerConfig& config = *config_;
  const char* name = config.name.c_str();
  if (state_ == nullptr)
    return Status::error(StatusCode::not_built, "layer '%s' is not built: call build(input_shape) first", name);
  for (const ConstTensorView& view : {in, static_cast<ConstTensorView>(out)})
    if (view.rank != config.rank + 2)
      return Status::error(StatusCode::invalid_shape, "layer '%s': expected tensors of rank %d, received rank %d", name,
                           config.rank + 2, view.rank);
  const bool channels_last = config.layout == Layout::nhwc;
  const int first = channels_last ? 1 : 2;
  const std::int64_t C = in.extents[channels_last ? config.rank + 1 : 1];
  const std::int64_t H = config.rank == 1 ? 1 : in.extents[first];
  const std::int64_t W = in.extents[first + config.rank - 1];
  if (C != state_->IC)
    return Status::error(StatusCode::invalid_shape,
                         "Input 0 of layer '%s' is incompatible with the layer: expected axis %d of input shape to "
                         "have value %lld, but received input with shape %s",
                         name, channels_last ? -1 : 1, static_cast<long long>(state_->IC), detail::ShapeText(in).text);
  if (const ConvLayer* layer = state_->find(H, W)) return layer->run(context, in, out);
  try {
    const Shape wanted = detail::output_shape(config, detail::input_extents(config, image_shape(in)));
    bool empty = false;
    for (const std::int64_t extent : wanted) {
      if (extent < 0)
        return Status::error(StatusCode::invalid_shape, "%s",
                             detail::empty_output_text(config, image_shape(in), {H, W, C}).c_str());
      empty = empty || extent == 0;
    }
    if (empty) {
      if (image_shape(out) == wanted && in.extents[0] == out.extents[0]) return {};
      return Status::error(StatusCode::invalid_shape,
                           "layer '%s': the output has shape %s; expected %s after the batch", name,
                           detail::ShapeText(out).text, to_text(wanted).c_str());
    }
    std::optional<ConvLayer> layer;
    try {
      layer = state_->get_or_make(H, W);
    } catch (const std::invalid_argument& error) {
      return Status::error(state_->forced.empty() ? StatusCode::invalid_shape : StatusCode::no_kernel, "%s",
                           error.what());
    }
    return layer->run(context, in, out);
  } catch (const std::invalid_argument& error) {
    return Status::error(StatusCode::invalid_shape, "%s", error.what());
  } catch (const std::exception& error) {
    return Status::error(StatusCode::kernel_failed, "layer '%s': %s", name, error.what());
  }
}

}  // namespace sepconv

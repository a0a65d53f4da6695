// A call of a Keras layer that allocates its output.

#include <stdexcept>
#include <utility>

#include "runtime/layers/layer_state.h"

namespace sepconv {

using detail::check_channels;
using detail::image_shape;
using detail::InputExtents;

Tensor KerasConvLayer::operator()(const ConstTensorView& input, const RunContext& context) {
  if (!is_floating_point(input.dtype))
    throw std::invalid_argument("layer '" + name() + "': the input's dtype: " + keras_name(input.dtype) +
                                " is not in the list of allowed values: float16, bfloat16, float32, float64; integers "
                                "are never cast");
  const bool other_type = input.dtype != compute_dtype();
  if (other_type && !config_->autocast)
    throw std::invalid_argument("layer '" + name() + "': the input's dtype is " + keras_name(input.dtype) +
                                "; expected " + keras_name(compute_dtype()) + ", because autocast is off");
  const Shape shape = image_shape(input);
  if (state_ == nullptr) build(shape);
  const InputExtents in = detail::input_extents(*config_, shape);
  check_channels(*config_, shape, in.C, state_->IC);
  Shape output = detail::output_shape(*config_, in);
  for (const std::int64_t extent : output)
    if (extent < 0) throw std::invalid_argument(detail::empty_output_text(*config_, shape, in));
  output.insert(output.begin(), input.extents[0]);
  Tensor result(std::move(output), compute_dtype());
  Status status;
  if (result.elements() != 0) {
    const Tensor converted = other_type ? cast(input, compute_dtype()) : Tensor();
    status = run(context, other_type ? converted.view() : input, result);
  }
  if (status.ok()) {
    if (config_->activity_regularizer.given()) activity_loss_ = detail::activity_penalty(*config_, result);
    return result;
  }
  if (status.code() == StatusCode::no_kernel || status.code() == StatusCode::kernel_failed)
    throw std::runtime_error(status.message());
  throw std::invalid_argument(status.message());
}

}  // namespace sepconv

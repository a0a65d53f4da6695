#include "sepconv/tensor.h"

#include <cstring>
#include <limits>
#include <stdexcept>

namespace sepconv {
namespace {

/// Fills rank, extents and dense pitches.
template <class View>
View make_dense(decltype(View::data) data, DataType dtype, const Shape& shape) {
  if (shape.empty() || shape.size() > kMaxRank)
    throw std::invalid_argument("shape: received " + to_text(shape) + "; expected 1 to " + std::to_string(kMaxRank) +
                                " axes");
  View view;
  view.data = data;
  view.dtype = dtype;
  view.rank = static_cast<int>(shape.size());
  const std::int64_t limit = std::numeric_limits<std::int64_t>::max() / 16;
  std::int64_t pitch = 1;
  for (int axis = view.rank - 1; axis >= 0; --axis) {
    const std::int64_t extent = shape[axis];
    if (extent < 0)
      throw std::invalid_argument("shape: received " + to_text(shape) + "; expected extents of 0 or more");
    if (extent > 1 && pitch > limit / extent)
      throw std::invalid_argument("shape: received " + to_text(shape) + "; its elements cannot be addressed");
    view.extents[axis] = extent;
    view.pitches[axis] = pitch;
    pitch *= extent > 1 ? extent : 1;
  }
  return view;
}

}  // namespace

std::string to_text(const Shape& shape) {
  std::string text = "(";
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    text += (axis == 0 ? "" : ", ") + (shape[axis] == kDynamic ? std::string("None") : std::to_string(shape[axis]));
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::int64_t ConstTensorView::elements() const noexcept {
  std::int64_t count = 1;
  for (int axis = 0; axis < rank; ++axis) count *= extents[axis];
  return count;
}

ConstTensorView dense_view(const float* data, const Shape& shape) {
  return make_dense<ConstTensorView>(data, DataType::float32, shape);
}
TensorView dense_view(float* data, const Shape& shape) {
  return make_dense<TensorView>(data, DataType::float32, shape);
}
ConstTensorView dense_view(const void* data, DataType dtype, const Shape& shape) {
  return make_dense<ConstTensorView>(data, dtype, shape);
}
TensorView dense_view(void* data, DataType dtype, const Shape& shape) {
  return make_dense<TensorView>(data, dtype, shape);
}

Tensor::Tensor(Shape shape, DataType dtype) : shape_(std::move(shape)), dtype_(dtype) {
  const std::int64_t count = dense_view(static_cast<const void*>(nullptr), dtype, shape_).elements();
  buffer_ = AlignedBuffer(static_cast<std::size_t>(count) * size_bytes(dtype));
}

Tensor::Tensor(const Tensor& other) : shape_(other.shape_), dtype_(other.dtype_), buffer_(other.buffer_.bytes()) {
  if (buffer_.bytes() != 0) std::memcpy(buffer_.data(), other.buffer_.data(), buffer_.bytes());
}

Tensor& Tensor::operator=(const Tensor& other) {
  if (this != &other) *this = Tensor(other);
  return *this;
}

std::int64_t Tensor::elements() const noexcept {
  if (shape_.empty()) return 0;
  std::int64_t count = 1;
  for (const std::int64_t extent : shape_) count *= extent;
  return count;
}

TensorView Tensor::view() { return dense_view(buffer_.data(), dtype_, shape_); }
ConstTensorView Tensor::view() const { return dense_view(buffer_.data(), dtype_, shape_); }

}  // namespace sepconv

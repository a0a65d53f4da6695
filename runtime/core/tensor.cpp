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

void Tensor::require(DataType wanted) const {
  if (dtype_ != wanted)
    throw std::invalid_argument(std::string("Tensor: its elements are ") + keras_name(dtype_) + ", not " +
                                keras_name(wanted));
}

TensorView Tensor::view() { return dense_view(buffer_.data(), dtype_, shape_); }
ConstTensorView Tensor::view() const { return dense_view(buffer_.data(), dtype_, shape_); }

namespace {

double element(const ConstTensorView& view, std::int64_t offset) noexcept {
  switch (view.dtype) {
    case DataType::float32: return static_cast<const float*>(view.data)[offset];
    case DataType::float64: return static_cast<const double*>(view.data)[offset];
    case DataType::float16: return to_float(static_cast<const float16*>(view.data)[offset]);
    case DataType::bfloat16: return to_float(static_cast<const bfloat16*>(view.data)[offset]);
    case DataType::int8: return static_cast<const std::int8_t*>(view.data)[offset];
    case DataType::uint8:
    case DataType::boolean: return static_cast<const std::uint8_t*>(view.data)[offset];
    case DataType::int32: return static_cast<const std::int32_t*>(view.data)[offset];
    case DataType::int64: return static_cast<double>(static_cast<const std::int64_t*>(view.data)[offset]);
  }
  return 0;
}

void set_element(void* data, DataType dtype, std::int64_t index, double value) noexcept {
  switch (dtype) {
    case DataType::float32: static_cast<float*>(data)[index] = static_cast<float>(value); break;
    case DataType::float64: static_cast<double*>(data)[index] = value; break;
    case DataType::float16: static_cast<float16*>(data)[index] = to_float16(value); break;
    case DataType::bfloat16: static_cast<bfloat16*>(data)[index] = to_bfloat16(value); break;
    default: break;
  }
}

/// Calls f(flat index in row-major order, offset in elements).
template <class F>
void for_each_element(const ConstTensorView& view, F&& f) {
  const std::int64_t count = view.elements();
  std::array<std::int64_t, kMaxRank> at{};
  std::int64_t offset = 0;
  for (std::int64_t index = 0; index < count; ++index) {
    f(index, offset);
    for (int axis = view.rank - 1; axis >= 0; --axis) {
      offset += view.pitches[axis];
      if (++at[axis] < view.extents[axis]) break;
      offset -= at[axis] * view.pitches[axis];
      at[axis] = 0;
    }
  }
}

}  // namespace

Tensor cast(const ConstTensorView& from, DataType dtype) {
  if (!is_floating_point(dtype))
    throw std::invalid_argument(std::string("cast: received ") + keras_name(dtype) +
                                "; expected a floating point type");
  Tensor to(from.shape(), dtype);
  void* data = to.bytes();
  for_each_element(
      from, [&](std::int64_t index, std::int64_t offset) { set_element(data, dtype, index, element(from, offset)); });
  return to;
}

Tensor make_tensor(const std::vector<double>& values, const Shape& shape, DataType dtype) {
  const ConstTensorView from = dense_view(values.data(), shape);
  if (static_cast<std::size_t>(from.elements()) != values.size())
    throw std::invalid_argument("make_tensor: " + std::to_string(values.size()) + " values for shape " +
                                to_text(shape));
  return cast(from, dtype);
}

std::vector<double> to_doubles(const ConstTensorView& view) {
  std::vector<double> values(static_cast<std::size_t>(view.elements()));
  for_each_element(view, [&](std::int64_t index, std::int64_t offset) { values[index] = element(view, offset); });
  return values;
}

}  // namespace sepconv

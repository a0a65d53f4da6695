#pragma once
// A dense tensor that owns its memory.

#include "sepconv/aligned_buffer.h"
#include "sepconv/tensor_view.h"

namespace sepconv {

/// Dense, zero-filled at construction, 64-byte aligned. Copies copy the elements.
class Tensor {
 public:
  Tensor() = default;
  /// @throws std::invalid_argument for a shape that dense_view refuses; std::bad_alloc
  explicit Tensor(Shape shape, DataType dtype = DataType::float32);
  Tensor(const Tensor& other);
  Tensor& operator=(const Tensor& other);
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;
  ~Tensor() = default;

  const Shape& shape() const noexcept { return shape_; }
  DataType dtype() const noexcept { return dtype_; }
  std::int64_t elements() const noexcept;
  /// Element pointer; nullptr where the tensor has no elements. Valid for float32 tensors.
  float* data() noexcept { return static_cast<float*>(buffer_.data()); }
  const float* data() const noexcept { return static_cast<const float*>(buffer_.data()); }

  TensorView view();
  ConstTensorView view() const;
  operator TensorView() { return view(); }
  operator ConstTensorView() const { return view(); }

 private:
  Shape shape_;
  DataType dtype_ = DataType::float32;
  AlignedBuffer buffer_;
};

}  // namespace sepconv

#pragma once
// A dense tensor that owns its memory.

#include <vector>

#include "sepconv/detail/aligned_buffer.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv {

/// Dense, zero-filled at construction, 64-byte aligned. Copying copies the elements.
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
  /// Pointer to the elements; nullptr if the tensor has none.
  /// @throws std::invalid_argument if the elements are not of type T: float, double, float16 or bfloat16.
  template <class T = float>
  T* data() {
    require(DataTypeOf<T>::value);
    return static_cast<T*>(buffer_.data());
  }
  template <class T = float>
  const T* data() const {
    require(DataTypeOf<T>::value);
    return static_cast<const T*>(buffer_.data());
  }
  /// The memory of the elements, whatever their type.
  void* bytes() noexcept { return buffer_.data(); }
  const void* bytes() const noexcept { return buffer_.data(); }

  TensorView view();
  ConstTensorView view() const;
  operator TensorView() { return view(); }
  operator ConstTensorView() const { return view(); }

 private:
  void require(DataType dtype) const;

  Shape shape_;
  DataType dtype_ = DataType::float32;
  AlignedBuffer buffer_;
};

/// A dense copy in another floating point type; each element is rounded once.
/// @throws std::invalid_argument if `dtype` is not one; std::bad_alloc
Tensor cast(const ConstTensorView& from, DataType dtype);
/// @throws std::invalid_argument if the number of values differs from the number of elements of the shape
Tensor make_tensor(const std::vector<double>& values, const Shape& shape, DataType dtype = DataType::float32);
/// All elements in row-major order; int64 values beyond 2^53 are rounded.
std::vector<double> to_doubles(const ConstTensorView& view);

}  // namespace sepconv

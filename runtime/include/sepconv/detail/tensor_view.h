#pragma once
// Non-owning views of memory: a pointer, a data type, extents and pitches.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "sepconv/conv_problem.h"

namespace sepconv {

inline constexpr int kMaxRank = 4;

/// Extents of a tensor in Keras' axis order, batch first: {N, H, W, C}, {N, C, H, W}, {N, L, C} or {N, C, L}.
using Shape = std::vector<std::int64_t>;

/// "(4, 10, 12)", as Keras prints shapes; kDynamic prints as None.
std::string to_text(const Shape& shape);

/// A read-only tensor. Axes in Keras' order, batch first; pitches in elements.
struct ConstTensorView {
  const void* data = nullptr;
  DataType dtype = DataType::float32;
  int rank = 0;
  std::array<std::int64_t, kMaxRank> extents{};
  std::array<std::int64_t, kMaxRank> pitches{};

  /// Number of elements; 1 for rank 0.
  std::int64_t elements() const noexcept;
  Shape shape() const { return Shape(extents.begin(), extents.begin() + rank); }
};

/// A writable tensor.
struct TensorView {
  void* data = nullptr;
  DataType dtype = DataType::float32;
  int rank = 0;
  std::array<std::int64_t, kMaxRank> extents{};
  std::array<std::int64_t, kMaxRank> pitches{};

  std::int64_t elements() const noexcept { return ConstTensorView(*this).elements(); }
  Shape shape() const { return Shape(extents.begin(), extents.begin() + rank); }
  operator ConstTensorView() const noexcept { return {data, dtype, rank, extents, pitches}; }
};

/// Views of dense memory, the last axis innermost.
/// @throws std::invalid_argument if the shape has no axis or more than kMaxRank, a negative extent, or too many
/// elements.
ConstTensorView dense_view(const void* data, DataType dtype, const Shape& shape);
TensorView dense_view(void* data, DataType dtype, const Shape& shape);

/// The same for float, double, float16 and bfloat16 elements.
template <class T, DataType dtype = DataTypeOf<T>::value>
ConstTensorView dense_view(const T* data, const Shape& shape) {
  return dense_view(static_cast<const void*>(data), dtype, shape);
}
template <class T, DataType dtype = DataTypeOf<T>::value>
TensorView dense_view(T* data, const Shape& shape) {
  return dense_view(static_cast<void*>(data), dtype, shape);
}

}  // namespace sepconv

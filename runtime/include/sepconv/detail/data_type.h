#pragma once
// The element types of tensors, and Keras' two 16-bit floating point types, which C++17 does not have.

#include <cstddef>
#include <cstdint>

namespace sepconv {

/// Kernels compute the floating point types. The others exist so that an integer input can be described and refused.
enum class DataType : std::uint8_t { float32, float64, float16, bfloat16, int8, uint8, int32, int64, boolean };

bool is_floating_point(DataType dtype) noexcept;
/// "f32", "f64", "f16", "bf16", "i8", "u8", "i32", "i64", "bool".
const char* to_text(DataType dtype) noexcept;
/// "float32", "bfloat16", "int32", "bool": the names of NumPy and Keras.
const char* keras_name(DataType dtype) noexcept;
/// Bytes per element.
std::size_t size_bytes(DataType dtype) noexcept;

/// IEEE 754 binary16: 11 significant bits, largest finite value 65504.
struct float16 {
  std::uint16_t bits = 0;
};

/// The upper half of a float32: 8 significant bits.
struct bfloat16 {
  std::uint16_t bits = 0;
};

/// Converts exactly.
float to_float(float16 value) noexcept;
float to_float(bfloat16 value) noexcept;
/// Rounds once, to nearest, ties to even; values beyond the range become infinity. A NaN becomes quiet and keeps the
/// top bits of its payload.
float16 to_float16(double value) noexcept;
bfloat16 to_bfloat16(double value) noexcept;

/// `value` rounded to a floating point type, as a double; unchanged for float64 and the integer types.
double round_to(DataType dtype, double value) noexcept;

/// DataType of T: float, double, float16 or bfloat16.
template <class T>
struct DataTypeOf;
template <>
struct DataTypeOf<float> {
  static constexpr DataType value = DataType::float32;
};
template <>
struct DataTypeOf<double> {
  static constexpr DataType value = DataType::float64;
};
template <>
struct DataTypeOf<float16> {
  static constexpr DataType value = DataType::float16;
};
template <>
struct DataTypeOf<bfloat16> {
  static constexpr DataType value = DataType::bfloat16;
};

}  // namespace sepconv

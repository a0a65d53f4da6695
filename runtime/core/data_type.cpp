#include "sepconv/detail/data_type.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sepconv {
namespace {

struct TypeFacts {
  const char* text;
  const char* keras;
  std::size_t bytes;
};

TypeFacts facts_of(DataType dtype) noexcept {
  switch (dtype) {
    case DataType::float32: return {"f32", "float32", 4};
    case DataType::float64: return {"f64", "float64", 8};
    case DataType::float16: return {"f16", "float16", 2};
    case DataType::bfloat16: return {"bf16", "bfloat16", 2};
    case DataType::int8: return {"i8", "int8", 1};
    case DataType::uint8: return {"u8", "uint8", 1};
    case DataType::int32: return {"i32", "int32", 4};
    case DataType::int64: return {"i64", "int64", 8};
    case DataType::boolean: return {"bool", "bool", 1};
  }
  return {"?", "?", 0};
}

template <class To, class From>
To bit_cast(From from) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// A binary format of at most 16 bits that a double is rounded to.
struct Format {
  int exponent_bits, fraction_bits;
  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  std::uint16_t infinity() const { return static_cast<std::uint16_t>(((1 << exponent_bits) - 1) << fraction_bits); }
};

constexpr Format kFloat16{5, 10}, kBfloat16{8, 7};

std::uint16_t round_bits(double value, const Format& format) noexcept {
  constexpr int kDoubleFraction = 52;
  const auto bits = bit_cast<std::uint64_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 63 << 15);
  if (std::isnan(value)) {
    const auto payload = static_cast<std::uint16_t>((bits >> (kDoubleFraction - format.fraction_bits)) &
                                                    ((1u << format.fraction_bits) - 1));
    return static_cast<std::uint16_t>(sign | format.infinity() | 1u << (format.fraction_bits - 1) | payload);
  }
  if (std::isinf(value)) return sign | format.infinity();
  if (value == 0) return sign;
  // The value in units of the last place of its own exponent in the format, or of the smallest one when it is subnormal
  // there; nearbyint rounds ties to even. Rounding up into the next exponent carries into the exponent field.
  const int exponent = std::max(std::ilogb(value), 1 - format.bias());
  const auto units =
      static_cast<std::int64_t>(std::nearbyint(std::scalbn(std::fabs(value), format.fraction_bits - exponent)));
  const std::int64_t encoded =
      units + (static_cast<std::int64_t>(exponent + format.bias() - 1) << format.fraction_bits);
  return sign | (encoded >= format.infinity() ? format.infinity() : static_cast<std::uint16_t>(encoded));
}

}  // namespace

bool is_floating_point(DataType dtype) noexcept { return dtype <= DataType::bfloat16; }
const char* to_text(DataType dtype) noexcept { return facts_of(dtype).text; }
const char* keras_name(DataType dtype) noexcept { return facts_of(dtype).keras; }
std::size_t size_bytes(DataType dtype) noexcept { return facts_of(dtype).bytes; }

float to_float(float16 value) noexcept {
  const int exponent = value.bits >> 10 & 31, fraction = value.bits & 1023;
  const std::uint32_t sign = std::uint32_t{value.bits} >> 15 << 31;
  if (exponent == 31) return bit_cast<float>(sign | 0x7f800000u | static_cast<std::uint32_t>(fraction) << 13);
  const float magnitude =
      std::ldexp(static_cast<float>(exponent == 0 ? fraction : fraction + 1024), (exponent == 0 ? 1 : exponent) - 25);
  return sign == 0 ? magnitude : -magnitude;
}

float to_float(bfloat16 value) noexcept { return bit_cast<float>(std::uint32_t{value.bits} << 16); }

float16 to_float16(double value) noexcept { return {round_bits(value, kFloat16)}; }
bfloat16 to_bfloat16(double value) noexcept { return {round_bits(value, kBfloat16)}; }

double round_to(DataType dtype, double value) noexcept {
  switch (dtype) {
    case DataType::float32: return static_cast<float>(value);
    case DataType::float16: return to_float(to_float16(value));
    case DataType::bfloat16: return to_float(to_bfloat16(value));
    default: return value;
  }
}

}  // namespace sepconv

#include "generators/stages/element_types.h"

namespace sepconv::generators {
namespace {

using namespace Halide;

Expr bits_of(const Expr& value) { return reinterpret(UInt(32), value); }
Expr float_of(const Expr& bits) { return reinterpret(Float(32), bits); }
Expr u32(std::uint32_t value) { return Internal::make_const(UInt(32), value); }

Expr widen_float16(const Expr& stored) {
  const Expr bits = cast<std::uint32_t>(stored);
  const Expr sign = (bits & u32(0x8000)) << u32(16), magnitude = (bits & u32(0x7fff)) << u32(13);
  // The exponent field moves from bias 15 to bias 127 by a multiplication, which makes subnormals normal as well.
  const Expr finite = bits_of(float_of(magnitude) * 0x1p112f);
  const Expr special = magnitude | u32(0x7f800000);
  return float_of(sign | select(magnitude >= u32(0x7c00 << 13), special, finite));
}

Expr narrow_float16(const Expr& value) {
  const Expr bits = bits_of(value);
  const Expr sign = bits & u32(0x80000000), magnitude = bits ^ sign;
  // Adding half a unit of the last place that stays, less one, plus its last bit: ties go to even.
  const Expr normal = (magnitude + u32(0xc8000fff) + ((magnitude >> u32(13)) & u32(1))) >> u32(13);
  // Next to 0.5 a float's last place is that of float16's subnormals: the addition rounds.
  const Expr subnormal = bits_of(float_of(magnitude) + 0.5f) - u32(0x3f000000);
  const Expr nan = u32(0x7e00) | ((magnitude >> u32(13)) & u32(0x3ff));
  const Expr result = select(magnitude > u32(0x7f800000), nan, magnitude >= u32(0x47800000), u32(0x7c00),
                             magnitude < u32(0x38800000), subnormal, normal);
  return cast<std::uint16_t>(result | (sign >> u32(16)));
}

Expr narrow_bfloat16(const Expr& value) {
  const Expr bits = bits_of(value);
  const Expr nearest = (bits + u32(0x7fff) + ((bits >> u32(16)) & u32(1))) >> u32(16);
  const Expr nan = (bits >> u32(16)) | u32(0x40);
  return cast<std::uint16_t>(select((bits & u32(0x7fffffff)) > u32(0x7f800000), nan, nearest));
}

}  // namespace

ElementTypes::ElementTypes(DataType dtype, const Target& target)
    : dtype_(dtype), converts_float16_(target.converts_float16) {}

Type ElementTypes::stored() const { return is_16_bit() ? UInt(16) : accumulator(); }

Type ElementTypes::accumulator() const { return dtype_ == DataType::float64 ? Float(64) : Float(32); }

Expr ElementTypes::widen(const Expr& stored) const {
  if (!is_16_bit()) return stored;
  if (dtype_ == DataType::bfloat16) return float_of(cast<std::uint32_t>(stored) << u32(16));
  return converts_float16_ ? cast<float>(reinterpret(Float(16), stored)) : strict_float(widen_float16(stored));
}

Expr ElementTypes::narrow(const Expr& value) const {
  if (!is_16_bit()) return value;
  if (dtype_ == DataType::bfloat16) return narrow_bfloat16(value);
  return converts_float16_ ? reinterpret(UInt(16), cast(Float(16), value)) : strict_float(narrow_float16(value));
}

Expr ElementTypes::rounded(const Expr& value) const { return is_16_bit() ? widen(narrow(value)) : value; }

}  // namespace sepconv::generators

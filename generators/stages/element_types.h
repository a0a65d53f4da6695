#pragma once
// WHAT a stored number is: conversions between the data type that lies in memory and the type that sums are made in.

#include "Halide.h"
#include "generators/spec/target.h"
#include "sepconv/detail/data_type.h"

namespace sepconv::generators {

/// The types of a kernel, and the conversions between them that its target can run.
class ElementTypes {
 public:
  ElementTypes() = default;
  ElementTypes(DataType dtype, const Target& target);

  /// Type of input and output in memory: bits for the 16-bit types, so that Halide never emulates their arithmetic.
  Halide::Type stored() const;
  /// Type of sums, epilogues and packed weights: float64 for float64, else float32.
  Halide::Type accumulator() const;
  Halide::Expr zero() const { return Halide::Internal::make_zero(accumulator()); }
  bool is_16_bit() const { return dtype_ == DataType::float16 || dtype_ == DataType::bfloat16; }

  /// From memory; exact.
  Halide::Expr widen(const Halide::Expr& stored) const;
  /// To memory: to nearest, ties to even; beyond the range infinity; a NaN stays one.
  Halide::Expr narrow(const Halide::Expr& value) const;
  /// A sum rounded to the data type.
  Halide::Expr rounded(const Halide::Expr& value) const;

 private:
  DataType dtype_ = DataType::float32;
  bool converts_float16_ = false;  // the CPU does
};

}  // namespace sepconv::generators

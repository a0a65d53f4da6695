#pragma once
// NumPy's .npy files, versions 1 and 2: little-endian numbers in C order.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "sepconv/detail/data_type.h"

namespace sepconv::runner {

/// An array as the file holds it.
struct NpyArray {
  std::string dtype;                // NumPy's code: "<f4", "<f8", "<u2", "|u1", ...
  std::vector<std::int64_t> shape;  // outermost first; empty for a scalar
  std::vector<std::byte> data;      // elems() * the dtype's bytes

  std::int64_t elems() const;
  /// The elements of an "<f4" array.
  /// @throws std::invalid_argument naming the dtype of any other.
  std::vector<float> floats() const;
  /// The elements of an "<f2", "<f4" or "<f8" array.
  /// @throws std::invalid_argument naming the dtype of any other.
  std::vector<double> doubles() const;
  /// The elements of an array that holds `dtype`: bfloat16 as its bits, "<u2" or "V2", for which NumPy has no type.
  /// @throws std::invalid_argument naming both types where the array holds another.
  std::vector<double> doubles_of(DataType dtype) const;
};

/// An "<f4" array of `values`, whose count must be the shape's product.
NpyArray npy_from_floats(std::span<const float> values, std::vector<std::int64_t> shape);
/// An "<f8" array.
NpyArray npy_from_doubles(std::span<const double> values, std::vector<std::int64_t> shape);
/// An array of a floating point type, each value rounded once; bfloat16 as its bits, "<u2".
NpyArray npy_from_values(std::span<const double> values, std::vector<std::int64_t> shape, DataType dtype);

/// @param what  names the bytes in messages: a path, or "cases.npz: input".
/// @throws std::invalid_argument for anything but a whole, well-formed array of this kind; Fortran order, big-endian,
/// structured and object arrays are refused by name.
NpyArray parse_npy(std::span<const std::byte> bytes, const std::string& what);
NpyArray read_npy(const std::filesystem::path& path);

std::vector<std::byte> npy_bytes(const NpyArray& array);

/// Writes to a temporary name in the same folder and renames.
/// @throws std::runtime_error naming the path when the file cannot be written.
void write_npy(const std::filesystem::path& path, const NpyArray& array);

/// "(2, 96, 96, 3)"
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace sepconv::runner

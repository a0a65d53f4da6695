#pragma once
// The values of one weight before packing.

#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include "sepconv/detail/data_type.h"

namespace sepconv {

/// Numbers stored as float, which is also exact for the 16-bit types, or as double for float64 layers.
class WeightArray {
 public:
  WeightArray() = default;
  WeightArray(std::vector<float> values) : floats_(std::move(values)) {}
  WeightArray(std::vector<double> values) : doubles_(std::move(values)), is_double_(true) {}
  WeightArray(std::initializer_list<float> values) : floats_(values) {}
  /// Keeps the doubles for float64; otherwise rounds each once to float.
  WeightArray(const std::vector<double>& values, DataType dtype);

  bool is_double() const noexcept { return is_double_; }
  std::size_t size() const noexcept { return is_double_ ? doubles_.size() : floats_.size(); }
  bool empty() const noexcept { return size() == 0; }
  double operator[](std::size_t index) const noexcept { return is_double_ ? doubles_[index] : floats_[index]; }
  void set(std::size_t index, double value) noexcept;
  std::vector<double> to_doubles() const;
  std::vector<float> to_floats() const;

  /// True if the elements are equal, whatever their type.
  friend bool operator==(const WeightArray& a, const WeightArray& b);
  friend bool operator!=(const WeightArray& a, const WeightArray& b) { return !(a == b); }

 private:
  std::vector<float> floats_;
  std::vector<double> doubles_;
  bool is_double_ = false;
};

}  // namespace sepconv

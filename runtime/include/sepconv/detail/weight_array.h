#pragma once
// The values of one weight before packing.

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "sepconv/detail/data_type.h"

namespace sepconv {

/// Numbers stored as float, which is also exact for the 16-bit types, or as double for float64 layers. Copies share the
/// numbers until one of them is changed.
class WeightArray {
 public:
  WeightArray() = default;
  WeightArray(std::vector<float> values) : floats_(std::make_shared<std::vector<float>>(std::move(values))) {}
  WeightArray(std::vector<double> values) : doubles_(std::make_shared<std::vector<double>>(std::move(values))) {}
  WeightArray(std::initializer_list<float> values) : WeightArray(std::vector<float>(values)) {}
  /// Keeps the doubles for float64; otherwise rounds each once to float.
  WeightArray(const std::vector<double>& values, DataType dtype);

  bool is_double() const noexcept { return doubles_ != nullptr; }
  std::size_t size() const noexcept { return doubles_ ? doubles_->size() : floats_ ? floats_->size() : 0; }
  bool empty() const noexcept { return size() == 0; }
  double operator[](std::size_t index) const noexcept {
    return doubles_ ? (*doubles_)[index] : static_cast<double>((*floats_)[index]);
  }
  /// Changes this array alone.
  void set(std::size_t index, double value);
  std::vector<double> to_doubles() const;
  std::vector<float> to_floats() const;

  /// True if the elements are equal, whatever their type.
  friend bool operator==(const WeightArray& a, const WeightArray& b);
  friend bool operator!=(const WeightArray& a, const WeightArray& b) { return !(a == b); }

 private:
  std::shared_ptr<std::vector<float>> floats_;  // at most one is there
  std::shared_ptr<std::vector<double>> doubles_;
};

}  // namespace sepconv

#include "sepconv/detail/weight_array.h"

namespace sepconv {

WeightArray::WeightArray(const std::vector<double>& values, DataType dtype) : is_double_(dtype == DataType::float64) {
  if (is_double_)
    doubles_ = values;
  else
    floats_.assign(values.begin(), values.end());
}

void WeightArray::set(std::size_t index, double value) noexcept {
  if (is_double_)
    doubles_[index] = value;
  else
    floats_[index] = static_cast<float>(value);
}

std::vector<double> WeightArray::to_doubles() const {
  return is_double_ ? doubles_ : std::vector<double>(floats_.begin(), floats_.end());
}

std::vector<float> WeightArray::to_floats() const {
  return is_double_ ? std::vector<float>(doubles_.begin(), doubles_.end()) : floats_;
}

bool operator==(const WeightArray& a, const WeightArray& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return false;
  return true;
}

}  // namespace sepconv

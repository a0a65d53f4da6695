#include "sepconv/detail/weight_array.h"

namespace sepconv {

WeightArray::WeightArray(const std::vector<double>& values, DataType dtype) {
  if (dtype == DataType::float64)
    *this = values;
  else
    *this = std::vector<float>(values.begin(), values.end());
}

void WeightArray::set(std::size_t index, double value) {
  if (doubles_) {
    if (doubles_.use_count() != 1) doubles_ = std::make_shared<std::vector<double>>(*doubles_);
    (*doubles_)[index] = value;
  } else {
    if (floats_.use_count() != 1) floats_ = std::make_shared<std::vector<float>>(*floats_);
    (*floats_)[index] = static_cast<float>(value);
  }
}

std::vector<double> WeightArray::to_doubles() const {
  if (doubles_) return *doubles_;
  return floats_ ? std::vector<double>(floats_->begin(), floats_->end()) : std::vector<double>();
}

std::vector<float> WeightArray::to_floats() const {
  if (doubles_) return std::vector<float>(doubles_->begin(), doubles_->end());
  return floats_ ? *floats_ : std::vector<float>();
}

bool operator==(const WeightArray& a, const WeightArray& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) return false;
  return true;
}

}  // namespace sepconv

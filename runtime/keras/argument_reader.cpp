#include "runtime/keras/argument_reader.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "runtime/keras/json_text.h"

namespace sepconv::keras {

using nlohmann::json;

const json& ArgumentReader::at(const char* key) const { return member(config_, key); }

void ArgumentReader::refuse(const char* key, const std::string& expected) const {
  throw std::invalid_argument("The `" + std::string(key) + "` argument of " + class_name_ + " must be " + expected +
                              ". Received " + key + "=" + shown(at(key)));
}

void ArgumentReader::defer(const std::string& key, const std::string& expected, const json& value) {
  if (deferred_error_.empty())
    deferred_error_ = "Argument `" + key + "`: expected " + expected + ". Received: " + shown(value);
}

std::optional<int> ArgumentReader::count(const char* key, bool truncates) {
  const json& value = at(key);
  if (value.is_null()) {
    defer(key, "an integer", value);
    return std::nullopt;
  }
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (!value.is_number()) {
    if (keras2() && std::string(key) == "depth_multiplier") {
      defer(key, "an integer", value);
      return std::nullopt;
    }
    refuse(key, "an integer");
  }
  const double number = value.get<double>();
  if (std::abs(number) > std::numeric_limits<int>::max()) refuse(key, "at most 2147483647");
  if (value.is_number_float() && !truncates) {
    if (number <= 0 && !keras2()) refuse(key, "strictly positive");
    defer(key, "an integer", value);
    return std::nullopt;
  }
  return static_cast<int>(number);
}

IntOrTuple ArgumentReader::sizes(const char* key, int rank) {
  const json& value = at(key);
  const std::string expected = "a tuple of " + std::to_string(rank) + " integers";
  if (value.is_boolean() || value.is_number_integer()) return small_int(key, value, expected);
  if (!value.is_array()) refuse(key, expected);
  std::vector<int> values;
  for (const json& item : value) {
    if (item.is_number_float()) {
      // int() takes it, and the shape of a weight does not.
      const double number = item.get<double>();
      if (!(number > 0)) refuse(key, expected + ", all above 0");
      defer(key, expected, value);
      values.push_back(1);
    } else if (item.is_boolean() || item.is_number_integer()) {
      values.push_back(small_int(key, item, expected));
    } else {
      refuse(key, expected);
    }
  }
  if (values.empty()) refuse(key, expected);
  return values;
}

std::string ArgumentReader::padding() {
  const json& value = at("padding");
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) refuse("padding", "'valid' or 'same'");
  defer("padding", "'valid' or 'same'", value);
  return "valid";
}

Shape ArgumentReader::shape(const char* key) const {
  const json& value = at(key);
  Shape result;
  if (!value.is_array()) refuse(key, "a list of integers and nulls");
  for (const json& item : value) {
    if (!item.is_null() && !item.is_number_integer()) refuse(key, "a list of integers and nulls");
    result.push_back(item.is_null() ? kDynamic : item.get<std::int64_t>());
  }
  return result;
}

bool ArgumentReader::flag(const char* key) const {
  if (!at(key).is_boolean()) refuse(key, "true or false");
  return at(key).get<bool>();
}

int ArgumentReader::small_int(const char* key, const json& value, const std::string& expected) const {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (std::abs(value.get<double>()) > std::numeric_limits<int>::max()) refuse(key, expected + " up to 2147483647");
  return value.get<int>();
}

Tensor ArgumentReader::tensor(const char* key, const json& value) const {
  Shape shape;
  for (const json* level = &value; level->is_array(); level = &(*level)[0]) {
    shape.push_back(static_cast<std::int64_t>(level->size()));
    if (level->empty()) break;
  }
  std::vector<double> values;
  append(key, value, shape, 0, values);
  return make_tensor(values, shape, DataType::float64);
}

void ArgumentReader::append(const char* key, const json& value, const Shape& shape, std::size_t axis,
                            std::vector<double>& values) const {
  if (axis == shape.size()) {
    if (!value.is_number()) refuse(key, "a list of arrays of numbers");
    values.push_back(value.get<double>());
    return;
  }
  if (!value.is_array() || static_cast<std::int64_t>(value.size()) != shape[axis])
    refuse(key, "a list of arrays whose rows have the same length");
  for (const json& item : value) append(key, item, shape, axis + 1, values);
}

}  // namespace sepconv::keras

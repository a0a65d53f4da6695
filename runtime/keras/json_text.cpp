#include "runtime/keras/json_text.h"

#include <stdexcept>

#include "runtime/core/json_size.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxReason = 300;

/// Python's json writes numbers that JSON does not have, such as the mask_value of Masking(NaN). They become strings
/// here, so that only the layer that reads one as a number is refused.
std::string with_quoted_numbers(std::string_view text) {
  std::string result;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      result += text[i++];
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      std::string_view number;
      for (const std::string_view known : {"NaN", "Infinity", "-Infinity"})
        if (text.substr(i, known.size()) == known) number = known;
      if (!number.empty()) {
        result.append("\"").append(number).append("\"");
        i += number.size() - 1;
        continue;
      }
    }
    result += text[i];
  }
  return result;
}

bool may_hold_other_numbers(std::string_view text) {
  return text.find("NaN") != std::string_view::npos || text.find("Infinity") != std::string_view::npos;
}

}  // namespace

json parse_json(std::string_view text, const std::string& what) {
  detail::check_json_size(text, what, {kMaxJsonDepth, kMaxJsonValues});
  try {
    return may_hold_other_numbers(text) ? json::parse(with_quoted_numbers(text)) : json::parse(text);
  } catch (const json::exception& error) {
    std::string reason = error.what();  // quotes what was read last, however long
    if (reason.size() > kMaxReason) reason = reason.substr(0, kMaxReason - 3) + "...";
    throw std::invalid_argument(what + ": not valid JSON: " + reason);
  }
}

const json& member(const json& object, const char* key) {
  static const json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 77) + "...";
  return text;
}

std::string string_member(const json& object, const char* key, const std::string& fallback, const std::string& what) {
  const json& value = member(object, key);
  if (value.is_null()) return fallback;
  if (value.is_string()) return value.get<std::string>();
  throw std::invalid_argument(what + ": `" + key + "` must be a string. Received: " + shown(value));
}

double number_member(const json& object, const char* key, double fallback, const std::string& what) {
  const json* value = &member(object, key);
  // tf.keras 2 writes NumPy scalars as {"class_name": "__numpy__", "config": {"value": x}} or {"value": x, "type":
  // ...}.
  if (value->is_object() && member(*value, "class_name") == "__numpy__") value = &member(*value, "config");
  if (value->is_object()) value = &member(*value, "value");
  if (value->is_null()) return fallback;
  if (value->is_number()) return value->get<double>();
  throw std::invalid_argument(what + ": `" + key + "` must be a number. Received: " + shown(*value));
}

bool truthy_member(const json& object, const char* key, bool fallback) {
  if (!object.is_object()) return fallback;
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  if (found->is_boolean()) return found->get<bool>();
  if (found->is_number()) return found->get<double>() != 0;
  if (found->is_string()) return !found->get_ref<const std::string&>().empty();
  return !found->empty();
}

}  // namespace sepconv::keras

#include "tests/fuzz/json_mutator.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "tests/fuzz/mutation.h"

namespace sepconv::fuzz {
namespace {

using nlohmann::json;

constexpr int kMostDepth = 150;      // dump() is recursive
constexpr std::size_t kGrowth = 16;  // bytes that a string may gain

std::optional<json> parsed(std::string_view text) {
  bool too_deep = false;
  const auto watch = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMostDepth;
    return !too_deep;
  };
  json value = json::parse(text, watch, /*allow_exceptions=*/false);
  if (too_deep || value.is_discarded()) return std::nullopt;
  return value;
}

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

/// Values that readers treat in a way of their own.
const std::vector<json>& notable_values() {
  static const std::vector<json> values = [] {
    std::vector<json> all = {nullptr, true, false, 0, 1, 2, 3, 7, 8, 32, 255, 65536, -1, -2, 0.5, 1.5, 3.0, -0.0};
    for (const double value : {1e9, 2147483647.0, 2147483648.0, 4294967296.0, 9.2e18, 1e19, -1e19, 1e300, 1e-300})
      all.push_back(value);
    for (const std::int64_t value : {std::int64_t{std::numeric_limits<std::int32_t>::max()}, std::int64_t{1} << 31,
                                     std::int64_t{1} << 32, std::numeric_limits<std::int64_t>::max(),
                                     std::numeric_limits<std::int64_t>::min(), std::int64_t{-2147483648}})
      all.push_back(value);
    all.push_back(std::numeric_limits<std::uint64_t>::max());
    for (const char* text : {"", "a/b", "same", "valid", "causal", "channels_first", "channels_last", "relu", "softmax",
                             "linear", "float16", "mixed_bfloat16", "2.15.0", "3.5.0", "keras.layers"})
      all.push_back(text);
    for (const char* text : {"[]", "{}", "[1]", "[1,1]", "[2,3]", "[null,8,8,4]", "[null,null,null,3]", "[[]]",
                             R"({"class_name":"ReLU","config":{}})"})
      all.push_back(json::parse(text));
    return all;
  }();
  return values;
}

/// All values of a document, the document first. They are named by pointers: a change of one ends the others' use.
std::vector<json*> values_of(json& document) {
  std::vector<json*> values{&document};
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i]->is_structured())
      for (json& child : *values[i]) values.push_back(&child);
  return values;
}

json& any_value(json& document, Random& random) {
  const std::vector<json*> values = values_of(document);
  return *values[pick(random, values.size())];
}

/// A value near the old one, or of the same kind.
void vary(json& value, Random& random) {
  if (value.is_number_integer()) {
    const auto number = value.get<std::int64_t>();
    const auto raw = static_cast<std::uint64_t>(number);
    const std::uint64_t varied[] = {raw + 1, raw - 1, raw * 2, 0 - raw, raw / 2, raw + (std::uint64_t{1} << 32)};
    value = static_cast<std::int64_t>(varied[pick(random, std::size(varied))]);
  } else if (value.is_number()) {
    const double number = value.get<double>();
    const double varied[] = {number + 1, -number, number * 2, std::floor(number), 1 / (number == 0 ? 1 : number)};
    value = varied[pick(random, std::size(varied))];
  } else if (value.is_boolean()) {
    value = !value.get<bool>();
  } else if (value.is_string()) {
    value = mutated_bytes(value.get<std::string>(), kGrowth);
  } else {
    value = notable_values()[pick(random, notable_values().size())];
  }
}

void remove_child(json& value, Random& random) {
  if (!value.is_structured() || value.empty()) return;
  value.erase(std::next(value.begin(), static_cast<std::ptrdiff_t>(pick(random, value.size()))));
}

/// Repeats an element of a list, or gives a member's value to another name.
void add_child(json& value, json child, Random& random) {
  if (value.is_array()) {
    value.insert(std::next(value.begin(), static_cast<std::ptrdiff_t>(pick(random, value.size() + 1))),
                 std::move(child));
  } else if (value.is_object() && !value.empty()) {
    const auto member = std::next(value.begin(), static_cast<std::ptrdiff_t>(pick(random, value.size())));
    *member = std::move(child);
  }
}

void change(json& document, Random& random) {
  json copy = any_value(document, random);
  json& value = any_value(document, random);
  switch (pick(random, 6)) {
    case 0: value = notable_values()[pick(random, notable_values().size())]; break;
    case 1: value = std::move(copy); break;
    case 2: remove_child(value, random); break;
    case 3: add_child(value, std::move(copy), random); break;
    default: vary(value, random);
  }
}

}  // namespace

std::optional<std::string> mutated_json(std::string_view text, unsigned seed) {
  std::optional<json> document = parsed(text);
  if (!document) return std::nullopt;
  Random random(seed);
  for (std::size_t left = 1 + pick(random, 3); left > 0; --left) change(*document, random);
  return text_of(*document);
}

std::optional<std::string> crossed_json(std::string_view text, std::string_view other, unsigned seed) {
  std::optional<json> document = parsed(text), second = parsed(other);
  if (!document || !second) return std::nullopt;
  Random random(seed);
  json copy = any_value(*second, random);
  json& value = any_value(*document, random);
  if (pick(random, 2) == 0)
    value = std::move(copy);
  else
    add_child(value, std::move(copy), random);
  return text_of(*document);
}

std::size_t mutate_json_input(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  if (seed % 8 != 0)
    if (const auto text = mutated_json({reinterpret_cast<const char*>(data), size}, seed / 8))
      if (const std::size_t given = give(*text, data, max_size)) return given;
  return LLVMFuzzerMutate(data, size, max_size);
}

std::size_t cross_json_inputs(const std::uint8_t* data, std::size_t size, const std::uint8_t* other,
                              std::size_t other_size, std::uint8_t* out, std::size_t max_size, unsigned seed) {
  const auto text = crossed_json({reinterpret_cast<const char*>(data), size},
                                 {reinterpret_cast<const char*>(other), other_size}, seed);
  return text ? give(*text, out, max_size) : 0;
}

}  // namespace sepconv::fuzz

#pragma once
// JSON from files that may be damaged or hostile: limits on depth and size, and typed fields whose errors name them.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sepconv::keras {

/// Deeper nesting than any model has; recursion over a parsed value is safe below it.
inline constexpr int kMaxJsonDepth = 200;
/// More than any model has, vocabularies included.
inline constexpr std::size_t kMaxJsonValues = 3'000'000;

/// @param what  names the text in errors: "model.keras: config.json"
/// @throws std::invalid_argument when the text is no JSON or goes beyond a limit.
nlohmann::json parse_json(std::string_view text, const std::string& what);

/// The member `key`, or null where `object` is no object or has no such member.
const nlohmann::json& member(const nlohmann::json& object, const char* key);

/// The value as compact JSON, cut to a length that suits a message.
std::string shown(const nlohmann::json& value);

/// The string member `key`, or `fallback` where it is absent or null.
/// @throws std::invalid_argument naming `what` and `key` when it is something else.
std::string string_member(const nlohmann::json& object, const char* key, const std::string& fallback,
                          const std::string& what);

/// The number member `key`, or `fallback` where it is absent or null. NumPy scalars in their serialised forms count.
double number_member(const nlohmann::json& object, const char* key, double fallback, const std::string& what);

/// Python's truth of the member `key`: null, false, 0 and empty things are false; `fallback` where it is absent.
bool truthy_member(const nlohmann::json& object, const char* key, bool fallback);

}  // namespace sepconv::keras

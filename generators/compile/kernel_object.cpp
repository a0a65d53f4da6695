#include "kernel_object.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "../../runtime/core/whole_file.h"
#include "compile/files.h"
#include "sepconv/kernel_row.h"

namespace sepconv {
namespace {

constexpr std::string_view kEntryMagic = "sepconv-kernel-cache 2\n";

std::uint64_t take_count(nlohmann::json& json, const char* field, std::uint64_t limit) {
  const auto found = json.find(field);
  if (found == json.end()) throw std::invalid_argument(fmt::format("kernel facts: field '{}' is missing", field));
  if (!found->is_number_unsigned() || found->get<std::uint64_t>() > limit)
    throw std::invalid_argument(
        fmt::format("kernel facts: field '{}' is {}; expected an integer from 0 to {}", field, found->dump(), limit));
  const std::uint64_t value = found->get<std::uint64_t>();
  json.erase(found);
  return value;
}

}  // namespace

std::string to_json(const KernelFacts& facts) {
  nlohmann::ordered_json json;
  json["call_scratch_bytes"] = facts.call_scratch_bytes;
  json["task_scratch_bytes"] = facts.task_scratch_bytes;
  json["flat_output"] = facts.flat_output;
  json["depthwise_panel"] = facts.depthwise_panel;
  json["pointwise_panel"] = facts.pointwise_panel;
  return json.dump();
}

KernelFacts facts_from_json(const std::string& text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw std::invalid_argument("kernel facts: expected a JSON object");
  constexpr std::uint64_t kMaxPanel = 1 << 20;
  KernelFacts facts;
  facts.call_scratch_bytes = take_count(json, "call_scratch_bytes", kMaxScratchBytes);
  facts.task_scratch_bytes = take_count(json, "task_scratch_bytes", kMaxScratchBytes);
  facts.flat_output = static_cast<int>(take_count(json, "flat_output", 1));
  facts.depthwise_panel = static_cast<int>(take_count(json, "depthwise_panel", kMaxPanel));
  facts.pointwise_panel = static_cast<int>(take_count(json, "pointwise_panel", kMaxPanel));
  if (!json.empty()) throw std::invalid_argument(fmt::format("kernel facts: unknown field '{}'", json.begin().key()));
  return facts;
}

std::filesystem::path ObjectCache::path_of(const std::string& key) const {
  return folder_ / key.substr(0, 2) / (key + ".kernel");
}

// An entry is the magic line, the hash of all that follows, the facts as one line, and the object.
std::optional<KernelObject> ObjectCache::load(const std::string& key) const {
  try {
    const std::string entry = read_file(path_of(key));
    const std::size_t hash_begin = kEntryMagic.size(), hash_end = entry.find('\n', hash_begin);
    if (!entry.starts_with(kEntryMagic) || hash_end == std::string::npos) return std::nullopt;
    const std::string content = entry.substr(hash_end + 1);
    if (entry.substr(hash_begin, hash_end - hash_begin) != content_hash(content)) return std::nullopt;
    const std::size_t facts_end = content.find('\n');
    if (facts_end == std::string::npos) return std::nullopt;
    return KernelObject{facts_from_json(content.substr(0, facts_end)), content.substr(facts_end + 1)};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<std::string> ObjectCache::store(const std::string& key, const KernelObject& object) const {
  const std::filesystem::path path = path_of(key);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return error.message();
  const std::string content = to_json(object.facts) + "\n" + object.bytes;
  return detail::write_whole_file(path, std::string(kEntryMagic) + content_hash(content) + "\n" + content);
}

}  // namespace sepconv

#include "generators/spec/kernel_facts.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "sepconv/detail/compiled_kernel.h"

namespace sepconv::generators {
namespace {

std::uint64_t take_count(nlohmann::json& json, const char* field, std::uint64_t limit) {
  const auto found = json.find(field);
  if (found == json.end()) throw std::invalid_argument(std::string("kernel facts: field '") + field + "' is missing");
  if (!found->is_number_unsigned() || found->get<std::uint64_t>() > limit)
    throw std::invalid_argument(std::string("kernel facts: field '") + field + "' is " + found->dump() +
                                "; expected an integer from 0 to " + std::to_string(limit));
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
  if (!json.empty()) throw std::invalid_argument("kernel facts: unknown field '" + json.begin().key() + "'");
  return facts;
}

}  // namespace sepconv::generators

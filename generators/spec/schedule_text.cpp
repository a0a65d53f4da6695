// The text form of schedules, and the table of their fields.

#include <stdexcept>

#include "generators/spec/schedule_fields.h"
#include "runtime/core/text.h"

namespace sepconv::generators {
namespace {

template <class Part>
std::string part_text(const Part& part) {
  std::string text(part_name<Part>());
  for (const ScheduleField<Part>& field : fields_of<Part>())
    if (const int value = field.value(part); value != field.neutral)
      text += "_" + std::string(field.name) + std::to_string(value);
  return text;
}

/// Reads a part's fields in order.
/// @param text  the whole schedule's, for the message
template <class Part>
Part parse_part(std::string_view part_text, std::string_view text) {
  const std::string part(part_name<Part>());
  const auto words = detail::split(part_text, '_');
  std::size_t index = 1;  // behind the part's name
  Part result;
  for (const ScheduleField<Part>& field : fields_of<Part>()) {
    std::string_view given = index < words.size() ? words[index] : std::string_view{};
    if (!detail::consume_prefix(given, field.name)) {
      if (!field.neutral)
        throw std::invalid_argument("schedule: part '" + part + "' expects field '" + std::string(field.name) +
                                    "' at position " + std::to_string(index) + ", received " +
                                    detail::quoted(given.empty() ? "nothing" : given) + " in " + detail::quoted(text));
      field.set(result, *field.neutral);
      continue;
    }
    const int value = detail::parse_int(given, "schedule field '" + full_name(field) + "'");
    if (const auto reason = range_reason(field, value); reason && field.is_mode())
      throw std::invalid_argument("schedule: " + *reason);
    field.set(result, value);
    ++index;
  }
  if (index < words.size())
    throw std::invalid_argument("schedule: part '" + part + "' has an unknown field " + detail::quoted(words[index]));
  return result;
}

template <class Part>
void add_rows(std::string& table) {
  for (const ScheduleField<Part>& field : fields_of<Part>())
    table += "| `" + full_name(field) + "` | " + to_text(field.legal) + " | " + std::string(field.help) + " |\n";
}

}  // namespace

std::string to_text(const FieldRange& range) {
  const std::string least = std::to_string(range.least);
  if (range.most == FieldRange{}.most) return least + " or more";
  return least + (range.most == range.least + 1 ? " or " : " to ") + std::to_string(range.most);
}

std::string refused_value(std::string_view full_name, std::int64_t value, const std::string& reason) {
  return std::string(full_name) + "=" + std::to_string(value) + ": " + reason;
}

std::string field_table() {
  std::string table = "| Field | Values | Meaning |\n| --- | --- | --- |\n";
  add_rows<BlockCpuSchedule>(table);
  add_rows<DepthwiseCpuSchedule>(table);
  add_rows<PointwiseCpuSchedule>(table);
  add_rows<GpuSchedule>(table);
  return table;
}

std::string to_text(const CpuSchedule& schedule) {
  std::string text;
  visit_parts(schedule, [&](const auto* part) {
    if (part != nullptr) text += (text.empty() ? "" : ".") + part_text(*part);
  });
  return text;
}

std::string to_text(const GpuSchedule& schedule) { return part_text(schedule); }

CpuSchedule schedule_from_text(std::string_view text) {
  CpuSchedule schedule;
  bool has_block = false;
  for (std::string_view part : detail::split(text, '.')) {
    const std::string_view name = part.substr(0, part.find('_'));
    if (name == "block" && !has_block) {
      schedule.block = parse_part<BlockCpuSchedule>(part, text);
      has_block = true;
    } else if (name == "dw" && !schedule.depthwise) {
      schedule.depthwise = parse_part<DepthwiseCpuSchedule>(part, text);
    } else if (name == "pw" && !schedule.pointwise) {
      schedule.pointwise = parse_part<PointwiseCpuSchedule>(part, text);
    } else {
      throw std::invalid_argument("schedule: expected the parts 'block', 'dw' and 'pw', each at most once, received " +
                                  detail::quoted(part) + " in " + detail::quoted(text));
    }
  }
  if (!has_block) throw std::invalid_argument("schedule: part 'block' is missing in " + detail::quoted(text));
  return schedule;
}

GpuSchedule gpu_schedule_from_text(std::string_view text) {
  if (text.substr(0, text.find('_')) != "gpu")
    throw std::invalid_argument("schedule: expected 'gpu_...', received " + detail::quoted(text));
  return parse_part<GpuSchedule>(text, text);
}

}  // namespace sepconv::generators

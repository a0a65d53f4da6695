#pragma once
// What there is to know of each field of a schedule, once: texts, checks, the search, the learned model, `inspect` and
// the documents iterate these descriptors.

#include <concepts>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "generators/spec/gpu_schedule.h"
#include "generators/spec/schedule.h"

namespace sepconv::generators {

/// The integers from least to most.
struct FieldRange {
  int least = 0, most = std::numeric_limits<int>::max();
};

/// A learned model's input for a field's value v. All fields of one kind are next to each other in the features.
enum class FieldFeature {
  none,
  mode,    // for each value k but the smallest: 1 if v >= k
  used,    // 1 if v is not 0
  extent,  // the logarithm and its square
  log,     // the logarithm
};

/// A member of one of the types that fields have; the other pointers are null.
template <class Part>
struct FieldMember {
  constexpr FieldMember(int Part::*member) : number(member) {}
  constexpr FieldMember(bool Part::*member) : flag(member) {}
  constexpr FieldMember(PixelOrder Part::*member) : order(member) {}

  int Part::*number = nullptr;
  bool Part::*flag = nullptr;
  PixelOrder Part::*order = nullptr;
};

/// A field of one part of a schedule.
template <class Part>
struct ScheduleField {
  using Whole = std::conditional_t<std::same_as<Part, GpuSchedule>, GpuSchedule, CpuSchedule>;

  std::string_view name;  // in the text, behind the part's
  FieldMember<Part> member;
  std::string_view help;
  FieldRange legal;
  /// Further rules: why this value does not go with the other fields or the problem; empty if it does. Each may rely on
  /// all fields being in their ranges, and on the rules of the fields before its own.
  std::string (*refusal)(const Whole&, const Lowering&) = nullptr;
  /// Values that are worth a try, in any order. What does not fit the other fields is left to the rules.
  std::vector<int> (*tried)(const Lowering&);
  FieldFeature feature = FieldFeature::none;
  /// For fields of later versions: texts leave out this value, which is what older texts mean.
  std::optional<int> neutral = {};
  /// What `inspect` says of it; empty: nothing.
  std::string (*words)(const Part&, const Lowering&) = nullptr;

  int value(const Part& part) const {
    if (member.number != nullptr) return part.*member.number;
    return member.flag != nullptr ? part.*member.flag : static_cast<int>(part.*member.order);
  }
  void set(Part& part, int value) const {
    if (member.number != nullptr) part.*member.number = value;
    if (member.flag != nullptr) part.*member.flag = value != 0;
    if (member.order != nullptr) part.*member.order = static_cast<PixelOrder>(value);
  }
  /// Whether the member has no other values than the legal ones, so that a text cannot give it any.
  bool is_mode() const { return member.number == nullptr; }
};

/// The fields of a part, in the order of the text form.
template <class Part>
std::span<const ScheduleField<Part>> fields_of();
template <>
std::span<const ScheduleField<BlockCpuSchedule>> fields_of();
template <>
std::span<const ScheduleField<DepthwiseCpuSchedule>> fields_of();
template <>
std::span<const ScheduleField<PointwiseCpuSchedule>> fields_of();
template <>
std::span<const ScheduleField<GpuSchedule>> fields_of();

/// "block", "dw", "pw" or "gpu".
template <class Part>
constexpr std::string_view part_name() {
  if constexpr (std::same_as<Part, BlockCpuSchedule>) return "block";
  if constexpr (std::same_as<Part, DepthwiseCpuSchedule>) return "dw";
  if constexpr (std::same_as<Part, PointwiseCpuSchedule>) return "pw";
  return "gpu";
}

/// "pw.mr"
template <class Part>
std::string full_name(const ScheduleField<Part>& field) {
  return std::string(part_name<Part>()) + "." + std::string(field.name);
}

/// Calls f(pointer to the part, or null where the schedule has none) for each part that such schedules may have.
template <class Whole, class F>
void visit_parts(Whole& schedule, F&& f) {
  if constexpr (std::same_as<std::remove_const_t<Whole>, GpuSchedule>) {
    f(&schedule);
  } else {
    f(&schedule.block);
    f(schedule.depthwise ? &*schedule.depthwise : nullptr);
    f(schedule.pointwise ? &*schedule.pointwise : nullptr);
  }
}

/// Calls f(part, field) for each field of the parts that the schedule has, in the order of the text form.
template <class Whole, class F>
void visit_fields(Whole& schedule, F&& f) {
  visit_parts(schedule, [&](auto* part) {
    if (part == nullptr) return;
    for (const auto& field : fields_of<std::remove_const_t<std::remove_pointer_t<decltype(part)>>>()) f(*part, field);
  });
}

/// "0 or 1", "0 to 256", "1 or more"
std::string to_text(const FieldRange& range);

/// "pw.mr=0: expected at least 1"
std::string refused_value(std::string_view full_name, std::int64_t value, const std::string& reason);

/// Why the value is not in the field's range, or nothing.
template <class Part>
std::optional<std::string> range_reason(const ScheduleField<Part>& field, int value) {
  if (value >= field.legal.least && value <= field.legal.most) return std::nullopt;
  const bool open = field.legal.most == FieldRange{}.most;
  return refused_value(full_name(field), value,
                       "expected " + (open ? "at least " + std::to_string(field.legal.least) : to_text(field.legal)));
}

/// The first field that is not in its range or breaks its rules, with the reason; or nothing.
template <class Whole>
std::optional<std::string> field_reason(const Whole& schedule, const Lowering& problem) {
  std::optional<std::string> reason;
  visit_fields(schedule, [&](const auto& part, const auto& field) {
    if (!reason) reason = range_reason(field, field.value(part));
  });
  visit_fields(schedule, [&](const auto& part, const auto& field) {
    if (reason || field.refusal == nullptr) return;
    const std::string refusal = field.refusal(schedule, problem);
    if (!refusal.empty()) reason = refused_value(full_name(field), field.value(part), refusal);
  });
  return reason;
}

/// All fields of all parts as a Markdown table; docs/adding_a_kernel.md contains it.
std::string field_table();

// Values that searches try.
using FieldValues = std::vector<int>;
inline FieldValues up_to(int most, FieldValues values) {
  std::erase_if(values, [&](int value) { return value > most; });
  return values.empty() ? FieldValues{1} : values;
}
inline FieldValues powers_of_two(int least, int most) {
  FieldValues values;
  for (int value = least; value <= most; value *= 2) values.push_back(value);
  return values;
}

/// Channels of a depthwise tile with vectors along columns that a search tries.
inline constexpr int kMostChannelsOfColumns = 8;

}  // namespace sepconv::generators

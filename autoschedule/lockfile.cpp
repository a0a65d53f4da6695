#include "autoschedule/lockfile.h"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "autoschedule/old_problem_text.h"
#include "generators/compile/files.h"
#include "runtime/core/json_size.h"

namespace sepconv::autoschedule {
namespace {

constexpr int kOldVersion = 1;  // its problems have another text form

using Json = nlohmann::json;

constexpr const char* kFormat = "sepconv-lock";

void check_fields(const Json& object, std::initializer_list<const char*> known) {
  if (!object.is_object()) throw std::invalid_argument("expected a JSON object");
  for (const auto& [field, value] : object.items()) {
    bool found = false;
    for (const char* name : known) found = found || field == name;
    if (!found) throw std::invalid_argument(fmt::format("unknown field '{}'", field));
  }
}

const Json& take(const Json& object, const char* field) {
  const auto found = object.find(field);
  if (found == object.end()) throw std::invalid_argument(fmt::format("field '{}' is missing", field));
  return *found;
}

std::string take_text(const Json& object, const char* field) {
  const Json& value = take(object, field);
  if (!value.is_string()) throw std::invalid_argument(fmt::format("field '{}': expected a string", field));
  return value.get<std::string>();
}

void check_version(const Json& object, const char* field, int wanted, const char* remedy) {
  const Json& value = take(object, field);
  if (!value.is_number_integer() || value != wanted)
    throw std::invalid_argument(
        fmt::format("{} {} is unknown; this sepconv reads {}; {}", field, value.dump(), wanted, remedy));
}

std::optional<double> number_from(const Json& object, const char* field, bool zero_allowed) {
  if (!object.contains(field)) return std::nullopt;
  const Json& json = object[field];
  const double value = json.is_number() ? json.get<double>() : -1;
  if (!std::isfinite(value) || value < 0 || (value == 0 && !zero_allowed))
    throw std::invalid_argument(
        fmt::format("field '{}' is {}; expected {}", field, json.dump(), zero_allowed ? "0 or more" : "more than 0"));
  return value;
}

std::optional<int> count_from(const Json& object, const char* field) {
  if (!object.contains(field)) return std::nullopt;
  const Json& json = object[field];
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  if (!json.is_number_integer() || json < 1 || json > kMost)
    throw std::invalid_argument(fmt::format("field '{}' is {}; expected a whole number from 1", field, json.dump()));
  return json.get<int>();
}

/// A prediction never looks like a measurement, nor the other way round.
void check_source(const Record& record, const Json& json) {
  if (record.source != RecordSource::model) {
    if (record.predicted)
      throw std::invalid_argument("field 'predicted': only allowed in a record with source 'model'");
    return;
  }
  for (const char* field : {"seconds", "ratio", "spread", "samples", "machine"})
    if (json.contains(field))
      throw std::invalid_argument(
          fmt::format("field '{}': not allowed in a record with source 'model', which was not measured", field));
}

Record record_from(const Json& json) {
  check_fields(json,
               {"source", "seconds", "ratio", "predicted", "spread", "samples", "threads", "machine", "versions"});
  Record record;
  record.source = record_source_from_text(take_text(json, "source"));
  record.seconds = number_from(json, "seconds", false);
  record.ratio = number_from(json, "ratio", false);
  record.predicted = number_from(json, "predicted", false);
  record.spread = number_from(json, "spread", true);
  record.samples = count_from(json, "samples");
  record.threads = count_from(json, "threads");
  if (json.contains("machine")) record.machine = take_text(json, "machine");
  if (json.contains("versions")) {
    const Json& versions = json["versions"];
    if (!versions.is_object()) throw std::invalid_argument("field 'versions': expected a JSON object");
    for (const auto& [name, value] : versions.items()) record.versions[name] = take_text(versions, name.c_str());
  }
  check_source(record, json);
  return record;
}

nlohmann::ordered_json to_json(const Record& record) {
  nlohmann::ordered_json json;
  json["source"] = to_text(record.source);
  if (record.seconds) json["seconds"] = *record.seconds;
  if (record.ratio) json["ratio"] = *record.ratio;
  if (record.predicted) json["predicted"] = *record.predicted;
  if (record.spread) json["spread"] = *record.spread;
  if (record.samples) json["samples"] = *record.samples;
  if (record.threads) json["threads"] = *record.threads;
  if (!record.machine.empty()) json["machine"] = record.machine;
  if (!record.versions.empty()) json["versions"] = record.versions;
  return json;
}

/// The problem's text as to_text writes it: two spellings of one problem are one row.
struct ParsedRow {
  ConvProblem problem;
  const generators::Target* target;
  LockRow row;
};

/// @param old  the file is of kOldVersion
ParsedRow row_from(const Json& json, bool old) {
  check_fields(json, {"problem", "target", "schedule", "record"});
  const generators::Target& target = generators::target_from_name(take_text(json, "target"));
  ParsedRow parsed{
      problem_from_text(old ? current_problem_text(take_text(json, "problem")) : take_text(json, "problem")),
      &target,
      {schedule_from_text(take_text(json, "schedule"), target), record_from(take(json, "record"))}};
  if (const auto reason = reject_reason(parsed.row.schedule, lower(parsed.problem, *parsed.target)))
    throw std::invalid_argument(fmt::format("schedule '{}' does not fit problem '{}' on target '{}': {}",
                                            to_text(parsed.row.schedule), to_text(parsed.problem), parsed.target->name,
                                            *reason));
  return parsed;
}

}  // namespace

Lockfile Lockfile::from_text(const std::string& text) {
  constexpr int kMostLevels = 100;
  detail::check_json_size(text, "lockfile", {kMostLevels});
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw std::invalid_argument(fmt::format("lockfile: not JSON: {}", error.what()));
  }
  try {
    check_fields(json, {"format", "version", "schedule_version", "rows"});
    if (const std::string format = take_text(json, "format"); format != kFormat)
      throw std::invalid_argument(fmt::format("format '{}' is unknown; expected '{}'", format, kFormat));
    if (take(json, "version") != kOldVersion)
      check_version(json, "version", kVersion, "use the sepconv that wrote the file");
    check_version(json, "schedule_version", generators::kScheduleVersion,
                  "write the file again with 'sepconv compile', or tune again");
    if (!take(json, "rows").is_array()) throw std::invalid_argument("field 'rows': expected a list");
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("lockfile: {}", error.what()));
  }

  Lockfile lockfile;
  std::size_t index = 0;
  for (const Json& entry : json["rows"]) {
    try {
      ParsedRow parsed = row_from(entry, json["version"] == kOldVersion);
      if (lockfile.row(parsed.problem, *parsed.target) != nullptr)
        throw std::invalid_argument(
            fmt::format("a second row for problem '{}' on target '{}'", to_text(parsed.problem), parsed.target->name));
      lockfile.set(parsed.problem, *parsed.target, std::move(parsed.row));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("lockfile: rows[{}]: {}", index, error.what()));
    }
    ++index;
  }
  return lockfile;
}

Lockfile Lockfile::read(const std::filesystem::path& path) {
  std::string text;
  try {
    text = generators::read_file(path);
  } catch (const std::runtime_error& error) {
    throw std::invalid_argument(fmt::format("lockfile: {}", error.what()));
  }
  try {
    return from_text(text);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(fmt::format("{}: {}", path.string(), error.what()));
  }
}

std::string Lockfile::text() const {
  nlohmann::ordered_json json;
  json["format"] = kFormat;
  json["version"] = kVersion;
  json["schedule_version"] = generators::kScheduleVersion;
  json["rows"] = nlohmann::ordered_json::array();
  for (const auto& [key, row] : rows_) {
    nlohmann::ordered_json entry;
    entry["problem"] = key.first;
    entry["target"] = key.second;
    entry["schedule"] = to_text(row.schedule);
    entry["record"] = to_json(row.record);
    json["rows"].push_back(std::move(entry));
  }
  return json.dump(2) + "\n";
}

void Lockfile::write(const std::filesystem::path& path) const {
  try {
    generators::replace_file(path, text());
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("lockfile: {}", error.what()));
  }
}

void Lockfile::set(const ConvProblem& problem, const generators::Target& target, LockRow row) {
  rows_[{to_text(problem), target.name}] = std::move(row);
}

void Lockfile::remove(const ConvProblem& problem, const generators::Target& target) {
  rows_.erase({to_text(problem), target.name});
}

const LockRow* Lockfile::row(const ConvProblem& problem, const generators::Target& target) const {
  const auto found = rows_.find({to_text(problem), target.name});
  return found == rows_.end() ? nullptr : &found->second;
}

std::optional<generators::Schedule> Lockfile::find(const ConvProblem& problem, const generators::Target& target) const {
  const LockRow* known = row(problem, target);
  return known == nullptr ? std::nullopt : std::optional<generators::Schedule>(known->schedule);
}

}  // namespace sepconv::autoschedule

#include "autoschedule/record.h"

#include <fmt/format.h>

#include <charconv>
#include <stdexcept>

namespace sepconv::autoschedule {

const char* to_text(RecordSource source) {
  switch (source) {
    case RecordSource::rule: return "rule";
    case RecordSource::tuned: return "tuned";
    case RecordSource::model: break;
  }
  return "model";
}

double significant_digits(double value, int digits) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, digits).ptr;
  std::from_chars(text, end, value);  // unlike strtod, the same in every locale
  return value;
}

std::string note_of(const Record& record) {
  if (record.source != RecordSource::model) return "";
  const std::string note = "by the cost model, not measured";
  return record.predicted ? fmt::format("{}; {:.2f}x of the rule predicted", note, 1 / *record.predicted) : note;
}

RecordSource record_source_from_text(const std::string& text) {
  for (const RecordSource source : {RecordSource::rule, RecordSource::tuned, RecordSource::model})
    if (text == to_text(source)) return source;
  throw std::invalid_argument("record source: unknown name '" + text + "'; expected rule, tuned or model");
}

}  // namespace sepconv::autoschedule

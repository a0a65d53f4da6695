#include "record.h"

#include <stdexcept>

namespace sepconv {

bool operator==(const Record& a, const Record& b) {
  return a.source == b.source && a.seconds == b.seconds && a.machine == b.machine && a.versions == b.versions;
}

const char* to_text(RecordSource source) { return source == RecordSource::rule ? "rule" : "tuned"; }

RecordSource record_source_from_text(const std::string& text) {
  for (const RecordSource source : {RecordSource::rule, RecordSource::tuned})
    if (text == to_text(source)) return source;
  throw std::invalid_argument("record source: unknown name '" + text + "'; expected rule or tuned");
}

}  // namespace sepconv

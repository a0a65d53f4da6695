#pragma once
// How the report looks, by day and by night.

namespace sepconv::autoschedule::report {

/// The page's style sheet. Colours are variables with a light and a dark value; nothing is loaded.
extern const char* const kStyle;

}  // namespace sepconv::autoschedule::report

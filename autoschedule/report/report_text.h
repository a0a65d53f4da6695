#pragma once
// Texts of the report: escaped, and numbers and problems as people read them.

#include <string>
#include <string_view>
#include <vector>

namespace sepconv::autoschedule::report {

/// The text as HTML shows it, in elements and in quoted attributes: markup is escaped; control characters and bytes
/// that are not UTF-8 become U+FFFD.
std::string html(std::string_view text);

/// At most `bytes` of the text, cut between characters, with "..." where something was cut.
std::string shortened(const std::string& text, std::size_t bytes);

std::string figure_text(double value);      // "0.053", "0.16", "1.20", "34.5", "678"
std::string duration_text(double seconds);  // "1.23 ms", "45.6 us"
std::string times_text(double ratio);       // "1.34x" with the sign for times; three digits
std::string count_text(std::size_t count);  // "12 345"
std::string date_text(double unix_time);    // "2026-11-21 19:30 UTC"; "unknown" for 0

/// "sep 56x56x128 to 256, 3x3 s2" with signs for times and to; the problem's own text where it cannot be read.
std::string problem_label(const std::string& problem);

/// Labels of problems, with additions that distinguish equal short labels.
std::vector<std::string> problem_labels(const std::vector<std::string>& problems);

}  // namespace sepconv::autoschedule::report

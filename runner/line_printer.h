#pragma once
// The lines that the runner prints: JSON, one a case.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace sepconv::runner {

using Json = nlohmann::ordered_json;

/// Prints lines as they come, so that those before a crash are not lost.
class LinePrinter {
 public:
  explicit LinePrinter(const std::filesystem::path& report) {
    if (report.empty()) return;
    file_.open(report, std::ios::app);
    if (!file_) throw std::runtime_error(report.string() + ": cannot write the report");
  }
  void print(const Json& line) {
    std::ostream& out = file_.is_open() ? file_ : std::cout;
    out << line.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    if (!out) throw std::runtime_error("cannot write the report");
  }
  void start(Json line) {
    if (!file_.is_open()) return;
    line["status"] = "started";
    print(line);
  }

 private:
  std::ofstream file_;
};

inline void finish_line(Json& line, const char* status, const std::string& message = {}) {
  line["status"] = status;
  line["ok"] = std::string_view(status) == "ok";
  if (!message.empty()) line["message"] = message;
}

}  // namespace sepconv::runner

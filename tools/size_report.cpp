#include "tools/size_report.h"

#include <fmt/format.h>

#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "runner/timing.h"
#include "tools/text_table.h"

namespace sepconv::tools {
namespace {

using Json = nlohmann::ordered_json;

struct Total {
  std::size_t kernels = 0, shared = 0;  // shared: those that have no object of their own
  generators::CodeSize size;
  std::vector<double> code, seconds;  // of the kernels with code of their own; of those that were compiled

  std::optional<double> median_code() const { return median_of(code); }
  std::optional<double> median_seconds() const { return median_of(seconds); }

 private:
  static std::optional<double> median_of(const std::vector<double>& values) {
    return values.empty() ? std::nullopt : std::optional<double>(runner::median(values));
  }
};

bool shares(const generators::CompileResult& result, std::size_t kernel) { return result.bodies[kernel] != kernel; }

void add(Total& total, const generators::CompileResult& result, std::size_t kernel) {
  ++total.kernels;
  total.shared += shares(result, kernel);
  if (!shares(result, kernel)) total.code.push_back(static_cast<double>(result.sizes[kernel].code));
  total.size.code += result.sizes[kernel].code;
  total.size.constants += result.sizes[kernel].constants;
}

/// By the target's name.
std::map<std::string, Total> totals_by_target(const generators::CompileResult& result, const CompileSeconds& seconds) {
  std::map<std::string, Total> totals;
  for (std::size_t i = 0; i < result.kernels.size(); ++i) add(totals[result.kernels[i].target.name], result, i);
  for (const auto& [target, values] : seconds) totals[target].seconds = values;
  return totals;
}

Total whole(const generators::CompileResult& result, const CompileSeconds& seconds) {
  Total total;
  for (std::size_t i = 0; i < result.kernels.size(); ++i) add(total, result, i);
  for (const auto& [target, values] : seconds) total.seconds.insert(total.seconds.end(), values.begin(), values.end());
  return total;
}

std::string text_or_dash(std::optional<double> value, const char* format) {
  return value ? fmt::format(fmt::runtime(format), *value) : "-";
}

Json json_or_null(std::optional<double> value) { return value ? Json(*value) : Json(); }

std::string layers_text(const std::vector<std::string>& layers) {
  return layers.front() + (layers.size() == 1 ? "" : fmt::format(" and {} more", layers.size() - 1));
}

}  // namespace

void print_size_report(const generators::CompileResult& result, const CompileSeconds& seconds) {
  TextTable rows = {{"kernel of", "extents", "target", "code bytes", "constant bytes", ""}};
  for (std::size_t i = 0; i < result.kernels.size(); ++i) {
    const generators::PlannedKernel& kernel = result.kernels[i];
    rows.push_back({layers_text(kernel.layers), kernel.problem.is_dynamic() ? "dynamic" : "static", kernel.target.name,
                    std::to_string(result.sizes[i].code), std::to_string(result.sizes[i].constants)});
    if (!shares(result, i)) continue;
    const generators::PlannedKernel& body = result.kernels[result.bodies[i]];
    rows.back().push_back("same code as " + layers_text(body.layers) + " on " + body.target.name);
  }
  print_table(rows, {false, false, false, true, true, false});
  TextTable totals = {
      {"target", "kernels", "shared", "code bytes", "constant bytes", "median code bytes", "median seconds"}};
  const auto add_total = [&](const std::string& name, const Total& total) {
    totals.push_back({name, std::to_string(total.kernels), std::to_string(total.shared),
                      std::to_string(total.size.code), std::to_string(total.size.constants),
                      text_or_dash(total.median_code(), "{:.0f}"), text_or_dash(total.median_seconds(), "{:.2f}")});
  };
  for (const auto& [target, total] : totals_by_target(result, seconds)) add_total(target, total);
  add_total("total", whole(result, seconds));
  std::cout << '\n';
  print_table(totals, {false, true, true, true, true, true, true});
  std::cout
      << "Medians are per kernel: code that is not shared, and compile time if the kernel was not in the cache.\n";
}

std::string size_report_json(const std::string& library, const generators::CompileResult& result,
                             const CompileSeconds& seconds) {
  Json kernels = Json::array(), targets = Json::array();
  for (std::size_t i = 0; i < result.kernels.size(); ++i) {
    const generators::PlannedKernel& kernel = result.kernels[i];
    Json row = {{"symbol", kernel.symbol},
                {"layers", kernel.layers},
                {"problem", to_text(kernel.problem)},
                {"target", kernel.target.name},
                {"schedule", to_text(kernel.schedule)},
                {"code_bytes", result.sizes[i].code},
                {"constant_bytes", result.sizes[i].constants}};
    if (shares(result, i)) row["shares"] = result.kernels[result.bodies[i]].symbol;
    kernels.push_back(std::move(row));
  }
  for (const auto& [target, total] : totals_by_target(result, seconds))
    targets.push_back({{"target", target},
                       {"kernels", total.kernels},
                       {"shared", total.shared},
                       {"code_bytes", total.size.code},
                       {"constant_bytes", total.size.constants},
                       {"median_code_bytes", json_or_null(total.median_code())},
                       {"median_seconds", json_or_null(total.median_seconds())}});
  const Total total = whole(result, seconds);
  return Json{{"library", library},
              {"kernels", kernels},
              {"targets", targets},
              {"code_bytes", total.size.code},
              {"constant_bytes", total.size.constants},
              {"median_code_bytes", json_or_null(total.median_code())},
              {"median_seconds", json_or_null(total.median_seconds())}}
      .dump(1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sepconv::tools

#include "size_report.h"

#include <fmt/format.h>

#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "text_table.h"

namespace sepconv::tools {
namespace {

using Json = nlohmann::ordered_json;

struct Total {
  std::size_t kernels = 0, shared = 0;  // shared: those that have no object of their own
  CodeSize size;
};

bool shares(const CompileResult& result, std::size_t kernel) { return result.bodies[kernel] != kernel; }

void add(Total& total, const CompileResult& result, std::size_t kernel) {
  ++total.kernels;
  total.shared += shares(result, kernel);
  total.size.code += result.sizes[kernel].code;
  total.size.constants += result.sizes[kernel].constants;
}

/// By the target's name.
std::map<std::string, Total> totals_by_target(const CompileResult& result) {
  std::map<std::string, Total> totals;
  for (std::size_t i = 0; i < result.kernels.size(); ++i) add(totals[result.kernels[i].target.name], result, i);
  return totals;
}

Total whole(const CompileResult& result) {
  Total total;
  for (std::size_t i = 0; i < result.kernels.size(); ++i) add(total, result, i);
  return total;
}

std::string layers_text(const std::vector<std::string>& layers) {
  return layers.front() + (layers.size() == 1 ? "" : fmt::format(" and {} more", layers.size() - 1));
}

}  // namespace

void print_size_report(const CompileResult& result) {
  TextTable rows = {{"kernel of", "extents", "target", "code bytes", "constant bytes", ""}};
  for (std::size_t i = 0; i < result.kernels.size(); ++i) {
    const PlannedKernel& kernel = result.kernels[i];
    rows.push_back({layers_text(kernel.layers), kernel.problem.is_dynamic() ? "dynamic" : "static", kernel.target.name,
                    std::to_string(result.sizes[i].code), std::to_string(result.sizes[i].constants)});
    if (!shares(result, i)) continue;
    const PlannedKernel& body = result.kernels[result.bodies[i]];
    rows.back().push_back("same code as " + layers_text(body.layers) + " on " + body.target.name);
  }
  print_table(rows, {false, false, false, true, true, false});
  TextTable totals = {{"target", "kernels", "shared", "code bytes", "constant bytes"}};
  const auto add_total = [&](const std::string& name, const Total& total) {
    totals.push_back({name, std::to_string(total.kernels), std::to_string(total.shared),
                      std::to_string(total.size.code), std::to_string(total.size.constants)});
  };
  for (const auto& [target, total] : totals_by_target(result)) add_total(target, total);
  add_total("total", whole(result));
  std::cout << '\n';
  print_table(totals, {false, true, true, true, true});
}

std::string size_report_json(const std::string& library, const CompileResult& result) {
  Json kernels = Json::array(), targets = Json::array();
  for (std::size_t i = 0; i < result.kernels.size(); ++i) {
    const PlannedKernel& kernel = result.kernels[i];
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
  for (const auto& [target, total] : totals_by_target(result))
    targets.push_back({{"target", target},
                       {"kernels", total.kernels},
                       {"shared", total.shared},
                       {"code_bytes", total.size.code},
                       {"constant_bytes", total.size.constants}});
  const Total total = whole(result);
  return Json{{"library", library},
              {"kernels", kernels},
              {"targets", targets},
              {"code_bytes", total.size.code},
              {"constant_bytes", total.size.constants}}
      .dump(1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sepconv::tools

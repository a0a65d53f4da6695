// sepconv report: what a tuning run found, as one HTML page.

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "autoschedule/report/report.h"
#include "generators/compile/files.h"
#include "runner/peak.h"
#include "sepconv/plan.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/model_arguments.h"
#include "tools/model_child.h"

namespace sepconv::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  sepconv report mobilenet.lock.sqlite -o report.html
  sepconv report mobilenet.lock.sqlite -o report.html --model mobilenet.keras --peak here
  sepconv report mobilenet.lock.sqlite -o report.html --peak 73.6 --bandwidth 20

The page needs no network and no script.
Exit status: 0 success, 2 invalid usage or input, 3 the page could not be written.)";

struct ReportArguments : ModelArguments {
  std::string store, output = "report.html", peak;
  std::vector<std::string> models;
  double bandwidth = 0;
};

/// GFLOP/s of one core: the number, or what this machine does.
double peak_from(const std::string& text) {
  if (text == "here") return runner::measure_fma_peak().gflops_best;
  double gflops = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), gflops);
  if (error != std::errc() || end != text.data() + text.size() || !(gflops > 0) || !std::isfinite(gflops))
    throw std::invalid_argument(
        fmt::format("--peak '{}': expected GFLOP/s of one core, more than 0, or 'here' to measure this machine", text));
  return gflops;
}

/// Problem text -> the layers of the models that it serves.
std::map<std::string, std::string> names_of(const std::vector<std::string>& models, const PlanOptions& options) {
  std::map<std::string, std::string> names;
  for (const std::string& model : models)
    for (const PlannedLayer& layer : plan_in_child(model, options).layers) {
      std::string& name = names[to_text(kernel_problem(layer.problem))];
      name += (name.empty() ? "" : ", ") + layer.name;
    }
  return names;
}

int report(const ReportArguments& arguments) {
  const autoschedule::RecordStore store(arguments.store, autoschedule::RecordStore::Access::read_only);
  autoschedule::ReportOptions options;
  options.store = arguments.store;
  options.names = names_of(arguments.models, {model_options(arguments)});
  options.unix_time = static_cast<double>(std::time(nullptr));
  if (!arguments.peak.empty()) options.core_gflops = peak_from(arguments.peak);
  if (arguments.bandwidth > 0) options.memory_gbs = arguments.bandwidth;
  const std::vector<autoschedule::TrialRecord> records = store.records();
  generators::replace_file(arguments.output, report_html(records, options));
  print_out("{}: {} trials of {}\n", arguments.output, records.size(), arguments.store);
  return kDone;
}

}  // namespace

void add_report_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<ReportArguments>();
  ReportArguments& a = *arguments;
  CLI::App* command = app.add_subcommand("report", "Write an HTML page with the results of a tuning run");
  command->footer(kExamples);
  command->add_option("store", a.store, "The record store that 'sepconv tune' wrote")->required()->type_name("FILE");
  command->add_option("-o,--output", a.output, "The HTML file to write")->capture_default_str()->type_name("FILE");
  command->add_option("--model", a.models, "A model or a list of layers, to show layer names; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE");
  add_model_options(*command, a);
  command
      ->add_option("--peak", a.peak,
                   "Peak GFLOP/s of one core of the machine that ran the trials, for the roofline; 'here' measures "
                   "this machine")
      ->type_name("GFLOPS");
  command->add_option("--bandwidth", a.bandwidth, "Memory bandwidth of that machine, in GB/s, for the roofline")
      ->type_name("GBS")
      ->check(CLI::PositiveNumber);
  command->callback([arguments, &status] { status = report(*arguments); });
}

}  // namespace sepconv::tools

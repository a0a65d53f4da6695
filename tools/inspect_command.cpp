// sepconv inspect: what the planner makes of a model.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <variant>

#include "autoschedule/schedule_tables.h"
#include "autoschedule/schedule_words.h"
#include "generators/compile/compile_library.h"
#include "runtime/core/whole_file.h"
#include "sepconv/plan.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/explain.h"
#include "tools/inspect_network.h"
#include "tools/interrupt.h"
#include "tools/memory_drawing.h"
#include "tools/plan_arguments.h"
#include "tools/problem_cost.h"
#include "tools/program_paths.h"
#include "tools/text_table.h"

namespace sepconv::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kExamples = R"(Examples:
  sepconv inspect mobilenet.keras
  sepconv inspect detector.h5 --input-shape 320x320x3 --layers 'block_*'
  sepconv inspect detector.h5 --input-shape image=320x320x3 --layer-shape head/conv_1=40x40x64
  sepconv inspect mobilenet.keras --target x86-64-avx2
  sepconv inspect mobilenet.keras --json
  sepconv inspect mobilenet.keras --explain conv_dw_3 --target x86-64-avx2
  sepconv inspect mobilenet.keras --network --svg memory.svg
  sepconv inspect mobilenet.keras --network --from conv_dw_1 --to conv_pw_6_relu

A multiply-add counts as two operations. Bytes are per image, with each input read and each output written once.
--explain compiles the layer's kernel and disassembles it with llvm-objdump.
--network shows the steps of the whole model, and where their tensors lie in memory; for a model that has no network it
says why. Steps are numbered from 1. A tensor that is part of another has no memory of its own.
Exit status: 0 success, 1 --network and there is none, 2 invalid usage or input, 3 a tool or the machine failed.)";

std::string extent(std::int32_t value) { return value == kDynamic ? "?" : std::to_string(value); }

/// "56x56x128", as the layout orders the axes.
std::string extents(Layout layout, std::int32_t H, std::int32_t W, std::int32_t C) {
  return layout == Layout::nhwc ? extent(H) + "x" + extent(W) + "x" + extent(C)
                                : extent(C) + "x" + extent(H) + "x" + extent(W);
}

/// "3x3 s2 d1 p0,1,0,1": pads top, bottom, left, right.
std::string window(const ConvProblem& p) {
  const auto pair = [](std::int32_t a, std::int32_t b) {
    return a == b ? std::to_string(a) : std::to_string(a) + "x" + std::to_string(b);
  };
  std::string text = fmt::format("{}x{} s{}", p.stages[0].window.KH, p.stages[0].window.KW,
                                 pair(p.stages[0].window.stride_h, p.stages[0].window.stride_w));
  if (p.stages[0].window.dilation_h != 1 || p.stages[0].window.dilation_w != 1)
    text += " d" + pair(p.stages[0].window.dilation_h, p.stages[0].window.dilation_w);
  if (p.stages[0].window.pad_top || p.stages[0].window.pad_bottom || p.stages[0].window.pad_left ||
      p.stages[0].window.pad_right)
    text += fmt::format(" p{},{},{},{}", extent(p.stages[0].window.pad_top), extent(p.stages[0].window.pad_bottom),
                        extent(p.stages[0].window.pad_left), extent(p.stages[0].window.pad_right));
  if (p.stages[0].depth_multiplier != 1) text += fmt::format(" m{}", p.stages[0].depth_multiplier);
  return text;
}

std::string epilogue(const Epilogue& e) {
  std::string text;
  for (const EpilogueStep& step : e) text += (text.empty() ? "" : "+") + to_text(step);
  return text.empty() ? "-" : text;
}

std::string epilogues(const ConvProblem& p) {
  std::string text;
  for (const Stage& stage : p.stages) text += (text.empty() ? "" : " / ") + epilogue(stage.epilogue);
  return text;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

void print_text(const Plan& plan) {
  TextTable rows = {{"layer", "op", "input", "output", "window", "epilogue", "MFLOP", "weights KB", "in+out KB",
                     "FLOP/byte", "computes also"}};
  Cost total;
  std::size_t fused = 0, dynamic = 0;
  for (const PlannedLayer& layer : plan.layers) {
    const ConvProblem& p = layer.problem;
    std::vector<std::string> others = layer.absorbed;
    std::erase(others, layer.name);
    fused += !others.empty();
    std::vector<std::string> row = {
        layer.name, stages_name(p), extents(p.layout, p.IH, p.IW, p.IC), extents(p.layout, p.OH(), p.OW(), p.OC()),
        window(p),  epilogues(p)};
    if (const auto cost = cost_of(p)) {
      row.insert(row.end(),
                 {fmt::format("{:.3f}", cost->flops * 1e-6), fmt::format("{:.1f}", cost->weight_bytes / 1024),
                  fmt::format("{:.1f}", cost->activation_bytes / 1024), fmt::format("{:.1f}", cost->intensity())});
      total.flops += cost->flops;
      total.activation_bytes += cost->activation_bytes;
      total.weight_bytes += cost->weight_bytes;
    } else {
      ++dynamic;
      row.insert(row.end(), {"?", fmt::format("{:.1f}", weight_elems(p) * 4 / 1024), "?", "?"});
      total.weight_bytes += weight_elems(p) * 4;
    }
    row.push_back(joined(others));
    rows.push_back(std::move(row));
  }
  if (plan.layers.empty())
    std::cout << "no kernel is made for any layer\n";
  else
    print_table(rows, {false, false, false, false, false, false, true, true, true, true, false});
  std::cout << fmt::format(
      "{} kernel calls, {} of them do the work of several layers: {:.3f} MFLOP, {:.1f} KB of weights, "
      "{:.1f} KB of inputs and outputs per image\n",
      plan.layers.size(), fused, total.flops * 1e-6, total.weight_bytes / 1024, total.activation_bytes / 1024);
  if (dynamic)
    std::cout << fmt::format(
        "{} of them have dynamic extents (?) and are not in the FLOP total; "
        "--input-shape or --layer-shape makes them static\n",
        dynamic);
  if (!plan.skipped.empty()) std::cout << "no kernel is made for:\n";
  for (const SkippedLayer& layer : plan.skipped)
    std::cout << fmt::format("  {} ({}): {}\n", layer.name, layer.class_name, layer.reason);
}

/// The row that `sepconv compile` chooses without a lockfile, or why the target has no kernel for the problem.
std::variant<autoschedule::LockRow, std::string> row_on(const ConvProblem& problem, const generators::Target& target,
                                                        const autoschedule::ScheduleTables& tables) {
  if (!serves(target, problem.dtype)) return std::string("no kernels for ") + to_text(problem.dtype);
  if (const autoschedule::LockRow* row = tables.row(problem, target)) return *row;
  try {
    return autoschedule::LockRow{default_schedule(lower(problem, target)), {}};
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

void print_schedules(const Plan& plan, const generators::Target& target) {
  std::cout << fmt::format("\nschedules on {}, from the shipped table or the rule:\n", target.name);
  const autoschedule::ScheduleTables tables(tables_folder());
  for (const PlannedLayer& layer : plan.layers) {
    const ConvProblem problem = kernel_problem(layer.problem);
    const auto chosen = row_on(problem, target, tables);
    if (const auto* reason = std::get_if<std::string>(&chosen)) {
      std::cout << fmt::format("{}: none: {}\n", layer.name, *reason);
      continue;
    }
    const autoschedule::LockRow& row = std::get<autoschedule::LockRow>(chosen);
    std::cout << layer.name << ": ";
    if (const std::string note = note_of(row.record); !note.empty()) std::cout << '(' << note << ") ";
    const char* indent = "";
    for (const std::string& line : autoschedule::schedule_words(lower(problem, target), row.schedule)) {
      std::cout << indent << line << '\n';
      indent = "  ";
    }
  }
}

/// @param target  null: without schedules.
void print_json(const Plan& plan, const generators::Target* target) {
  const autoschedule::ScheduleTables tables(tables_folder());
  Json layers = Json::array(), skipped = Json::array();
  for (const PlannedLayer& layer : plan.layers) {
    const ConvProblem& p = layer.problem;
    Json row = {{"name", layer.name},
                {"absorbed", layer.absorbed},
                {"problem", to_text(p)},
                {"op", stages_name(p)},
                {"has_weights", layer.has_weights}};
    if (const auto cost = cost_of(p)) {
      row["flops"] = cost->flops;
      row["weight_bytes"] = cost->weight_bytes;
      row["activation_bytes"] = cost->activation_bytes;
      row["flops_per_byte"] = cost->intensity();
    }
    if (target != nullptr) {
      const ConvProblem problem = kernel_problem(p);
      const auto chosen = row_on(problem, *target, tables);
      if (const auto* reason = std::get_if<std::string>(&chosen)) {
        row["no_schedule"] = *reason;
      } else {
        const autoschedule::LockRow& lock = std::get<autoschedule::LockRow>(chosen);
        row["kernel"] = autoschedule::schedule_json(lower(problem, *target), lock.schedule);
        row["kernel"]["record"] = to_text(lock.record.source);
      }
    }
    layers.push_back(std::move(row));
  }
  for (const SkippedLayer& layer : plan.skipped)
    skipped.push_back({{"name", layer.name}, {"class_name", layer.class_name}, {"reason", layer.reason}});
  std::cout << Json{{"layers", layers}, {"skipped", skipped}}.dump(1, ' ', false, Json::error_handler_t::replace)
            << '\n';
}

struct InspectArguments : PlanArguments {
  std::string target, explain, cache, svg;
  bool json = false;
};

int inspect_network(const InspectArguments& arguments, const Plan& plan) {
  if (!plan.network) {
    if (arguments.json)
      std::cout << Json{{"network", nullptr}, {"why", plan.why_no_network}}.dump(1, ' ', false,
                                                                                 Json::error_handler_t::replace)
                << '\n';
    else
      print_error("no network: {}\n", plan.why_no_network.empty() ? "the file is no model" : plan.why_no_network);
    return kCheckFailed;
  }
  const NetworkPlan& network = plan.network->plan;
  if (arguments.json)
    std::cout << Json{{"network", network_json(network)}}.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
  else
    print_network_tables(network);
  if (arguments.svg.empty()) return kDone;
  const std::string title = std::filesystem::path(arguments.model).filename().string();
  if (const auto reason = sepconv::detail::write_whole_file(arguments.svg, memory_drawing(network, title)))
    throw std::runtime_error(fmt::format("--svg: {}: cannot write the file: {}", arguments.svg, *reason));
  if (!arguments.json) print_out("wrote {}\n", arguments.svg);
  return kDone;
}

int inspect(const InspectArguments& arguments) {
  const generators::Target* target =
      arguments.target.empty() ? nullptr : &generators::target_from_name(arguments.target);
  const Plan plan = read_plan(arguments);
  if (arguments.network) return inspect_network(arguments, plan);
  if (!arguments.explain.empty()) {
    const InterruptFlag interrupt;
    const auto cache =
        arguments.cache.empty() ? generators::default_cache_dir() : std::filesystem::path(arguments.cache);
    std::cout << explain(
        plan, {arguments.explain, arguments.target, tables_folder(), generator_program(), cache, &interrupt.flag()});
    return kDone;
  }
  if (arguments.json) {
    print_json(plan, target);
    return kDone;
  }
  print_text(plan);
  if (target != nullptr) print_schedules(plan, *target);
  return kDone;
}

}  // namespace

void add_inspect_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<InspectArguments>();
  InspectArguments& a = *arguments;
  CLI::App* command =
      app.add_subcommand("inspect", "Show a model's layers, their problems and costs, and which layers fuse");
  command->footer(kExamples);
  add_plan_options(*command, a);
  command->add_option("--target", a.target, "Also describe the schedules that compile chooses for this target");
  CLI::Option* json = command->add_flag("--json", a.json, "Print JSON instead of a table");
  CLI::Option* network =
      command->add_flag("--network", a.network, "Show the steps of the network and its memory, not the layers");
  command->add_option("--from", a.from, "First layer of the network; default: that of the model")
      ->needs(network)
      ->type_name("LAYER");
  command->add_option("--to", a.to, "Last layer of the network; default: that of the model")
      ->needs(network)
      ->type_name("LAYER");
  command->add_option("--svg", a.svg, "Draw where the network's tensors lie in memory into this file")
      ->needs(network)
      ->type_name("FILE");
  CLI::Option* explained =
      command
          ->add_option("--explain", a.explain,
                       "Compile this layer and report its roofline, schedule and inner loop instructions")
          ->type_name("LAYER")
          ->excludes(json)
          ->excludes(network);
  command->add_option("--cache", a.cache, "Folder that caches compiled kernels, for --explain")->needs(explained);
  command->callback([arguments, &status] { status = inspect(*arguments); });
}

}  // namespace sepconv::tools

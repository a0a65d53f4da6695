// sepconv targets: the target table, and what of it this machine can run.

#include <fmt/format.h>

#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "generators/spec/target.h"
#include "runtime/core/cpu_features.h"
#include "tools/commands.h"
#include "tools/device_probe.h"
#include "tools/text_table.h"

namespace sepconv::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kExamples = R"(Examples:
  sepconv targets
  sepconv targets --json
  sepconv compile model.keras -o out --target x86-64-avx2,x86-64-avx512

CPU columns: lanes are float32 elements per vector, registers are vector registers, L1 is one core's data cache.
GPU columns: lanes are threads per warp, registers are 32-bit registers per thread, L1 is a block's shared memory.
'this machine' says whether the CPU, its operating system and, for GPUs, the devices that the installed drivers report
have what the target's kernels need.
Exit status: 0 success, 2 invalid usage.)";

std::vector<std::string> feature_names(std::uint64_t features) {
  std::vector<std::string> names;
  for (int bit = 0; bit < 64; ++bit)
    if (features >> bit & 1) names.push_back(cpu_feature_names(std::uint64_t{1} << bit));
  return names;
}

/// What this machine lacks to run the target's kernels; empty when nothing.
std::vector<std::string> missing(const generators::Target& target) {
  if (!is_native(target)) return {system_text(target)};
  return feature_names(target.required_features & ~(detected_cpu_features() | detected_devices()));
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string kib(std::int64_t bytes) { return std::to_string(bytes / 1024); }

void print_text() {
  TextTable rows = {{"target", "device", "system", "lanes", "registers", "L1 KiB", "L2 KiB", "needs", "this machine"}};
  for (const generators::Target& target : generators::all_targets()) {
    const std::vector<std::string> lacking = missing(target);
    rows.push_back({target.name, to_text(target.device), system_text(target), std::to_string(target.lanes),
                    std::to_string(target.registers), kib(target.l1_bytes), kib(target.l2_bytes),
                    joined(feature_names(target.required_features)),
                    lacking.empty() ? "yes" : "lacks " + joined(lacking)});
  }
  print_table(rows, {false, false, false, true, true, true, true, false, false});
  std::string experimental;
  for (const generators::Target& target : generators::all_targets())
    if (!target.experimental.empty()) experimental += fmt::format("  {}: {}\n", target.name, target.experimental);
  if (!experimental.empty()) std::cout << "experimental, so compiled only when named:\n" << experimental;
}

void print_json() {
  Json rows = Json::array();
  for (const generators::Target& target : generators::all_targets()) {
    const std::vector<std::string> lacking = missing(target);
    Json row = {{"name", target.name},
                {"device", to_text(target.device)},
                {"arch", to_text(target.arch)},
                {"os", to_text(target.os)},
                {"halide", target.halide},
                {"lanes", target.lanes},
                {"registers", target.registers},
                {"l1_bytes", target.l1_bytes},
                {"l2_bytes", target.l2_bytes},
                {"rank", target.rank},
                {"needs", feature_names(target.required_features)},
                {"available", lacking.empty()},
                {"missing", lacking}};
    if (!target.experimental.empty()) row["experimental"] = target.experimental;
    rows.push_back(std::move(row));
  }
  std::cout << Json{{"targets", rows}}.dump(1) << '\n';
}

}  // namespace

void add_targets_command(CLI::App& app, int& status) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("targets", "List the targets, their requirements and whether this machine meets them");
  command->footer(kExamples);
  command->add_flag("--json", *json, "Print JSON instead of a table");
  command->callback([json, &status] {
    *json ? print_json() : print_text();
    status = kDone;
  });
}

}  // namespace sepconv::tools

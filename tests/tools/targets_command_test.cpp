// `sepconv targets` against the target table and the compiler's own detection of this machine.

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "generators/compile/process.h"
#include "generators/spec/target.h"
#include "runtime/core/cpu_features.h"

namespace sepconv::test {

using namespace generators;

namespace {

std::string output_of(const std::vector<std::string>& words) {
  std::vector<std::string> argv = {SEPCONV_PROGRAM, "targets"};
  argv.insert(argv.end(), words.begin(), words.end());
  const ProcessResult result = run_process(argv);
  EXPECT_TRUE(result.ok()) << result.output;
  return result.output;
}

std::map<std::string, nlohmann::json> listed_targets() {
  std::map<std::string, nlohmann::json> rows;
  const nlohmann::json listed = nlohmann::json::parse(output_of({"--json"}));
  for (const nlohmann::json& row : listed.at("targets")) rows[row.at("name")] = row;
  return rows;
}

TEST(TargetsCommand, ListsEveryEntryWithItsFigures) {
  const auto rows = listed_targets();
  EXPECT_EQ(rows.size(), all_targets().size());
  const std::string text = output_of({});
  for (const Target& target : all_targets()) {
    ASSERT_TRUE(rows.contains(target.name)) << target.name;
    const nlohmann::json& row = rows.at(target.name);
    EXPECT_EQ(row.at("device"), to_text(target.device));
    EXPECT_EQ(row.at("arch"), to_text(target.arch));
    EXPECT_EQ(row.at("os"), to_text(target.os));
    EXPECT_EQ(row.at("halide"), target.halide);
    EXPECT_EQ(row.at("lanes"), target.lanes);
    EXPECT_EQ(row.at("registers"), target.registers);
    EXPECT_EQ(row.at("l1_bytes"), target.l1_bytes);
    EXPECT_EQ(row.at("l2_bytes"), target.l2_bytes);
    EXPECT_EQ(row.contains("experimental"), !target.experimental.empty());
    EXPECT_NE(text.find("\n" + target.name + " "), std::string::npos) << target.name;
    if (!target.experimental.empty()) {
      EXPECT_NE(text.find("  " + target.name + ": " + target.experimental + "\n"), std::string::npos) << text;
    }
  }
}

TEST(TargetsCommand, NamesEachFeatureThatATargetNeeds) {
  const auto rows = listed_targets();
  EXPECT_EQ(rows.at("x86-64-sse41").at("needs"), nlohmann::json({"sse4.1"}));
  EXPECT_EQ(rows.at("x86-64-avx2").at("needs"),
            nlohmann::json({"sse4.1", "avx", "f16c", "fma", "avx2", "bmi (1, 2, lzcnt, movbe, popcnt)"}));
  EXPECT_EQ(rows.at("arm-64").at("needs"), nlohmann::json({"neon"}));
}

TEST(TargetsCommand, SaysWhatThisMachineLacks) {
  for (const auto& [name, row] : listed_targets()) {
    const Target& target = target_from_name(name);
    EXPECT_EQ(row.at("available"), row.at("missing").empty()) << name;
    if (!is_native(target)) {
      EXPECT_EQ(row.at("missing"), nlohmann::json({system_text(target)})) << name;
    } else if (target.device == Device::cpu) {
      const std::uint64_t lacking = target.required_features & ~detected_cpu_features();
      EXPECT_EQ(row.at("available"), lacking == 0) << name;
    }
  }
#if defined(__x86_64__)
  const auto rows = listed_targets();
  const std::uint64_t wanted = kCpuAvx2 | kCpuFma | kCpuF16c;
  EXPECT_EQ(rows.at("x86-64-avx2").at("available"), (detected_cpu_features() & wanted) == wanted);
  EXPECT_FALSE(rows.at("arm-64").at("available"));
#endif
}

TEST(TargetsCommand, ADriverThatCrashesIsNone) {
  const ProcessResult result = run_process(
      {"env", std::string("LD_LIBRARY_PATH=") + SEPCONV_CRASHING_DRIVER, SEPCONV_PROGRAM, "targets", "--json"});
  ASSERT_TRUE(result.ok()) << result.output;
  const nlohmann::json listed = nlohmann::json::parse(result.output);
  for (const nlohmann::json& row : listed.at("targets")) {
    if (row.at("name") == "opencl") {
      EXPECT_FALSE(row.at("available")) << row;
    }
  }
}

TEST(TargetsCommand, HelpHasExamplesAndWrongUseIsRefused) {
  EXPECT_NE(output_of({"--help"}).find("Examples:\n  sepconv targets"), std::string::npos);
  EXPECT_EQ(run_process({SEPCONV_PROGRAM, "targets", "x86-64-avx2"}).code, 2);
}

}  // namespace
}  // namespace sepconv::test

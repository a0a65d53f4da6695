// `sepconv compile --report` with the real generator, against the archive's own sections; libraries of other systems.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "generators/spec/target.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

constexpr const char* kLayers = R"([
  {"class_name": "SeparableConv2D", "input_shape": [null, 14, 14, 8],
   "config": {"name": "plain", "filters": 16, "kernel_size": [3, 3], "padding": "same", "activation": "relu"}},
  {"class_name": "DepthwiseConv2D", "input_shape": [null, 14, 14, 16],
   "config": {"name": "half", "kernel_size": [3, 3], "dtype": "bfloat16"}}
])";

class SizeReport : public testing::Test {
 protected:
  SizeReport() { write_file(dir_.path() / "layers.json", kLayers); }

  /// What the command prints to stdout.
  std::string compile(const std::string& options) const {
    const std::string dir = dir_.path().string();
    const ProcessResult result =
        run_process({"sh", "-c",
                     SEPCONV_PROGRAM " compile '" + dir + "/layers.json' -o '" + dir + "/out' --cache '" + dir +
                         "/cache' " + options + " > '" + dir + "/stdout'"});
    EXPECT_TRUE(result.ok()) << result.output;
    return read_file(dir_.path() / "stdout");
  }

  nlohmann::json report(const std::string& options) const {
    return nlohmann::json::parse(compile(options + " --report --json"));
  }

  std::string archive() const { return (dir_.path() / "out" / "liblayers.a").string(); }

  TempDir dir_;
};

/// Sums of the sections' sizes as `size -A` prints them.
std::uint64_t bytes_in(const std::string& archive, const std::string& prefix) {
  const ProcessResult result = run_process({"size", "-A", archive});
  EXPECT_TRUE(result.ok()) << result.output;
  std::istringstream lines(result.output);
  std::uint64_t sum = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t bytes = 0;
    if (words >> name >> bytes && name.starts_with(prefix)) sum += bytes;
  }
  return sum;
}

TEST_F(SizeReport, IsThatOfTheArchivesSections) {
  const nlohmann::json json = report("--target x86-64-avx2,x86-64-sse41");
  ASSERT_EQ(json.at("kernels").size(), 4u);
  std::uint64_t code = 0, constants = 0;
  for (const nlohmann::json& kernel : json.at("kernels")) {
    EXPECT_GT(kernel.at("code_bytes"), 300) << kernel;
    code += kernel.at("code_bytes").get<std::uint64_t>();
    constants += kernel.at("constant_bytes").get<std::uint64_t>();
  }
  EXPECT_EQ(code, bytes_in(archive(), ".text"));
  EXPECT_EQ(constants, bytes_in(archive(), ".rodata") + bytes_in(archive(), ".data"));
  EXPECT_EQ(json.at("code_bytes"), code);
  ASSERT_EQ(json.at("targets").size(), 2u);
  EXPECT_EQ(json.at("targets")[0].at("code_bytes").get<std::uint64_t>() +
                json.at("targets")[1].at("code_bytes").get<std::uint64_t>(),
            code);
}

TEST_F(SizeReport, NamesKernelsThatShareTheirCode) {
  const nlohmann::json json = report("--layers half --target x86-64-avx512,x86-64-avx512-bf16");
  ASSERT_EQ(json.at("kernels").size(), 2u);
  EXPECT_FALSE(json.at("kernels")[0].contains("shares"));
  EXPECT_EQ(json.at("kernels")[1].at("shares"), json.at("kernels")[0].at("symbol"));
  EXPECT_EQ(json.at("kernels")[1].at("code_bytes"), 0);
  EXPECT_EQ(json.at("targets")[1].at("shared"), 1);
  EXPECT_EQ(json.at("code_bytes"), bytes_in(archive(), ".text"));
  const std::string table = compile("--layers half --target x86-64-avx512,x86-64-avx512-bf16 --report");
  EXPECT_NE(table.find("same code as half on x86-64-avx512"), std::string::npos) << table;
}

TEST_F(SizeReport, TellsMediansOfKernels) {
  const nlohmann::json cold = report("--target x86-64-avx2,x86-64-sse41");
  std::vector<double> code;
  for (const nlohmann::json& kernel : cold.at("kernels"))
    if (kernel.at("target") == "x86-64-avx2") code.push_back(kernel.at("code_bytes"));
  ASSERT_EQ(code.size(), 2u);
  for (const nlohmann::json& target : cold.at("targets")) {
    EXPECT_GT(target.at("median_seconds"), 0.01);
    EXPECT_LT(target.at("median_seconds"), 100.0);
    if (target.at("target") == "x86-64-avx2") {
      EXPECT_EQ(target.at("median_code_bytes"), (code[0] + code[1]) / 2);
    }
  }
  EXPECT_GT(cold.at("median_seconds"), 0.01);
  const nlohmann::json warm = report("--target x86-64-avx2,x86-64-sse41");
  EXPECT_TRUE(warm.at("median_seconds").is_null()) << "kernels of the cache take no time to compile";
  EXPECT_EQ(warm.at("median_code_bytes"), cold.at("median_code_bytes"));
  const std::string table = compile("--target x86-64-avx2 --report");
  EXPECT_NE(table.find("median seconds"), std::string::npos) << table;
}

TEST_F(SizeReport, ServesEverySystemOfTheTable) {
  for (const char* target : {"arm-64", "arm-64-android", "arm-64-osx"}) {
    const nlohmann::json json = report("--layers plain --target " + std::string(target));
    ASSERT_EQ(json.at("kernels").size(), 1u);
    EXPECT_GT(json.at("code_bytes"), 300) << target;
    EXPECT_GT(json.at("kernels")[0].at("constant_bytes"), 50) << target;
    const ProcessResult names = run_process({SEPCONV_TEST_LLVM_NM, "-g", "--undefined-only", archive()});
    const std::string prefix = target_from_name(target).os == Os::osx ? "_" : "";
    EXPECT_NE(names.output.find(prefix + "sepconv_abi1_parallel_for\n"), std::string::npos) << names.output;
    EXPECT_EQ(names.output.find("halide"), std::string::npos) << target << "\n" << names.output;
  }
}

TEST_F(SizeReport, JsonIsOfTheReport) {
  const ProcessResult result =
      run_process({SEPCONV_PROGRAM, "compile", (dir_.path() / "layers.json").string(), "-o", "out", "--json"});
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.output.find("--report"), std::string::npos) << result.output;
}

}  // namespace
}  // namespace sepconv::test

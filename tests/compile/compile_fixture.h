#pragma once
// A small plan, compiled by the driver with a generator that works, fails, crashes and hangs on demand.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>

#include "generators/compile/compile_library.h"
#include "generators/compile/files.h"
#include "tests/compile/test_environment.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

inline PlannedLayer layer(const std::string& name, int extent, int channels) {
  PlannedLayer planned;
  planned.name = name;
  planned.absorbed = {name};
  ConvProblem& p = planned.problem;
  p.stages = test::separable_stages();
  p.IH = p.IW = extent;
  p.IC = channels;
  test::set_out_channels(p, 2 * channels);
  test::window(p) = {.KH = 3, .KW = 3, .pad_top = 1, .pad_bottom = 1, .pad_left = 1, .pad_right = 1};
  planned.weights = {std::vector<float>(static_cast<std::size_t>(9 * channels), 0.5f),
                     std::vector<float>(static_cast<std::size_t>(2 * channels * channels), 0.25f)};
  planned.has_weights = true;
  return planned;
}

inline Plan small_plan() {
  Plan plan;
  plan.layers = {layer("first", 14, 8), layer("again", 14, 8), layer("other", 7, 16)};
  return plan;
}

class CompileLibrary : public testing::Test {
 protected:
  CompileLibrary() {
    options_.name = "small";
    options_.output_dir = dir_.path() / "out";
    options_.cache_dir = dir_.path() / "cache";
    options_.generator = FAKE_GENERATOR;
    options_.include_dir = RUNTIME_INCLUDE_DIR;
    options_.lockfile_text = [](const std::vector<generators::PlannedKernel>& kernels) {
      return std::to_string(kernels.size()) + "\n";
    };
    options_.jobs = 2;
  }

  std::set<std::string> output_files() const {
    std::set<std::string> names;
    if (std::filesystem::exists(options_.output_dir))
      for (const auto& entry : std::filesystem::directory_iterator(options_.output_dir))
        names.insert(entry.path().filename());
    return names;
  }

  std::string output(const std::string& name) const { return generators::read_file(options_.output_dir / name); }

  std::size_t generator_calls() const {
    std::ifstream log(log_);
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(log), {}, '\n'));
  }

  std::string failure() {
    try {
      compile_library(small_plan(), options_);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "no failure";
  }

  /// The failing kernel is named, in full, and nothing is left.
  void expect_named_failure(const std::string& mode, const std::string& reason) {
    const ScopedVariable mode_variable("FAKE_GENERATOR_MODE", mode);
    const ScopedVariable match_variable("FAKE_GENERATOR_MATCH", "i14x14x8");
    const std::string message = failure();
    for (const std::string& part : {std::string("layers 'first', 'again'"), std::string("f32_nhwc_i14x14x8.dw_"),
                                    std::string("x86-64-"), std::string("block_fuse"), reason})
      EXPECT_NE(message.find(part), std::string::npos) << "no '" << part << "' in:\n" << message;
    EXPECT_EQ(output_files(), std::set<std::string>{});
  }

  TempDir dir_;
  std::filesystem::path log_ = dir_.path() / "log";
  ScopedVariable log_variable_{"FAKE_GENERATOR_LOG", log_.string()};
  generators::CompileOptions options_;
};

}  // namespace sepconv::test

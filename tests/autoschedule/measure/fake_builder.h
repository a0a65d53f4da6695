#pragma once
// Makes folders as sepconv-builder does, of the kernels in fake_kernels.cpp.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "autoschedule/measure/candidate_builder.h"
#include "sepconv/detail/kernel_abi.h"

namespace sepconv::test {

inline constexpr const char* kFakeProblem = "f32_nhwc_i4x4x8.dw_k1x1";

/// A candidate whose schedule names a function of fake_kernels.cpp, "ok"; what follows a '.' tells candidates apart.
inline autoschedule::Candidate fake_candidate(const std::string& schedule) {
  return {kFakeProblem, "x86-64-sse41", schedule};
}

inline std::string fake_mode(const std::string& schedule) { return schedule.substr(0, schedule.find('.')); }

/// The kernel of a fake kernel.
inline std::string fake_kernel(const autoschedule::Candidate& candidate, std::uint64_t required_features = 0) {
  return "{\"format\": 1, \"abi\": " + std::to_string(kKernelAbi) + ", \"problem\": \"" + candidate.problem +
         "\", \"target\": \"" + candidate.target + "\", \"schedule\": \"" + candidate.schedule +
         "\", \"function\": \"fake_" + fake_mode(candidate.schedule) +
         "\", \"required_features\": " + std::to_string(required_features) +
         ", \"rank\": 1, \"facts\": {\"call_scratch_bytes\": 0, \"task_scratch_bytes\": 0, \"flat_output\": 0, "
         "\"depthwise_panel\": 8, \"pointwise_panel\": 0}, \"library_hash\": \"\"}";
}

/// What build_candidate would give; schedules that begin with "build-" do not get that far.
class FakeBuilder {
 public:
  explicit FakeBuilder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  autoschedule::BuiltCandidate operator()(const autoschedule::Candidate& candidate) const {
    const std::string mode = fake_mode(candidate.schedule);
    autoschedule::BuiltCandidate built;
    built.seconds = 0.25;
    if (mode.starts_with("build-")) {
      built.status = autoschedule::trial_status_from_text(mode);
      built.message = "as asked";
      return built;
    }
    built.folder = folder_ / candidate.schedule;
    std::filesystem::create_directories(built.folder);
    std::filesystem::copy_file(FAKE_KERNELS, built.folder / "kernel.so",
                               std::filesystem::copy_options::overwrite_existing);
    const std::uint64_t features = mode == "other_machine" ? std::uint64_t{1} << 40 : 0;
    std::ofstream(built.folder / "kernel.json") << fake_kernel(candidate, features);
    return built;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace sepconv::test

#include "autoschedule/measure/candidate_builder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "generators/compile/compile_library.h"
#include "generators/compile/files.h"
#include "generators/compile/locked_folder.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

const Candidate kCandidate = {"f32_nhwc_i4x4x8.dw_k1x1", "x86-64-avx2", "block_fuse1_flat0_oh1_ow4.dw_c8_ow4_pad1"};

BuilderOptions fake_options(const std::filesystem::path& folder) {
  BuilderOptions options;
  options.generator = FAKE_GENERATOR;
  options.kernels = folder;
  options.seconds = 20;
  return options;
}

/// Files and folders below, kernels or not.
std::size_t entries(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::recursive_directory_iterator(folder)) ++count;
  return count;
}

TEST(MessageOfOutput, IsTheOutputsEndWithoutBlankSpace) {
  EXPECT_EQ(message_of_output("first\nlast \n\n"), "first\nlast");
  EXPECT_EQ(message_of_output(" \n"), "");
  const std::string exact(kMessageBytes, 'x');
  EXPECT_EQ(message_of_output(exact + "\n"), exact);
  EXPECT_EQ(message_of_output("lost" + exact), "..." + exact);
}

TEST(CandidateBuilder, BuildsOnce) {
  const TempDir folder;
  const ScopedVariable log("FAKE_GENERATOR_LOG", (folder.path() / "log").string());
  const BuilderOptions options = fake_options(folder.path() / "kernels");
  const BuiltCandidate first = build_candidate(kCandidate, options);
  ASSERT_EQ(first.status, TrialStatus::ok) << first.message;
  EXPECT_FALSE(first.cached);
  EXPECT_GT(first.seconds, 0);
  EXPECT_TRUE(std::filesystem::exists(first.folder / "kernel.so"));
  const std::string kernel = read_file(first.folder / "kernel.json");
  for (const std::string& text : {kCandidate.problem, kCandidate.target, kCandidate.schedule,
                                  std::string("\"task_scratch_bytes\": 128"), std::string("\"pointwise_panel\": 16")})
    EXPECT_NE(kernel.find(text), std::string::npos) << kernel;
  EXPECT_EQ(entries(first.folder), 2u) << "nothing but the library and the kernel";

  const BuiltCandidate second = build_candidate(kCandidate, options);
  EXPECT_TRUE(second.cached);
  EXPECT_EQ(second.folder, first.folder);
  Candidate other = kCandidate;
  other.schedule = "block_fuse1_flat0_oh2_ow4.dw_c8_ow4_pad1";
  EXPECT_NE(build_candidate(other, options).folder, first.folder);
  EXPECT_EQ(read_file(folder.path() / "log"),
            kCandidate.problem + " x86-64-avx2\n" + kCandidate.problem + " x86-64-avx2\n");
}

/// The schedule of kCandidate, whatever the problem.
class OneSchedule : public ScheduleSource {
 public:
  std::optional<Schedule> find(const ConvProblem&, const Target&) const override {
    return schedule_from_text(kCandidate.schedule);
  }
};

/// What compile_library makes of kCandidate alone.
CompileResult compile_candidate_library(const BuilderOptions& builder, const std::filesystem::path& output) {
  PlannedLayer layer;
  layer.name = "candidate";
  layer.problem = problem_from_text(kCandidate.problem);
  const OneSchedule schedules;
  CompileOptions options;
  options.name = "library";
  options.output_dir = output;
  options.targets = {kCandidate.target};
  options.schedules = &schedules;
  options.generator = builder.generator;
  options.cache_dir = builder.cache_dir;
  return compile_library({{layer}, {}}, options);
}

TEST(CandidateBuilder, SharesTheCacheOfLibraries) {
  const TempDir folder;
  const ScopedVariable log("FAKE_GENERATOR_LOG", (folder.path() / "log").string());
  BuilderOptions options = fake_options(folder.path() / "kernels");
  options.cache_dir = folder.path() / "cache";
  const BuiltCandidate built = build_candidate(kCandidate, options);
  ASSERT_EQ(built.status, TrialStatus::ok) << built.message;
  EXPECT_EQ(compile_candidate_library(options, folder.path() / "out").cached, 1u);

  const std::string library = read_file(built.folder / "kernel.so"), kernel = read_file(built.folder / "kernel.json");
  std::filesystem::remove_all(options.kernels);
  const BuiltCandidate again = build_candidate(kCandidate, options);
  ASSERT_EQ(again.status, TrialStatus::ok) << again.message;
  EXPECT_FALSE(again.cached) << "it was linked anew";
  EXPECT_EQ(read_file(again.folder / "kernel.so"), library);
  EXPECT_EQ(read_file(again.folder / "kernel.json"), kernel);
  std::size_t looks = 0;
  compile_candidate(kCandidate, options, [&](const std::filesystem::path&) { ++looks; });
  EXPECT_EQ(looks, 1u);
  EXPECT_EQ(read_file(folder.path() / "log"), kCandidate.problem + " x86-64-avx2\n") << "the generator ran once";

  Candidate other = kCandidate;
  other.schedule = "block_fuse1_flat0_oh2_ow4.dw_c8_ow4_pad1";
  EXPECT_NE(read_file(build_candidate(other, options).folder / "kernel.so"), library);
}

TEST(CandidateBuilder, TakesWhatALibraryCompiledUnlessItIsDamaged) {
  const TempDir folder;
  BuilderOptions options = fake_options(folder.path() / "kernels");
  options.cache_dir = folder.path() / "cache";
  EXPECT_EQ(compile_candidate_library(options, folder.path() / "out").cached, 0u);
  options.generator = folder.path() / "generator";
  std::filesystem::copy_file(FAKE_GENERATOR, options.generator);  // the same bytes: the same kernels
  const ScopedVariable mode("FAKE_GENERATOR_MODE", "fail");
  EXPECT_EQ(build_candidate(kCandidate, options).status, TrialStatus::ok);

  std::filesystem::remove_all(options.kernels);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*options.cache_dir)) {
    if (!entry.is_regular_file()) continue;
    std::string bytes = read_file(entry);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_file(entry, bytes);
  }
  const BuiltCandidate built = build_candidate(kCandidate, options);
  EXPECT_EQ(built.status, TrialStatus::build_failed);
  EXPECT_NE(built.message.find("a loop nest that cannot be"), std::string::npos) << built.message;
}

TEST(CandidateBuilder, BuildsADamagedKernelAnew) {
  const TempDir folder;
  const BuilderOptions options = fake_options(folder.path());
  const BuiltCandidate first = build_candidate(kCandidate, options);
  ASSERT_EQ(first.status, TrialStatus::ok) << first.message;
  const std::string whole = read_file(first.folder / "kernel.so");
  for (const char* file : {"kernel.so", "kernel.json"}) {
    write_file(first.folder / file, "half");
    const BuiltCandidate again = build_candidate(kCandidate, options);
    EXPECT_EQ(again.status, TrialStatus::ok) << again.message;
    EXPECT_FALSE(again.cached);
    EXPECT_EQ(again.folder, first.folder);
    EXPECT_EQ(read_file(first.folder / "kernel.so"), whole);
  }
}

TEST(CandidateBuilder, ManyAtOnceShareAFolder) {
  const TempDir folder;
  const BuilderOptions options = fake_options(folder.path());
  std::vector<BuiltCandidate> built(4);
  {
    std::vector<std::jthread> workers;
    for (BuiltCandidate& result : built)
      workers.emplace_back([&result, &options] { result = build_candidate(kCandidate, options); });
  }
  for (const BuiltCandidate& result : built) {
    EXPECT_EQ(result.status, TrialStatus::ok) << result.message;
    EXPECT_EQ(result.folder, built[0].folder);
  }
  EXPECT_EQ(entries(folder.path()), 4u) << "one kernel, and nothing of the other builds";
}

TEST(CandidateBuilder, CompilesToBeLookedAtAndLeavesNothing) {
  const TempDir folder;
  const BuilderOptions options = fake_options(folder.path());
  std::filesystem::path seen;
  const CompiledCandidate compiled = compile_candidate(kCandidate, options, [&](const std::filesystem::path& object) {
    seen = object;
    EXPECT_GT(std::filesystem::file_size(object), 0u);
  });
  EXPECT_EQ(compiled.status, TrialStatus::ok) << compiled.message;
  EXPECT_FALSE(seen.empty());
  EXPECT_EQ(entries(folder.path()), 0u);
  const ScopedVariable mode("FAKE_GENERATOR_MODE", "refuse");
  const CompiledCandidate refused =
      compile_candidate(kCandidate, options, [](const std::filesystem::path&) { FAIL() << "nothing to look at"; });
  EXPECT_EQ(refused.status, TrialStatus::build_failed);
  EXPECT_NE(refused.message.find("exit status 2"), std::string::npos) << refused.message;
  EXPECT_EQ(entries(folder.path()), 0u);
}

struct Failure {
  const char* mode;
  TrialStatus status;
  const char* message;
};

class CandidateBuilderFailure : public testing::TestWithParam<Failure> {};

TEST_P(CandidateBuilderFailure, IsNamedAndLeavesNothing) {
  const TempDir folder;
  BuilderOptions options = fake_options(folder.path());
  if (GetParam().status == TrialStatus::build_timeout) options.seconds = 0.3;
  options.memory_bytes = std::uint64_t{300} << 20;
  const ScopedVariable mode("FAKE_GENERATOR_MODE", GetParam().mode);
  const BuiltCandidate built = build_candidate(kCandidate, options);
  EXPECT_EQ(built.status, GetParam().status) << to_text(built.status) << ": " << built.message;
  EXPECT_NE(built.message.find(GetParam().message), std::string::npos) << built.message;
  EXPECT_TRUE(built.folder.empty());
  EXPECT_EQ(entries(folder.path()), 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, CandidateBuilderFailure,
                         testing::Values(Failure{"fail", TrialStatus::build_failed, "a loop nest that cannot be"},
                                         Failure{"refuse", TrialStatus::build_failed, "exit status 2"},
                                         Failure{"crash", TrialStatus::build_crashed, "signal 11"},
                                         Failure{"hang", TrialStatus::build_timeout, "timed out after 0.3 s"},
                                         Failure{"eat", TrialStatus::out_of_memory, "needed more than 300 MiB"},
                                         Failure{"no_object", TrialStatus::build_failed,
                                                 "the generator's output is unusable"},
                                         Failure{"bad_facts", TrialStatus::build_failed, "kernel facts"}),
                         [](const auto& test) { return std::string(test.param.mode); });

TEST(CandidateBuilder, ForgetsBuildsThatWereKilled) {
  const TempDir folder;
  const auto killed = folder.path() / ".building-killed", kernel = folder.path() / "ab";
  for (const auto& path : {killed, kernel}) std::filesystem::create_directory(path);
  const LockedFolder alive(folder.path() / "ab", ".building-");
  remove_forgotten_builds(folder.path());
  remove_forgotten_builds(kernel);
  EXPECT_FALSE(std::filesystem::exists(killed));
  EXPECT_TRUE(std::filesystem::exists(alive.path()));
  remove_forgotten_builds(folder.path() / "none");  // is no error
}

TEST(CandidateBuilder, RefusesTextsThatNobodyWrote) {
  const TempDir folder;
  for (const Candidate& bad : {Candidate{"nonsense", "x86-64-avx2", "x"}, Candidate{kCandidate.problem, "z80", "x"}}) {
    const BuiltCandidate built = build_candidate(bad, fake_options(folder.path()));
    EXPECT_EQ(built.status, TrialStatus::build_failed);
    EXPECT_NE(built.message, "");
  }
}

TEST(CandidateBuilder, StopsWhenCancelled) {
  const TempDir folder;
  std::atomic<bool> cancelled{false};
  BuilderOptions options = fake_options(folder.path());
  options.cancelled = &cancelled;
  const ScopedVariable mode("FAKE_GENERATOR_MODE", "hang");
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancelled = true;
  });
  EXPECT_EQ(build_candidate(kCandidate, options).status, TrialStatus::lost);
}

TEST(CandidateBuilder, ThrowsWhenNothingCouldBeBuilt) {
  const TempDir folder;
  BuilderOptions options = fake_options(folder.path());
  options.generator = folder.path() / "no-such-generator";
  EXPECT_THROW(build_candidate(kCandidate, options), std::runtime_error);
  options = fake_options(folder.path() / "file" / "kernels");
  write_file(folder.path() / "file", "not a folder");
  EXPECT_THROW(build_candidate(kCandidate, options), std::runtime_error);
}

}  // namespace
}  // namespace sepconv::test

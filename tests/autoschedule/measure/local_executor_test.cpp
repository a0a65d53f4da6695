#include "autoschedule/measure/local_executor.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <stdexcept>
#include <thread>

#include "tests/autoschedule/measure/fake_builder.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace autoschedule;

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRunMebibytes = 512;  // most of it is the sanitizer's
#else
constexpr std::uint64_t kRunMebibytes = 256;
#endif

/// Small limits: the fakes hang on purpose.
LocalOptions fake_options(const std::filesystem::path& folder) {
  LocalOptions options;
  options.runner = {RUNNER_PROGRAM};
  options.work = folder;
  options.call_seconds = 1.5;
  options.run_memory_bytes = kRunMebibytes << 20;
  options.build = FakeBuilder(folder / "kernels");
  return options;
}

TimingOptions brief() {
  TimingOptions timing;
  timing.seconds = timing.max_seconds = 0.002;
  timing.give_up_ratio = 1e9;
  return timing;
}

TrialTask fake_task(const std::vector<std::string>& schedules) {
  TrialTask task;
  task.timing = brief();
  for (const std::string& schedule : schedules) task.candidates.push_back(fake_candidate(schedule));
  return task;
}

std::vector<std::vector<Trial>> run_all(LocalExecutor& executor, const std::vector<TrialTask>& tasks) {
  std::vector<std::vector<Trial>> results(tasks.size());
  executor.run(tasks, [&](std::size_t task, std::vector<Trial> trials) {
    EXPECT_TRUE(results.at(task).empty()) << "task " << task << " came twice";
    results.at(task) = std::move(trials);
  });
  return results;
}

std::vector<Trial> run_one(LocalExecutor& executor, const TrialTask& task) { return run_all(executor, {task}).front(); }

std::string statuses(const std::vector<Trial>& trials) {
  std::string text;
  for (const Trial& trial : trials)
    text += (text.empty() ? "" : ", ") + trial.candidate.schedule + " " + to_text(trial.status);
  return text;
}

void expect_timed(const Trial& trial) {
  EXPECT_EQ(trial.status, TrialStatus::ok) << trial.message;
  EXPECT_GT(trial.seconds, 0);
  EXPECT_GT(trial.seconds_min, 0);
  EXPECT_LE(trial.seconds_min, trial.seconds);
  EXPECT_GT(trial.yardstick_seconds, 0);
  EXPECT_GE(trial.samples, 1);
  EXPECT_GT(trial.limit, 0);
  EXPECT_LE(trial.max_error, trial.limit);
}

TEST(LocalExecutor, TimesGoodKernelsAgainstTheFirst) {
  const TempDir folder;
  LocalExecutor executor(fake_options(folder.path()));
  TrialTask task = fake_task({"ok.1", "ok.2", "slow", "prints"});
  task.timing.cold = true;
  task.timing.give_up_ratio = 100;
  const std::vector<Trial> trials = run_one(executor, task);
  ASSERT_EQ(trials.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    expect_timed(trials[i]);
    EXPECT_EQ(trials[i].candidate, task.candidates[i]);
    EXPECT_EQ(trials[i].build_seconds, 0.25);
  }
  EXPECT_EQ(trials[0].seconds, trials[0].yardstick_seconds);
  EXPECT_GE(trials[0].samples, 6);
  EXPECT_GT(trials[1].cold_seconds, 0);
  EXPECT_EQ(trials[1].message, "");
  // 5 ms against well under a microsecond: not worth more than a sample.
  EXPECT_LE(trials[2].samples, 3);
  EXPECT_NE(trials[2].message.find("times as slow as the yardstick"), std::string::npos) << trials[2].message;
  EXPECT_GE(trials[2].seconds, 0.005);
}

TEST(LocalExecutor, NamesWhatEachBadKernelDid) {
  const TempDir folder;
  LocalExecutor executor(fake_options(folder.path()));
  const std::vector<Trial> trials = run_one(
      executor,
      fake_task({"ok", "crash", "null", "exit", "hang", "spin", "eat", "wrong", "forgets", "outside", "before", "error",
                 "missing", "other_machine", "build-failed", "build-crashed", "build-timeout", "ok.2"}));
  EXPECT_EQ(statuses(trials),
            "ok ok, crash run-crashed, null run-crashed, exit run-crashed, hang run-timeout, spin run-timeout, "
            "eat out-of-memory, wrong wrong-value, forgets wrong-value, outside wrong-value, before wrong-value, "
            "error run-crashed, missing build-failed, other_machine not-run, build-failed build-failed, "
            "build-crashed build-crashed, build-timeout build-timeout, ok.2 ok");
  const auto message = [&](std::size_t index, const std::string& part) {
    EXPECT_NE(trials[index].message.find(part), std::string::npos) << trials[index].message;
  };
  message(1, "signal 6");
  message(3, "exit status 0");
  message(4, "a call took more than 1.5 s");
  message(6, "needed more than " + std::to_string(kRunMebibytes) + " MiB");
  message(7, "element 17");
  message(9, "outside the output");
  message(11, "-7");
  message(12, "fake_missing");
  message(13, "unknown feature 40");
  expect_timed(trials[0]);
  expect_timed(trials[17]);
}

TEST(LocalExecutor, FindsWhatGoesWrongOnlyAfterManyCalls) {
  const TempDir folder;
  LocalExecutor executor(fake_options(folder.path()));
  const std::vector<Trial> trials =
      run_one(executor, fake_task({"ok", "crash_late", "ok.2", "hang_late", "wrong_late", "ok.3"}));
  EXPECT_EQ(statuses(trials),
            "ok ok, crash_late run-crashed, ok.2 ok, hang_late run-timeout, wrong_late wrong-value, ok.3 ok");
  EXPECT_NE(trials[1].message.find("while it was timed"), std::string::npos) << trials[1].message;
  EXPECT_NE(trials[4].message.find("after it was timed"), std::string::npos) << trials[4].message;
  for (const std::size_t good : {0, 2, 5}) expect_timed(trials[good]);
}

TEST(LocalExecutor, GoesOnWithoutAYardstickThatFails) {
  const TempDir folder;
  LocalExecutor executor(fake_options(folder.path()));
  const auto results = run_all(
      executor, {fake_task({"build-failed", "ok"}), fake_task({"crash", "ok.2"}), fake_task({"crash_late", "ok.3"})});
  for (const std::vector<Trial>& trials : results) {
    ASSERT_EQ(trials.size(), 2u);
    EXPECT_NE(trials[0].status, TrialStatus::ok);
    EXPECT_EQ(trials[1].status, TrialStatus::ok) << trials[1].message;
    EXPECT_GT(trials[1].seconds, 0);
    EXPECT_EQ(trials[1].yardstick_seconds, 0);
    EXPECT_EQ(trials[1].ratio(), 0);
  }
}

TEST(LocalExecutor, KeepsTheReferenceAndReplacesADamagedOne) {
  const TempDir folder;
  LocalExecutor executor(fake_options(folder.path()));
  expect_timed(run_one(executor, fake_task({"ok"})).front());
  std::filesystem::path file;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "references")) {
    EXPECT_TRUE(file.empty()) << "one file for the one problem";
    file = entry.path();
  }
  ASSERT_FALSE(file.empty());
  const auto contents = [&] {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string whole = contents();
  std::string damaged = whole;
  damaged[damaged.size() / 4] ^= 1;  // among the expected values
  for (const std::string& bad : {damaged, whole.substr(0, whole.size() - 8), whole + "x", std::string()}) {
    std::ofstream(file, std::ios::binary) << bad;
    expect_timed(run_one(executor, fake_task({"ok"})).front());
    EXPECT_EQ(contents(), whole);
  }
}

TEST(LocalExecutor, SurvivesARunnerThatDies) {
  const TempDir folder;
  LocalOptions options = fake_options(folder.path());
  options.runner = {"sh", "-c", "echo the runner broke; kill -SEGV $$"};
  LocalExecutor executor(std::move(options));
  const std::vector<Trial> trials = run_one(executor, fake_task({"ok", "build-failed", "ok.2"}));
  EXPECT_EQ(statuses(trials), "ok lost, build-failed build-failed, ok.2 lost");
  EXPECT_NE(trials[0].message.find("the runner broke"), std::string::npos) << trials[0].message;
}

TEST(LocalExecutor, SurvivesARunnerThatHangs) {
  const TempDir folder;
  LocalOptions options = fake_options(folder.path());
  options.runner = {"sh", "-c", "sleep 600"};
  options.call_seconds = options.runner_seconds = 0.05;
  LocalExecutor executor(std::move(options));
  EXPECT_EQ(statuses(run_one(executor, fake_task({"ok"}))), "ok run-timeout");
}

TEST(LocalExecutor, StopsWhenCancelled) {
  const TempDir folder;
  std::atomic<bool> cancelled{false};
  LocalOptions options = fake_options(folder.path());
  options.call_seconds = 300;
  options.cancelled = &cancelled;
  LocalExecutor executor(std::move(options));
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    cancelled = true;
  });
  int done = 0;
  EXPECT_THROW(executor.run({fake_task({"hang"}), fake_task({"ok"})}, [&](std::size_t, std::vector<Trial>) { ++done; }),
               TuneCancelled);
  EXPECT_EQ(done, 0);
}

TEST(LocalExecutor, NamesProgramsThatAreNotThere) {
  const TempDir folder;
  LocalOptions options = fake_options(folder.path());
  options.runner = {"./no-such-runner"};
  EXPECT_THROW(LocalExecutor{options}, std::runtime_error);
  options = fake_options(folder.path());
  options.build = nullptr;
  options.generator = "./no-such-generator";
  EXPECT_THROW(LocalExecutor{options}, std::runtime_error);
  options = fake_options(folder.path());
  options.runner = {"no-such-emulator", RUNNER_PROGRAM};
  LocalExecutor executor(options);
  EXPECT_THROW(run_one(executor, fake_task({"ok"})), std::runtime_error);
}

TEST(LocalExecutor, SaysWhatItMeasuresOn) {
  const TempDir folder;
  LocalOptions options = fake_options(folder.path());
  const std::string own = LocalExecutor(options).machine();
  for (const char* part : {"core", "features", "governor", "Linux"})
    EXPECT_NE(own.find(part), std::string::npos) << own;
  EXPECT_EQ(own.find('\n'), std::string::npos);
  options.runner = {"/usr/bin/qemu-aarch64", RUNNER_PROGRAM};
  EXPECT_EQ(LocalExecutor(options).machine(), own + "; kernels run under qemu-aarch64");
}

/// Candidates of which 5% crash, half of them only when timed, 2% hang and 2% are wrong, in tasks of 20 with a good
/// first one: all must end with the right reason, and the good ones with a time.
void run_mixed(int count) {
  const TempDir folder;
  LocalOptions options = fake_options(folder.path());
  LocalExecutor executor(std::move(options));
  std::map<std::string, TrialStatus> expected;
  std::vector<TrialTask> tasks;
  for (int i = 0; i < count; ++i) {
    const int kind = i * 37 % 100;  // each of 0 to 99 once in a hundred
    const auto [mode, status] = kind >= 95   ? std::pair(kind % 2 ? "crash" : "crash_late", TrialStatus::run_crashed)
                                : kind >= 93 ? std::pair("hang", TrialStatus::run_timeout)
                                : kind >= 91 ? std::pair(kind % 2 ? "wrong" : "outside", TrialStatus::wrong_value)
                                             : std::pair("ok", TrialStatus::ok);
    const std::string schedule = std::string(mode) + "." + std::to_string(i);
    expected[schedule] = status;
    if (i % 20 == 0) tasks.push_back(fake_task({"ok.yardstick"}));
    tasks.back().candidates.push_back(fake_candidate(schedule));
  }
  std::map<TrialStatus, int> found;
  for (const std::vector<Trial>& trials : run_all(executor, tasks)) {
    ASSERT_EQ(trials.size(), 21u);
    for (const Trial& trial : trials) {
      if (trial.status == TrialStatus::ok) expect_timed(trial);
      if (trial.candidate.schedule == "ok.yardstick") continue;
      EXPECT_EQ(trial.status, expected.at(trial.candidate.schedule))
          << trial.candidate.schedule << ": " << to_text(trial.status) << ": " << trial.message;
      ++found[trial.status];
    }
  }
  EXPECT_EQ(found[TrialStatus::run_crashed], count / 20);
  EXPECT_EQ(found[TrialStatus::run_timeout], count / 50);
  EXPECT_EQ(found[TrialStatus::wrong_value], count / 50);
  EXPECT_EQ(found[TrialStatus::ok], count - count / 20 - 2 * (count / 50));
}

TEST(LocalExecutor, RecordsAHundredMixedCandidates) { run_mixed(100); }
TEST(LocalExecutorLong, RecordsAThousandMixedCandidates) { run_mixed(1000); }

}  // namespace
}  // namespace sepconv::test

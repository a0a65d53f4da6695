#include "generators/compile/process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace sepconv::test {

using namespace generators;

namespace {

TEST(Process, CapturesBothStreamsAndTheStatus) {
  const ProcessResult result = run_process({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(result.end, ProcessResult::End::exited);
  EXPECT_EQ(result.code, 3);
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.output, "out\nerr\n");
  EXPECT_EQ(end_text(result, {}), "exit status 3");
}

TEST(Process, KeepsTheEndOfLongOutput) {
  const ProcessResult result = run_process({"sh", "-c", "yes line | head -n 100000; echo last"});
  EXPECT_TRUE(result.ok());
  EXPECT_LE(result.output.size(), std::size_t{64} << 10);
  EXPECT_EQ(result.output.substr(result.output.size() - 5), "last\n");
}

TEST(Process, NamesTheSignal) {
  const ProcessResult result = run_process({"sh", "-c", "kill -SEGV $$"});
  EXPECT_EQ(result.end, ProcessResult::End::signalled);
  EXPECT_EQ(end_text(result, {}), "killed by signal 11 (Segmentation fault)");
}

TEST(Process, TimeLimitEndsGrandchildrenToo) {
  const ProcessLimits limits{0.2, nullptr};
  // The grandchild would print its own end; it must not outlive the limit.
  const ProcessResult result = run_process({"sh", "-c", "(sleep 30; echo survived) & wait"}, limits);
  EXPECT_EQ(result.end, ProcessResult::End::timed_out);
  EXPECT_LT(result.seconds, 5);
  EXPECT_EQ(end_text(result, limits), "timed out after 0.2 s");
  EXPECT_EQ(result.output, "");
}

TEST(Process, DoesNotWaitForAGrandchildThatKeepsThePipe) {
  const ProcessResult result = run_process({"sh", "-c", "sleep 30 & echo done"}, {20, nullptr});
  EXPECT_TRUE(result.ok());
  EXPECT_LT(result.seconds, 5);
  EXPECT_EQ(result.output, "done\n");
}

TEST(Process, StopsWhenCancelled) {
  std::atomic<bool> cancelled{false};
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    cancelled = true;
  });
  const ProcessResult result = run_process({"sleep", "30"}, {60, &cancelled});
  EXPECT_EQ(result.end, ProcessResult::End::cancelled);
  EXPECT_LT(result.seconds, 5);
}

TEST(Process, MemoryLimitEndsAProgramThatGrows) {
  const ProcessLimits limits{60, nullptr, std::uint64_t{200} << 20};
  const ProcessResult result = run_process({"tail", "/dev/zero"}, limits);  // keeps what it reads
  EXPECT_EQ(result.end, ProcessResult::End::out_of_memory) << result.output;
  EXPECT_EQ(end_text(result, limits), "needed more than 200 MiB of memory");
}

TEST(Process, MemoryLimitLeavesOthersAlone) {
  const ProcessLimits limits{60, nullptr, std::uint64_t{200} << 20};
  EXPECT_TRUE(run_process({"sh", "-c", "head -c 1000000 /dev/zero | tail -c 1"}, limits).ok());
}

TEST(Process, CpuLimitEndsALoop) {
  ProcessLimits limits{60};
  limits.cpu_seconds = 1;
  const ProcessResult result = run_process({"sh", "-c", "while :; do :; done"}, limits);
  EXPECT_EQ(result.end, ProcessResult::End::out_of_cpu_time) << end_text(result, limits);
  EXPECT_EQ(end_text(result, limits), "needed more than 1 s of processor time");
}

TEST(ForkedProcess, ReturnsTheStatusAndTheOutput) {
  const ProcessResult result = run_forked([] {
    std::puts("out");
    std::fputs("err\n", stderr);
    return 3;
  });
  EXPECT_EQ(result.end, ProcessResult::End::exited);
  EXPECT_EQ(result.code, 3);
  EXPECT_NE(result.output.find("out\n"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("err\n"), std::string::npos) << result.output;
}

TEST(ForkedProcess, AnExceptionIsStatusOne) {
  const ProcessResult result = run_forked([]() -> int { throw std::runtime_error("not done"); });
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.output, "not done\n");
}

TEST(ForkedProcess, ACrashIsASignal) {
  const ProcessResult result = run_forked([] {
    std::signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would print and exit
    return std::raise(SIGSEGV);
  });
  EXPECT_EQ(result.end, ProcessResult::End::signalled);
  EXPECT_EQ(result.code, SIGSEGV);
}

TEST(ForkedProcess, TakesSignalsAsAFreshProgramDoes) {
  const auto before = std::signal(SIGTERM, SIG_IGN);
  const ProcessResult result = run_forked([] { return std::raise(SIGTERM); });
  std::signal(SIGTERM, before);
  EXPECT_EQ(result.end, ProcessResult::End::signalled);
}

TEST(ForkedProcess, LimitsEndIt) {
  ProcessLimits limits{60};
  limits.cpu_seconds = 1;
  const auto loop = [] {
    for (volatile bool go_on = true; go_on;) {
    }
    return 0;
  };
  EXPECT_EQ(run_forked(loop, limits).end, ProcessResult::End::out_of_cpu_time);
  EXPECT_EQ(run_forked(loop, {0.1}).end, ProcessResult::End::timed_out);
  limits = {60, nullptr, std::uint64_t{400} << 20};
  const ProcessResult result = run_forked(
      [] {
        std::vector<std::string> kept;
        for (int i = 0; i < 4000; ++i) kept.emplace_back(std::size_t{1} << 20, 'x');
        return static_cast<int>(kept.size()) == 4000;
      },
      limits);
  // The poll sees it, or the allocation fails first.
  EXPECT_TRUE(result.end == ProcessResult::End::out_of_memory || result.output == "std::bad_alloc\n") << result.output;
}

TEST(Process, NamesAProgramThatIsNotThere) {
  try {
    run_process({"./no-such-program"});
    FAIL() << "expected an exception";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("cannot start './no-such-program'"), std::string::npos) << error.what();
  }
}

TEST(Process, StartsInTheFolder) {
  EXPECT_EQ(run_process({"pwd"}, {.folder = "/"}).output, "/\n");
  EXPECT_THROW(run_process({"pwd"}, {.folder = "/no/such/folder"}), std::runtime_error);
}

TEST(Process, AnIgnoredSigchldIsAnErrorAndNoTimeout) {
  const auto handler = std::signal(SIGCHLD, SIG_IGN);
  try {
    run_process({"true"}, {20, nullptr});
    ADD_FAILURE() << "expected an exception";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("is SIGCHLD ignored?"), std::string::npos) << error.what();
  }
  // The child itself waits for its own children as usual.
  std::signal(SIGCHLD, handler);
  EXPECT_TRUE(run_process({"sh", "-c", "true | true"}).ok());
}

#ifdef __linux__
TEST(Process, TheChildEndsWithItsParent) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    ::close(ends[0]);
    run_process({"sh", "-c", "exec sleep 60"});  // it keeps the pipe open
    ::_exit(0);
  }
  ::close(ends[1]);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  pollfd closed{ends[0], POLLIN, 0};
  EXPECT_EQ(::poll(&closed, 1, 10000), 1) << "the child lives on";
  ::close(ends[0]);
}
#endif

TEST(Process, LastLineIsTheMessageWithoutItsProgram) {
  EXPECT_EQ(last_line("one\nsepconv-runner: two\n\n", "sepconv-runner"), "two");
  EXPECT_EQ(last_line("one", "sepconv-runner"), "one");
  EXPECT_EQ(last_line("\n", "sepconv-runner"), "");
}

}  // namespace
}  // namespace sepconv::test

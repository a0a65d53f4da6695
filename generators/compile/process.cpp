#include "generators/compile/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace sepconv::generators {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kOutputBytes = 64 << 10;
constexpr int kPollMs = 20;  // how late a cancel, or an exit that leaves the pipe open, may be noticed

constexpr int kHandledSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD};  // a child has their defaults

class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0) throw std::runtime_error(fmt::format("pipe: {}", std::strerror(errno)));
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Pipe() {
    ::close(ends_[0]);
    close_write_end();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void close_write_end() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

/// In the child, before the program takes over: `from` under the number `to`, kept open.
bool move_descriptor(int from, int to) { return from == to ? ::fcntl(to, F_SETFD, 0) == 0 : ::dup2(from, to) == to; }

/// The first steps of a child: its own group, no signal handlers, its output to `output`. Only calls that are safe
/// between fork() and exec. False if one of them failed.
bool enter_child(int output, [[maybe_unused]] pid_t parent) {
#ifdef __linux__
  // Killed with the parent: nobody would end it after a kill -9.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
#endif
  ::setpgid(0, 0);
  for (const int signal : kHandledSignals) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  return move_descriptor(output, STDOUT_FILENO) && move_descriptor(output, STDERR_FILENO);
}

/// The child's part of spawn(), as safe. Returns if a call failed.
void start_program(char* const* words, int output, const char* folder, pid_t parent) {
  if (!enter_child(output, parent)) return;
  const int input = ::open("/dev/null", O_RDONLY);
  if (input < 0 || !move_descriptor(input, STDIN_FILENO)) return;
  if (input != STDIN_FILENO) ::close(input);
  if (*folder != '\0' && ::chdir(folder) != 0) return;
  ::execvp(words[0], words);
}

pid_t spawn(const std::vector<std::string>& argv, int output, const std::string& folder) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  Pipe failure;  // closed by the program's start, or brings the reason why there is none
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    start_program(words.data(), output, folder.c_str(), parent);
    const int reason = errno;
    [[maybe_unused]] const ssize_t told = ::write(failure.write_end(), &reason, sizeof reason);
    ::_exit(127);
  }
  int reason = pid < 0 ? errno : 0;
  failure.close_write_end();
  if (pid > 0) {
    ::setpgid(pid, pid);  // as the child does: whichever is first
    pollfd wait{failure.read_end(), POLLIN, 0};
    while (::poll(&wait, 1, -1) < 0 && errno == EINTR) {
    }
    if (::read(failure.read_end(), &reason, sizeof reason) != sizeof reason) return pid;
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  throw std::runtime_error(fmt::format("cannot start '{}': {}", argv[0], std::strerror(reason)));
}

/// The rest of a forked child.
[[noreturn]] void run_as_child(const std::function<int()>& work, int output, pid_t parent) {
  enter_child(output, parent);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  int code = 1;
  try {
    code = work();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  } catch (...) {
  }
  std::fflush(nullptr);
  ::_exit(code);
}

/// Appends what the pipe holds; false at its end.
bool drain(int fd, std::string& output) {
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    output.append(buffer, static_cast<std::size_t>(got));
    if (output.size() > 2 * kOutputBytes) output.erase(0, output.size() - kOutputBytes);
  }
}

/// Makes allocations fail beyond one and a half times the limit and 256 MiB. Children of the child inherit it.
void limit_memory([[maybe_unused]] pid_t pid, [[maybe_unused]] std::uint64_t bytes) {
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Not with sanitizers, whose shadow memory counts as data.
  const rlim_t most = bytes + bytes / 2 + (rlim_t{256} << 20);
  const rlimit limit{most, most};
  ::prlimit(pid, RLIMIT_DATA, &limit, nullptr);
#endif
}

void limit_cpu_time([[maybe_unused]] pid_t pid, [[maybe_unused]] int seconds) {
#if defined(__linux__)
  const auto most = static_cast<rlim_t>(seconds);
  const rlimit limit{most, most + 1};
  ::prlimit(pid, RLIMIT_CPU, &limit, nullptr);
#endif
}

/// True once the child has ended; it stays a zombie, so that its id still names its process group.
bool has_ended(pid_t pid) {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD;
  return info.si_pid == pid;
}

/// The wait status of a child that has ended or is about to.
int status_of(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      throw std::runtime_error(
          fmt::format("the exit status of a child was lost: {}; is SIGCHLD ignored?", std::strerror(errno)));
  return status;
}

/// Waits for the child, whose output comes through the pipe, and enforces its limits.
ProcessResult supervise(pid_t pid, Pipe& pipe, const ProcessLimits& limits) {
  ProcessResult result;
  const Clock::time_point begin = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  pipe.close_write_end();
  if (limits.memory_bytes != 0) limit_memory(pid, limits.memory_bytes);
  if (limits.cpu_seconds != 0) limit_cpu_time(pid, limits.cpu_seconds);

  bool open = true, stopped = false;
  while (!has_ended(pid)) {
    if (limits.cancelled != nullptr && limits.cancelled->load()) {
      result.end = ProcessResult::End::cancelled;
      stopped = true;
      break;
    }
    if (elapsed() > limits.seconds) {
      result.end = ProcessResult::End::timed_out;
      stopped = true;
      break;
    }
    if (limits.memory_bytes != 0 && resident_bytes(pid) > limits.memory_bytes) {
      result.end = ProcessResult::End::out_of_memory;
      stopped = true;
      break;
    }
    if (open) {
      pollfd wait{pipe.read_end(), POLLIN, 0};
      ::poll(&wait, 1, kPollMs);
      open = drain(pipe.read_end(), result.output);
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  ::kill(-pid, SIGKILL);  // the child, or what it left behind
  const int status = status_of(pid);
  if (open) drain(pipe.read_end(), result.output);
  if (result.output.size() > kOutputBytes) result.output.erase(0, result.output.size() - kOutputBytes);
  result.seconds = elapsed();
  if (stopped) return result;
  result.end = WIFSIGNALED(status) ? ProcessResult::End::signalled : ProcessResult::End::exited;
  result.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  if (limits.cpu_seconds != 0 && result.end == ProcessResult::End::signalled && result.code == SIGXCPU)
    result.end = ProcessResult::End::out_of_cpu_time;
  return result;
}

}  // namespace

ProcessResult run_process(const std::vector<std::string>& argv, const ProcessLimits& limits) {
  if (argv.empty()) throw std::invalid_argument("run_process: no program given");
  Pipe pipe;
  return supervise(spawn(argv, pipe.write_end(), limits.folder.string()), pipe, limits);
}

ProcessResult run_forked(const std::function<int()>& work, const ProcessLimits& limits) {
  Pipe pipe;
  std::fflush(nullptr);  // or the child would print it too
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid < 0) throw std::runtime_error(fmt::format("cannot start a process: {}", std::strerror(errno)));
  if (pid == 0) run_as_child(work, pipe.write_end(), parent);
  ::setpgid(pid, pid);  // in both, so that it holds before either goes on
  return supervise(pid, pipe, limits);
}

std::string end_text(const ProcessResult& result, const ProcessLimits& limits) {
  switch (result.end) {
    case ProcessResult::End::exited: return fmt::format("exit status {}", result.code);
    case ProcessResult::End::signalled:
      return fmt::format("killed by signal {} ({})", result.code, ::strsignal(result.code));
    case ProcessResult::End::timed_out: return fmt::format("timed out after {:g} s", limits.seconds);
    case ProcessResult::End::cancelled: return "cancelled";
    case ProcessResult::End::out_of_memory:
      return fmt::format("needed more than {} MiB of memory", limits.memory_bytes >> 20);
    case ProcessResult::End::out_of_cpu_time:
      return fmt::format("needed more than {} s of processor time", limits.cpu_seconds);
  }
  return "ended";
}

std::uint64_t resident_bytes(int pid) {
  std::FILE* file = std::fopen(fmt::format("/proc/{}/statm", pid).c_str(), "r");
  if (file == nullptr) return 0;
  unsigned long long total = 0, resident = 0;
  const bool read = std::fscanf(file, "%llu %llu", &total, &resident) == 2;
  std::fclose(file);
  return read ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

std::string last_line(const std::string& output, const std::string& program) {
  const std::size_t end = output.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const std::size_t newline = output.rfind('\n', end);
  std::string line = output.substr(newline == std::string::npos ? 0 : newline + 1, end - (newline + 1) + 1);
  const std::string prefix = program + ": ";
  return line.starts_with(prefix) ? line.substr(prefix.size()) : line;
}

}  // namespace sepconv::generators

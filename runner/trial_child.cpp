#include "runner/trial_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
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
#include <exception>
#include <new>
#include <optional>
#include <stdexcept>

namespace sepconv::runner {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPollMs = 10;
constexpr char kDone = 'd', kThrown = 't';  // the first byte of what the child writes

/// Memory that a child shares with its parent.
class SharedProgress {
 public:
  SharedProgress() {
    void* memory = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error(std::string("mmap: ") + std::strerror(errno));
    progress_ = new (memory) Progress;
  }
  ~SharedProgress() { ::munmap(progress_, sizeof(Progress)); }
  SharedProgress(const SharedProgress&) = delete;
  SharedProgress& operator=(const SharedProgress&) = delete;
  Progress& get() { return *progress_; }

 private:
  Progress* progress_;
};

/// Bytes of memory that the process uses; 0 where the system does not tell.
std::uint64_t resident_bytes(pid_t pid) {
  char name[64];
  std::snprintf(name, sizeof name, "/proc/%d/statm", static_cast<int>(pid));
  std::FILE* file = std::fopen(name, "r");
  if (file == nullptr) return 0;
  unsigned long long total = 0, resident = 0;
  const bool read = std::fscanf(file, "%llu %llu", &total, &resident) == 2;
  std::fclose(file);
  return read ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

void write_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t wrote = ::write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    done += static_cast<std::size_t>(wrote);
  }
}

[[noreturn]] void be_child(int output, const ChildLimits& limits, const std::function<std::string(Progress&)>& function,
                           Progress& progress) {
#ifdef __linux__
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // whoever ends the runner ends its kernels
#endif
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose shadow memory counts as data
  if (limits.memory_bytes != 0) {
    // The watcher ends the child at the limit; this is for what grows faster than it looks.
    const rlim_t most = limits.memory_bytes + limits.memory_bytes / 2 + (rlim_t{256} << 20);
    const rlimit limit{most, most};
    ::setrlimit(RLIMIT_DATA, &limit);
  }
#endif
  ::dup2(STDERR_FILENO, STDOUT_FILENO);  // whatever a kernel prints must not get between our lines
  std::string text;
  try {
    text = kDone + function(progress);
  } catch (const std::exception& error) {
    text = kThrown + std::string(error.what());
  }
  write_all(output, text);
  ::_exit(0);
}

/// Appends what the pipe holds; false at its end.
bool drain(int fd, std::string& text) {
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

/// A child process, and the end of the pipe that it writes to.
struct Child {
  pid_t pid = -1;
  int output = -1;
};

Child start_child(const ChildLimits& limits, const std::function<std::string(Progress&)>& function,
                  Progress& progress) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    be_child(ends[1], limits, function, progress);
  }
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return {pid, ends[0]};
}

/// The limit that the child has broken, as the result of the run; nothing while it keeps to them.
std::optional<ChildResult> broken_limit(const ChildLimits& limits, pid_t pid, Clock::time_point sign_of_life) {
  ChildResult result;
  if (limits.memory_bytes != 0 && resident_bytes(pid) > limits.memory_bytes) {
    result.end = ChildResult::End::out_of_memory;
    result.message = "needed more than " + std::to_string(limits.memory_bytes >> 20) + " MiB of memory";
    return result;
  }
  if (std::chrono::duration<double>(Clock::now() - sign_of_life).count() <= limits.seconds) return std::nullopt;
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%g", limits.seconds);
  result.end = ChildResult::End::timed_out;
  result.message = std::string("a call took more than ") + seconds + " s";
  return result;
}

/// Reads what the child writes until it ends; kills it when it breaks a limit, which is then the result.
std::optional<ChildResult> watch(const Child& child, const ChildLimits& limits, const Progress& progress,
                                 std::string& text, int& status) {
  bool open = true;
  std::optional<ChildResult> stopped;
  std::uint64_t beats = progress.beats();
  Clock::time_point sign_of_life = Clock::now();
  for (;;) {
    pollfd wait{open ? child.output : -1, POLLIN, 0};
    ::poll(&wait, 1, open ? kPollMs : 1);
    if (open) open = drain(child.output, text);
    if (::waitpid(child.pid, &status, WNOHANG) == child.pid) break;
    if (progress.beats() != beats) {
      beats = progress.beats();
      sign_of_life = Clock::now();
    }
    stopped = broken_limit(limits, child.pid, sign_of_life);
    if (!stopped) continue;
    ::kill(child.pid, SIGKILL);
    while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    break;
  }
  if (open) drain(child.output, text);
  return stopped;
}

/// The result of a child that ended by itself. @param text  what it wrote; @param status  of waitpid
ChildResult result_of(const std::string& text, int status) {
  ChildResult result;
  const bool whole = WIFEXITED(status) && WEXITSTATUS(status) == 0 && !text.empty();
  if (whole && text[0] == kDone) {
    result.text = text.substr(1);
    return result;
  }
  result.end = ChildResult::End::crashed;
  if (whole)
    result.message = text.substr(1);
  else if (WIFSIGNALED(status))
    result.message =
        "killed by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  else
    result.message = "ended the process with exit status " + std::to_string(WEXITSTATUS(status));
  return result;
}

}  // namespace

ChildResult run_in_child(const ChildLimits& limits, const std::function<std::string(Progress&)>& function) {
  SharedProgress shared;
  const Child child = start_child(limits, function, shared.get());
  std::string text;
  int status = 0;
  const std::optional<ChildResult> stopped = watch(child, limits, shared.get(), text, status);
  ::close(child.output);
  ChildResult result = stopped ? *stopped : result_of(text, status);
  result.item = shared.get().item();
  return result;
}

}  // namespace sepconv::runner

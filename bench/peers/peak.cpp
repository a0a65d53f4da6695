// What the machine can do with T threads: float32 multiply-adds, and copies by the size of what they touch.
//
//   peak T                  one JSON line: the best burst of multiply-adds, and copies
//   peak T --serve SECONDS  a turn of SECONDS for each line on stdin: bursts of multiply-adds, one JSON line
//
// setup.sh builds it together with runner/peak.cpp; -march=native makes the copies as wide as the machine.

#include "runner/peak.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// The cores that this process may use, as many as there are threads; fewer cores are shared.
std::vector<int> cores_for(int threads) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<int> all, cores;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed)) all.push_back(core);
  for (int i = 0; i < threads; ++i) cores.push_back(all.empty() ? 0 : all[static_cast<std::size_t>(i) % all.size()]);
  return cores;
}

/// The calling thread stays on a core. Where that is not allowed, it goes wherever it likes.
void stay_on(int core) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(core, &only);
  sched_setaffinity(0, sizeof only, &only);
}

/// Threads, each on its core, that work at the same time, again and again. They spin in between, so a team lives no
/// longer than its work. The first one is the caller.
class Team {
 public:
  explicit Team(const std::vector<int>& cores) : done_(cores.size()) {
    stay_on(cores[0]);
    for (std::size_t i = 1; i < cores.size(); ++i)
      others_.emplace_back([this, i, core = cores[i]] {
        stay_on(core);
        follow(i);
      });
  }

  ~Team() {
    work_ = nullptr;
    ++round_;
    for (std::thread& other : others_) other.join();
  }

  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// Seconds until the last thread is done. The first time, that the threads start is part of it.
  double run(const std::function<void(std::size_t thread)>& work) {
    work_ = &work;
    finished_ = 0;
    start_ = Clock::now();
    ++round_;
    work(0);
    done_[0] = seconds_since(start_);
    while (finished_ < others_.size()) {
    }
    return *std::max_element(done_.begin(), done_.end());
  }

 private:
  void follow(std::size_t thread) {
    for (int seen = 0;; ++seen) {
      while (round_ == seen) {
      }
      if (work_ == nullptr) return;
      (*work_)(thread);
      done_[thread] = seconds_since(start_);
      ++finished_;
    }
  }

  const std::function<void(std::size_t)>* work_ = nullptr;
  Clock::time_point start_;
  std::vector<double> done_;
  std::atomic<std::size_t> finished_{0};
  std::atomic<int> round_{0};
  std::vector<std::thread> others_;
};

/// GFLOP/s of bursts of about a millisecond: short, so that some run undisturbed. For `seconds`, but at least
/// nine that count; the units need the first few to reach their speed. Ascending.
std::vector<double> bursts(const sepconv::runner::FmaBurner& burner, const std::vector<int>& cores, double seconds) {
  constexpr double kFlops = 1e8;
  constexpr int kWarmUp = 3, kLeast = 9;
  const long steps = static_cast<long>(kFlops / burner.flops_per_step);
  const double flops = burner.flops_per_step * static_cast<double>(steps) * static_cast<double>(cores.size());
  std::vector<double> gflops;
  Team team(cores);
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < kWarmUp + kLeast || seconds_since(start) < seconds; ++i) {
    const double burst = team.run([&](std::size_t) { burner.burn(steps); });
    if (i >= kWarmUp) gflops.push_back(flops / burst * 1e-9);
  }
  std::sort(gflops.begin(), gflops.end());
  return gflops;
}

void serve_turns(const std::vector<int>& cores, double seconds) {
  const sepconv::runner::FmaBurner burner = sepconv::runner::widest_fma_burner();
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<double> gflops = bursts(burner, cores, seconds);
    std::printf("{\"gflops_median\": %.2f, \"gflops_best\": %.2f, \"bursts\": %zu}\n", gflops[gflops.size() / 2],
                gflops.back(), gflops.size());
    std::fflush(stdout);
  }
}

/// Half of the bytes are read and half written; both count.
double copy_gbs(const std::vector<int>& cores, std::size_t bytes) {
  // A loop of whole registers: memcpy would choose stores past the caches by itself.
#if defined(__AVX512F__)
  constexpr std::size_t kLanes = 16;
#elif defined(__AVX__)
  constexpr std::size_t kLanes = 8;
#else
  constexpr std::size_t kLanes = 4;
#endif
  using Vector [[gnu::vector_size(kLanes * sizeof(float)), gnu::aligned(4), gnu::may_alias]] = float;
  constexpr double kMoved = 2e8;
  constexpr int kRuns = 12;
  const std::size_t threads = cores.size(), floats = bytes / 2 / sizeof(float) / threads / kLanes * kLanes;
  std::vector<std::vector<float>> from(threads, std::vector<float>(floats, 1.f)), to = from;
  const long repeats = std::max(1L, static_cast<long>(kMoved / static_cast<double>(bytes)));
  Team team(cores);
  double best = 1e9;
  for (int run = 0; run < kRuns; ++run)
    best = std::min(best, team.run([&](std::size_t thread) {
      const float* a = from[thread].data();
      float* b = to[thread].data();
      for (long r = 0; r < repeats; ++r) {
        for (std::size_t i = 0; i < floats; i += kLanes)
          *reinterpret_cast<Vector*>(b + i) = *reinterpret_cast<const Vector*>(a + i);
        asm volatile("" ::: "memory");
      }
    }));
  const double copied = sizeof(float) * static_cast<double>(floats * threads) * static_cast<double>(repeats);
  return 2.0 * copied / best * 1e-9;
}

void print_limits(const std::vector<int>& cores) {
  constexpr double kSeconds = 0.12;
  const sepconv::runner::FmaBurner burner = sepconv::runner::widest_fma_burner();
  std::printf("{\"isa\": \"%s\", \"threads\": %zu, \"peak_gflops\": %.1f, \"copy\": [", burner.isa, cores.size(),
              bursts(burner, cores, kSeconds).back());
  const char* comma = "";
  for (const std::size_t kib : {16, 32, 128, 512, 1024, 1536, 3072, 8192, 16384, 65536}) {
    std::printf("%s[%zu, %.1f]", comma, kib, copy_gbs(cores, kib << 10));
    comma = ", ";
  }
  std::printf("]}\n");
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 0;
  const bool serve = argc == 4 && std::strcmp(argv[2], "--serve") == 0;
  const double seconds = serve ? std::atof(argv[3]) : 0;
  if (threads < 1 || (argc != 2 && !(seconds > 0))) {
    std::fprintf(stderr, "usage: peak THREADS [--serve SECONDS]\n");
    return 2;
  }
  const std::vector<int> cores = cores_for(threads);
  serve ? serve_turns(cores, seconds) : print_limits(cores);
  return 0;
}

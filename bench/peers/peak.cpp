// What the machine can do with T threads: float32 multiply-adds, and copies by the size of what they touch. One JSON
// line for compare.py. Built with -O2 -march=native -pthread.

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

#if defined(__AVX512F__)
using Vector = __m512;
constexpr int kLanes = 16, kSums = 24;
constexpr const char* kIsa = "avx512f";
Vector splat(float value) { return _mm512_set1_ps(value); }
Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
Vector load(const float* from) { return _mm512_loadu_ps(from); }
void store(float* to, Vector value) { _mm512_storeu_ps(to, value); }
#elif defined(__FMA__)
using Vector = __m256;
constexpr int kLanes = 8, kSums = 12;
constexpr const char* kIsa = "avx2+fma";
Vector splat(float value) { return _mm256_set1_ps(value); }
Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
Vector load(const float* from) { return _mm256_loadu_ps(from); }
void store(float* to, Vector value) { _mm256_storeu_ps(to, value); }
#else
#error "the peak is measured with fused multiply-adds, which this machine lacks"
#endif

volatile float sink;

void burn(long steps) {
  Vector sums[kSums];
  const Vector scale = splat(0.999f), added = splat(1e-3f);
  for (int i = 0; i < kSums; ++i) sums[i] = splat(static_cast<float>(i));
  for (long step = 0; step < steps; ++step) {
#pragma GCC unroll 24
    for (int i = 0; i < kSums; ++i) sums[i] = multiply_add(sums[i], scale, added);
  }
  float lanes[kLanes];
  for (const Vector& sum : sums) {
    store(lanes, sum);
    sink = lanes[0];
  }
}

/// Seconds from a common start until the last thread is done.
template <class Work>
double together(int threads, const Work& work) {
  std::atomic<int> ready{0};
  std::vector<std::thread> others;
  const auto wait = [&] {
    ++ready;
    while (ready < threads) {
    }
  };
  for (int i = 1; i < threads; ++i)
    others.emplace_back([&, i] {
      wait();
      work(i);
    });
  wait();
  const auto start = std::chrono::steady_clock::now();
  work(0);
  for (std::thread& other : others) other.join();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void print_peak(int threads) {
  constexpr long kSteps = 500'000;  // short bursts, so that some run undisturbed
  constexpr int kWarmUp = 10, kBursts = 100;
  std::vector<double> gflops;
  for (int i = 0; i < kWarmUp + kBursts; ++i) {
    const double seconds = together(threads, [](int) { burn(kSteps); });
    if (i >= kWarmUp) gflops.push_back(2.0 * kLanes * kSums * kSteps * threads / seconds * 1e-9);
  }
  std::sort(gflops.begin(), gflops.end());
  std::printf("\"isa\": \"%s\", \"threads\": %d, \"peak_gflops\": %.1f, \"peak_gflops_median\": %.1f", kIsa, threads,
              gflops.back(), gflops[gflops.size() / 2]);
}

/// Half of the bytes are read and half written; both count.
double copy_gbs(int threads, std::size_t bytes) {
  constexpr double kMoved = 2e8;
  constexpr int kRuns = 12;
  const std::size_t step = kLanes;
  const std::size_t floats = bytes / 2 / sizeof(float) / static_cast<std::size_t>(threads) / step * step;
  std::vector<std::vector<float>> from(static_cast<std::size_t>(threads), std::vector<float>(floats, 1.f)), to = from;
  const long repeats = std::max(1L, static_cast<long>(kMoved / static_cast<double>(bytes)));
  double best = 1e9;
  for (int run = 0; run < kRuns; ++run)
    best = std::min(best, together(threads, [&](int thread) {
                      const float* a = from[static_cast<std::size_t>(thread)].data();
                      float* b = to[static_cast<std::size_t>(thread)].data();
                      for (long r = 0; r < repeats; ++r) {
                        for (std::size_t i = 0; i < floats; i += step) store(b + i, load(a + i));
                        asm volatile("" ::: "memory");
                      }
                    }));
  return 2.0 * sizeof(float) * static_cast<double>(floats) * threads * static_cast<double>(repeats) / best * 1e-9;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  std::printf("{");
  print_peak(threads);
  std::printf(", \"copy\": [");
  const char* comma = "";
  for (const std::size_t kib : {16, 32, 128, 512, 1024, 1536, 3072, 8192, 16384, 65536}) {
    std::printf("%s[%zu, %.1f]", comma, kib, copy_gbs(threads, kib << 10));
    comma = ", ";
  }
  std::printf("]}\n");
  return 0;
}

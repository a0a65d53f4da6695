#include "runner/peak.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sepconv::runner {
namespace {

volatile float sink;

#if defined(__x86_64__)

// 24 and 12 independent chains cover the latency of two units (4 or 5 cycles each) and fit the registers.
__attribute__((target("avx512f"))) void burn_avx512(long steps) {
  __m512 sum[24];
  const __m512 scale = _mm512_set1_ps(0.999f), add = _mm512_set1_ps(1e-3f);
  for (int i = 0; i < 24; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  for (long k = 0; k < steps; ++k) {
#pragma GCC unroll 24
    for (int i = 0; i < 24; ++i) sum[i] = _mm512_fmadd_ps(sum[i], scale, add);
  }
  __m512 total = sum[0];
  for (int i = 1; i < 24; ++i) total = _mm512_add_ps(total, sum[i]);
  sink = _mm512_cvtss_f32(total);
}

__attribute__((target("avx2,fma"))) void burn_avx2(long steps) {
  __m256 sum[12];
  const __m256 scale = _mm256_set1_ps(0.999f), add = _mm256_set1_ps(1e-3f);
  for (int i = 0; i < 12; ++i) sum[i] = _mm256_set1_ps(static_cast<float>(i));
  for (long k = 0; k < steps; ++k) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) sum[i] = _mm256_fmadd_ps(sum[i], scale, add);
  }
  __m256 total = sum[0];
  for (int i = 1; i < 12; ++i) total = _mm256_add_ps(total, sum[i]);
  sink = _mm256_cvtss_f32(total);
}

__attribute__((target("avx512f"))) void burn_avx512_double(long steps) {
  __m512d sum[24];
  const __m512d scale = _mm512_set1_pd(0.999), add = _mm512_set1_pd(1e-3);
  for (int i = 0; i < 24; ++i) sum[i] = _mm512_set1_pd(i);
  for (long k = 0; k < steps; ++k) {
#pragma GCC unroll 24
    for (int i = 0; i < 24; ++i) sum[i] = _mm512_fmadd_pd(sum[i], scale, add);
  }
  __m512d total = sum[0];
  for (int i = 1; i < 24; ++i) total = _mm512_add_pd(total, sum[i]);
  sink = static_cast<float>(_mm512_cvtsd_f64(total));
}

__attribute__((target("avx2,fma"))) void burn_avx2_double(long steps) {
  __m256d sum[12];
  const __m256d scale = _mm256_set1_pd(0.999), add = _mm256_set1_pd(1e-3);
  for (int i = 0; i < 12; ++i) sum[i] = _mm256_set1_pd(i);
  for (long k = 0; k < steps; ++k) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) sum[i] = _mm256_fmadd_pd(sum[i], scale, add);
  }
  __m256d total = sum[0];
  for (int i = 1; i < 12; ++i) total = _mm256_add_pd(total, sum[i]);
  sink = static_cast<float>(_mm256_cvtsd_f64(total));
}

/// Each instruction adds two products to each of 16 sums.
__attribute__((target("avx512f,avx512bf16"))) void burn_avx512_bf16(long steps) {
  __m512 sum[24];
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
  const __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(-0.5f), _mm512_set1_ps(1.0f));
  for (int i = 0; i < 24; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  for (long k = 0; k < steps; ++k) {
#pragma GCC unroll 24
    for (int i = 0; i < 24; ++i) sum[i] = _mm512_dpbf16_ps(sum[i], a, b);
  }
  __m512 total = sum[0];
  for (int i = 1; i < 24; ++i) total = _mm512_add_ps(total, sum[i]);
  sink = _mm512_cvtss_f32(total);
}

#endif

template <class T>
void burn_portable(long steps) {
  std::array<T, 32> sum;
  for (int i = 0; i < 32; ++i) sum[i] = static_cast<T>(i);
  for (long k = 0; k < steps; ++k)
    for (T& value : sum) value = value * T(0.999) + T(1e-3);
  sink = static_cast<float>(sum[0]);
}

}  // namespace

FmaBurner widest_fma_burner(DataType dtype) {
  const bool wide = dtype == DataType::float64;
#if defined(__x86_64__)
  if (dtype == DataType::bfloat16 && __builtin_cpu_supports("avx512bf16"))
    return {"avx512bf16", burn_avx512_bf16, 2.0 * 32 * 24};
  if (__builtin_cpu_supports("avx512f"))
    return {"avx512f", wide ? burn_avx512_double : burn_avx512, 2.0 * (wide ? 8 : 16) * 24};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {"avx2+fma", wide ? burn_avx2_double : burn_avx2, 2.0 * (wide ? 4 : 8) * 12};
#endif
  return {"portable", wide ? burn_portable<double> : burn_portable<float>, 2.0 * 32};
}

FmaPeak measure_fma_peak(DataType dtype) {
  using Clock = std::chrono::steady_clock;
  const FmaBurner burner = widest_fma_burner(dtype);
  // Many bursts of about a millisecond, so that some run undisturbed.
  constexpr long kSteps = 100'000;
  constexpr int kWarmUp = 10, kBursts = 80;
  std::vector<double> gflops;
  for (int i = 0; i < kWarmUp + kBursts; ++i) {
    const auto start = Clock::now();
    burner.burn(kSteps);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (i >= kWarmUp) gflops.push_back(burner.flops_per_step * kSteps / seconds * 1e-9);
  }
  std::sort(gflops.begin(), gflops.end());
  return {burner.isa, gflops.back(), gflops[gflops.size() / 2]};
}

double measure_copy_gbs(std::size_t bytes) {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t kSmallest = 16 << 10, kMovedByRun = 100 << 20;
  constexpr int kRuns = 8;
  const std::size_t half = std::max(bytes, kSmallest) / 2;
  std::vector<unsigned char> source(half, 1), target(half, 2);
  const std::size_t copies = std::max<std::size_t>(1, kMovedByRun / half);
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const auto start = Clock::now();
    for (std::size_t i = 0; i < copies; ++i) {
      source[i % half] = static_cast<unsigned char>(i);
      std::memcpy(target.data(), source.data(), half);
      sink = target[(i * 64) % half];
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 2.0 * static_cast<double>(half * copies) / seconds * 1e-9);
  }
  return best;
}

}  // namespace sepconv::runner

// Kernels of one small problem, kFakeProblem of fake_builder.h, that are right or misbehave: a function each.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "sepconv/detail/kernel_abi.h"

namespace {

constexpr int kChannels = 8, kPixels = 16;

/// The head of Halide's halide_buffer_t.
struct Buffer {
  std::uint64_t device;
  void* interface;
  float* host;
};

/// out[pixel][c] = in[pixel][c] * filter[c]: the filter's panel holds all channels.
int multiply(void** argv) {
  const float* in = static_cast<Buffer*>(argv[1])->host;
  const float* filter = static_cast<Buffer*>(argv[2])->host;
  float* out = static_cast<Buffer*>(argv[3])->host;
  for (int i = 0; i < kPixels * kChannels; ++i) out[i] = in[i] * filter[i % kChannels];
  return 0;
}

float* output(void** argv) { return static_cast<Buffer*>(argv[3])->host; }

/// How often this process has called.
int calls = 0;

}  // namespace

extern "C" {

int fake_ok(void** argv) { return multiply(argv); }

int fake_slow(void** argv) {
  ::usleep(5000);
  return multiply(argv);
}

int fake_prints(void** argv) {
  std::puts("{\"kernel\": \"nonsense\"}");
  std::fflush(stdout);
  return multiply(argv);
}

int fake_crash(void** argv) {
  multiply(argv);
  std::abort();
}

int fake_null(void** argv) {
  multiply(argv);
  *static_cast<volatile int*>(nullptr) = 1;
  return 0;
}

int fake_exit(void** argv) {
  multiply(argv);
  ::_exit(0);
}

int fake_hang(void** argv) {
  multiply(argv);
  for (;;) ::pause();
}

int fake_spin(void** argv) {
  multiply(argv);
  for (volatile bool forever = true; forever;) {
  }
  return 0;
}

int fake_eat(void** argv) {
  multiply(argv);
  constexpr std::size_t kBytes = 1 << 20;
  for (;;) {
    auto* memory = static_cast<volatile char*>(std::malloc(kBytes));
    for (std::size_t i = 0; memory != nullptr && i < kBytes; i += 512) memory[i] = 1;
  }
}

int fake_wrong(void** argv) {
  multiply(argv);
  output(argv)[17] += 0.001f;
  return 0;
}

int fake_forgets(void** argv) {  // an element that it does not write stays poisoned
  const float was = output(argv)[17];
  multiply(argv);
  output(argv)[17] = was;
  return 0;
}

int fake_outside(void** argv) {
  multiply(argv);
  output(argv)[kPixels * kChannels + 3] = 1;
  return 0;
}

int fake_before(void** argv) {
  multiply(argv);
  output(argv)[-1] = 1;
  return 0;
}

int fake_error(void**) { return -7; }

int fake_crash_late(void** argv) {
  if (++calls == 1000) std::abort();
  return multiply(argv);
}

int fake_hang_late(void** argv) {
  multiply(argv);
  if (++calls == 1000)
    for (;;) ::pause();
  return 0;
}

int fake_wrong_late(void** argv) {
  multiply(argv);
  if (++calls >= 1000) output(argv)[17] += 0.001f;
  return 0;
}

}  // extern "C"

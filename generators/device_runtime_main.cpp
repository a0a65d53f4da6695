// sepconv-device-runtime: writes the one Halide runtime that GPU kernels share, for libsepconv_gpu.

#include <cstdio>

#include "Halide.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: sepconv-device-runtime OBJECT\n");
    return 2;
  }
  Halide::compile_standalone_runtime(argv[1], Halide::Target("x86-64-linux-sse41-cuda-opencl-user_context"));
  return 0;
}

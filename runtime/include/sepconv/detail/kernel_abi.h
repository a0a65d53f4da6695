#pragma once
// The services that a compiled kernel needs from its caller. Kernels are compiled without Halide's runtime. In each
// object, halide_do_par_for, halide_malloc and halide_free are renamed to the three functions below. Their first
// argument is the KernelContext that the caller passed as the kernel's user context.

#include <cstddef>
#include <cstdint>

namespace sepconv {

/// Version of everything in this file and of CompiledKernel; a table of another version is refused.
inline constexpr std::uint32_t kKernelAbi = 2;

using KernelTask = int (*)(void* context, int index, std::uint8_t* closure);

/// Services for one call of a kernel. Each task receives its own context.
struct KernelContext {
  /// Runs task(context', i, closure) for min <= i < min + count, on any threads; returns the first non-zero result.
  int (*parallel_for)(KernelContext* context, KernelTask task, int min, int count, std::uint8_t* closure);
  /// At least `bytes` bytes, 64-byte aligned, with 64 readable bytes on each side. Never null.
  void* (*allocate)(KernelContext* context, std::size_t bytes);
  void (*release)(KernelContext* context, void* pointer);
};

/// A compiled kernel in Halide's argv form: argv[0] points to a KernelContext*, and argv[i + 1] to argument i of
/// arguments_of() (kernel_arguments.h), a halide_buffer_t or a scalar. Returns 0 or Halide's error code.
///
/// For a kernel for GPUs, argv[0] points to its library's own context, and images lie anywhere in a device memory:
/// behind the batch, their buffers have one more dimension, of extent 2 from -1 on. Its pitch is the number of elements
/// from the beginning of the memory to the first image. The kernel reads and writes at its index 0.
using KernelFunction = int (*)(void** argv);

}  // namespace sepconv

// The three functions that compiled kernels call in place of Halide's (kernel_abi.h), with Halide's signatures. A
// library made with --shared carries a copy of this file.

#include "sepconv/detail/kernel_abi.h"

extern "C" {

int sepconv_abi1_parallel_for(void* context, sepconv::KernelTask task, int min, int size, std::uint8_t* closure) {
  auto* services = static_cast<sepconv::KernelContext*>(context);
  return services->parallel_for(services, task, min, size, closure);
}

void* sepconv_abi1_allocate(void* context, std::size_t bytes) {
  auto* services = static_cast<sepconv::KernelContext*>(context);
  return services->allocate(services, bytes);
}

void sepconv_abi1_release(void* context, void* pointer) {
  auto* services = static_cast<sepconv::KernelContext*>(context);
  services->release(services, pointer);
}

}  // extern "C"

// Two generated libraries in one program.
#include <outside.h>
#include <packaged.h>
#include <sepconv/kernel_registry.h>

#include "block.h"

int main() {
  sepconv::use_kernels(outside::kernels());
  sepconv::use_kernels(packaged::kernels());
  return block_is_right(outside::kernels()) && block_is_right(packaged::kernels()) ? 0 : 1;
}

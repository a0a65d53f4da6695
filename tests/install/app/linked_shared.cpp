// A generated shared library linked as any other.
#include <loaded.h>
#include <sepconv/kernel_registry.h>

#include "block.h"

int main() {
  sepconv::use_kernels(loaded::kernels());
  return block_is_right(loaded::kernels()) ? 0 : 1;
}

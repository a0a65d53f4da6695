// A generated library opened at run time.
#include <sepconv/kernel_registry.h>

#include "block.h"

int main() { return block_is_right(sepconv::load_kernel_library(LOADED_LIBRARY)) ? 0 : 1; }

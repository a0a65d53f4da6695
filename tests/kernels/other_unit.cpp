#include "tests/kernels/other_unit.h"

#include <test_layers.h>
#include <test_twin.h>

static_assert(__cplusplus == 201703L, "generated headers are C++17");

namespace sepconv::test {

const KernelTable& layers_seen_elsewhere() { return test_layers::kernels(); }
const KernelTable& twin_seen_elsewhere() { return test_twin::kernels(); }

}  // namespace sepconv::test

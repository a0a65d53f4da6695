#pragma once
// A second translation unit of the program, in C++17, which includes the generated headers too.

namespace sepconv {
struct KernelTable;
}  // namespace sepconv

namespace sepconv::test {

const KernelTable& layers_seen_elsewhere();
const KernelTable& twin_seen_elsewhere();

}  // namespace sepconv::test

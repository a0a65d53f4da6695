#pragma once
// Kernels whose machine code is the same: a library holds one object for all of them.

#include <cstddef>
#include <string>
#include <vector>

#include "generators/compile/kernel_object.h"

namespace sepconv::generators {

/// The function's name in every object that the generator writes, and so the reason that equal code gives equal bytes.
inline constexpr const char* kPlaceholderSymbol = "sepconv_kernel_00000000000000000000000000000000";

/// For each object the index of the first one with the same bytes: its own where it is the first.
std::vector<std::size_t> shared_bodies(const std::vector<KernelObject>& objects);

/// The object's bytes with another name in place of the placeholder, everywhere: in symbols, and in texts for a GPU.
/// @param symbol  as long as the placeholder, so that nothing moves.
/// @throws std::logic_error when its length differs.
std::string with_symbol(std::string bytes, const std::string& symbol);

}  // namespace sepconv::generators

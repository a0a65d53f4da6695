#pragma once
// Mutations of HDF5 files: of the integers in their structures, and of the model's JSON in an attribute.

#include <string>

namespace sepconv::fuzz {

/// The file with one or a few changes; as long as before, but for some of the changes by libFuzzer itself.
std::string mutated_hdf5(std::string file, unsigned seed);

}  // namespace sepconv::fuzz

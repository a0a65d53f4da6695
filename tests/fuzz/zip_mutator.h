#pragma once
// Mutations of the members of a zip archive, zipped again with right checksums.

#include <cstddef>
#include <cstdint>

namespace sepconv::fuzz {

/// The custom mutator of targets whose input is a zip: mostly one member is changed, by its kind; sometimes the members
/// themselves, or any byte of the archive.
std::size_t mutate_zip_input(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed);

}  // namespace sepconv::fuzz

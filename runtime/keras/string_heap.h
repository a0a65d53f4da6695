#pragma once
// Variable-length strings of an HDF5 file, read without the HDF5 library: as of 1.10 the library copies as many bytes
// as a string claims to have, however few the file holds.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

namespace sepconv::keras {

/// True when the file begins with a superblock whose addresses and lengths have 8 bytes, as h5py and Keras write it.
bool has_usual_superblock(std::string_view file);

/// The strings lie in collections of objects ("global heap"); each reference names a collection and an object.
class StringHeap {
 public:
  static constexpr std::size_t kReferenceBytes = 16;  // length (4), address of the collection (8), object (4)

  /// @param file  the whole file, with the usual superblock; must outlive this object and the texts
  explicit StringHeap(std::string_view file) : file_(file) {}

  /// The texts of `references`, kReferenceBytes each. Time and memory grow no faster than the file.
  /// @throws std::invalid_argument with the reason when one leads nowhere
  std::vector<std::string_view> texts(std::string_view references);

 private:
  using Objects = std::map<std::uint32_t, std::string_view>;

  std::string_view text(std::string_view reference);
  const Objects& collection(std::uint64_t address);

  std::string_view file_;
  std::map<std::uint64_t, Objects> collections_;  // by address
  std::uint64_t walked_bytes_ = 0;                // of all collections
};

}  // namespace sepconv::keras

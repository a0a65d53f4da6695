#pragma once
// Datasets and attributes of an HDF5 file held in memory. Every failure of the library becomes one
// std::invalid_argument that names the file and the object; the library's own error printing is off while it works.

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/keras/string_heap.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

class Hdf5File {
 public:
  /// @param bytes  the file's content; must outlive this object
  /// @param what   names the file in errors
  /// @throws std::invalid_argument when the bytes are no complete HDF5 file.
  Hdf5File(const std::string& bytes, std::string what);
  Hdf5File(std::string&& bytes, std::string what);  // keeps the bytes
  ~Hdf5File();
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  /// True when every part of the path is there. Paths use '/', from the root.
  bool has(const std::string& path) const;

  /// Number of members of a group.
  std::size_t count(const std::string& path) const;

  /// Number of datasets below a group, at any depth.
  std::size_t count_datasets(const std::string& path) const;

  /// The paths of all datasets below a group.
  std::vector<std::string> datasets(const std::string& path) const;

  /// The extents of a dataset.
  std::vector<std::int64_t> shape(const std::string& path) const;

  bool has_attribute(const std::string& path, const std::string& name) const;
  /// The strings of an attribute: one for a scalar, else all elements in order.
  std::vector<std::string> strings(const std::string& path, const std::string& name) const;
  /// The same for an attribute that Keras splits over name0, name1, ... when it is too long for one.
  std::vector<std::string> chunked_strings(const std::string& path, const std::string& name) const;

  /// A dataset of float16, bfloat16 (2 opaque bytes), float32 or float64 elements.
  KerasArray array(const std::string& path) const;

  /// A dataset of one integer, such as the `count` of a Normalization layer.
  std::int64_t integer(const std::string& path) const;

  const std::string& what() const { return what_; }

 private:
  void open(std::string_view bytes);

  std::string what_, owned_;
  std::size_t bytes_;
  mutable StringHeap strings_;  // guarded as the library is
  std::int64_t file_ = -1;
};

}  // namespace sepconv::keras

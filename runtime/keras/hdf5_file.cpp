#include "hdf5_file.h"

#include <hdf5.h>

#include <cstring>
#include <limits>
#include <stdexcept>

#include "hdf5_use.h"

namespace sepconv::keras {
namespace {

/// True when each link of the path is a hard link: soft and external links could lead out of the file.
bool path_is_inside(hid_t file, const std::string& path) {
  if (path.find('\0') != std::string::npos) return false;
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (part.empty() || part == "/") continue;
    H5L_info_t info;
    if (H5Lexists(file, part.c_str(), H5P_DEFAULT) <= 0 || H5Lget_info(file, part.c_str(), &info, H5P_DEFAULT) < 0 ||
        info.type != H5L_TYPE_HARD)
      return false;
  }
  return true;
}

/// The filters that Keras and h5py may have used. Others would load plug-ins.
bool filters_are_known(hid_t creation) {
  const int count = H5Pget_nfilters(creation);
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter =
        H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32) return false;
  }
  return count >= 0;
}

std::uint64_t little_endian(const std::string& bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

/// Checks the collections of variable-length strings, because the library (as of 1.10) copies as many bytes as an
/// object claims to have, however few its collection holds. A collection: "GCOL", version 1, 3 zeros, its size (8
/// bytes); then objects: index, references (2 bytes each), 4 zeros, size (8 bytes), data padded to 8 bytes. Index 0 is
/// the free rest, whose size counts its own header.
bool string_heaps_are_sound(const std::string& bytes) {
  const std::string signature("GCOL\1\0\0\0", 8);
  constexpr std::uint64_t kHeader = 16;
  for (std::size_t heap = 0; (heap = bytes.find(signature, heap)) != std::string::npos; heap += signature.size()) {
    if (bytes.size() - heap < kHeader) return false;
    const std::uint64_t size = little_endian(bytes, heap + 8, 8);
    if (size < kHeader || size > bytes.size() - heap) return false;
    for (std::uint64_t at = kHeader; at + kHeader <= size;) {
      const std::uint64_t index = little_endian(bytes, heap + at, 2);
      const std::uint64_t claimed = little_endian(bytes, heap + at + 8, 8);
      const std::uint64_t room = size - at;
      if (index == 0) {
        if (claimed > room) return false;
        break;
      }
      if (claimed > room - kHeader) return false;
      at += kHeader + (claimed + 7) / 8 * 8;
    }
  }
  return true;
}

constexpr hsize_t kMaxExpansion = 1032;  // what deflate can reach
constexpr hsize_t kMaxAttributeStrings = 1u << 20;

}  // namespace

Hdf5File::Hdf5File(const std::string& bytes, std::string what) : what_(std::move(what)), bytes_(bytes.size()) {
  if (!string_heaps_are_sound(bytes)) throw std::invalid_argument(what_ + ": damaged: a string does not fit its heap");
  const LibraryUse use;
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  constexpr std::size_t kGrowth = 1 << 16;
  const bool ready = access.ok() && !bytes.empty() && H5Pset_fapl_core(access, kGrowth, 0) >= 0 &&
                     H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 &&
                     H5Pset_file_image(access, const_cast<char*>(bytes.data()), bytes.size()) >= 0;
  // The library takes two files in memory that have one name for the same file.
  static std::uint64_t opened = 0;
  if (ready) file_ = H5Fopen(("in memory " + std::to_string(++opened)).c_str(), H5F_ACC_RDONLY, access);
  if (file_ < 0) throw std::invalid_argument(what_ + ": not a complete HDF5 file");
}

Hdf5File::~Hdf5File() {
  const LibraryUse use;
  H5Fclose(file_);
}

bool Hdf5File::has(const std::string& path) const {
  const LibraryUse use;
  return path_is_inside(file_, path);
}

std::size_t Hdf5File::count(const std::string& path) const {
  const LibraryUse use;
  H5G_info_t info;
  if (!path_is_inside(file_, path) || H5Gget_info_by_name(file_, path.c_str(), &info, H5P_DEFAULT) < 0)
    throw std::invalid_argument(what_ + ": cannot read group '" + path + "'");
  return info.nlinks;
}

std::size_t Hdf5File::count_datasets(const std::string& path) const {
  const LibraryUse use;
  std::size_t count = 0;
  const auto visit = [](hid_t, const char*, const H5O_info_t* info, void* data) -> herr_t {
    if (info->type == H5O_TYPE_DATASET) ++*static_cast<std::size_t*>(data);
    return 0;
  };
  if (!path_is_inside(file_, path) || H5Ovisit_by_name2(file_, path.c_str(), H5_INDEX_NAME, H5_ITER_NATIVE, visit,
                                                        &count, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
    throw std::invalid_argument(what_ + ": cannot read group '" + path + "'");
  return count;
}

bool Hdf5File::has_attribute(const std::string& path, const std::string& name) const {
  const LibraryUse use;
  return path_is_inside(file_, path) && H5Aexists_by_name(file_, path.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Hdf5File::strings(const std::string& path, const std::string& name) const {
  const LibraryUse use;
  const std::string where = what_ + ": attribute '" + name + "' of '" + path + "'";
  if (!path_is_inside(file_, path)) throw std::invalid_argument(where + ": no such object");
  const Handle attribute(H5Aopen_by_name(file_, path.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute.ok()) throw std::invalid_argument(where + ": cannot be read");
  const Handle type(H5Aget_type(attribute), H5Tclose);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  if (!type.ok() || !space.ok()) throw std::invalid_argument(where + ": cannot be read");
  // An empty list of names is written as an empty float array.
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  if (count == 0) return {};
  if (count < 0 || static_cast<hsize_t>(count) > kMaxAttributeStrings || H5Tget_class(type) != H5T_STRING)
    throw std::invalid_argument(where + ": not a list of strings");
  std::vector<std::string> result;
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(static_cast<std::size_t>(count), nullptr);
    const Handle memory(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    const herr_t status = H5Aread(attribute, memory, pointers.data());
    for (char* text : pointers) result.emplace_back(status >= 0 && text ? text : "");
    H5Dvlen_reclaim(memory, space, H5P_DEFAULT, pointers.data());
    if (status < 0) throw std::invalid_argument(where + ": damaged");
    return result;
  }
  const std::size_t width = H5Tget_size(type);
  if (width == 0 || width > bytes_ || static_cast<std::size_t>(count) > bytes_ / width)
    throw std::invalid_argument(where + ": larger than the file");
  std::string flat(width * static_cast<std::size_t>(count), '\0');
  if (H5Aread(attribute, type, flat.data()) < 0) throw std::invalid_argument(where + ": damaged");
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const char* text = flat.data() + i * width;
    result.emplace_back(text, strnlen(text, width));
  }
  return result;
}

std::vector<std::string> Hdf5File::chunked_strings(const std::string& path, const std::string& name) const {
  if (has_attribute(path, name)) return strings(path, name);
  std::vector<std::string> all;
  std::size_t chunk = 0;
  for (; has_attribute(path, name + std::to_string(chunk)); ++chunk) {
    const std::vector<std::string> part = strings(path, name + std::to_string(chunk));
    all.insert(all.end(), part.begin(), part.end());
  }
  if (chunk == 0) throw std::invalid_argument(what_ + ": '" + path + "' has no attribute '" + name + "'");
  return all;
}

KerasArray Hdf5File::array(const std::string& path) const {
  const LibraryUse use;
  const std::string where = what_ + ": dataset '" + path + "'";
  if (!path_is_inside(file_, path)) throw std::invalid_argument(where + ": missing");
  const Handle dataset(H5Dopen2(file_, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.ok()) throw std::invalid_argument(where + ": cannot be opened");
  const Handle type(H5Dget_type(dataset), H5Tclose);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  if (!type.ok() || !space.ok() || !creation.ok()) throw std::invalid_argument(where + ": damaged");
  if (H5Pget_external_count(creation) != 0 || H5Pget_layout(creation) == H5D_VIRTUAL || !filters_are_known(creation))
    throw std::invalid_argument(where + ": stored outside the file, or with an unknown filter");

  KerasArray array;
  hsize_t extents[H5S_MAX_RANK] = {};
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || rank > 8 || H5Sget_simple_extent_dims(space, extents, nullptr) != rank)
    throw std::invalid_argument(where + ": not a simple array");
  const std::size_t width = H5Tget_size(type);
  const hsize_t stored = H5Dget_storage_size(dataset);
  const hsize_t limit = stored > bytes_ ? 0 : stored * (H5Pget_nfilters(creation) > 0 ? kMaxExpansion : 1);
  hsize_t elements = 1;
  for (int i = 0; i < rank; ++i) {
    array.shape.push_back(static_cast<std::int64_t>(extents[i]));
    if (extents[i] != 0 && elements > std::numeric_limits<std::int32_t>::max() / extents[i])
      throw std::invalid_argument(where + ": absurd shape, its elements number more than 2^31 - 1");
    elements *= extents[i];
  }
  if (width == 0 || elements > limit / width)
    throw std::invalid_argument(where + ": its shape asks for more bytes than the file stores");

  const H5T_class_t kind = H5Tget_class(type);
  array.values.resize(elements);
  if (kind == H5T_FLOAT && (width == 2 || width == 4 || width == 8)) {
    array.dtype = width == 2 ? DataType::float16 : width == 4 ? DataType::float32 : DataType::float64;
    if (H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()) < 0)
      throw std::invalid_argument(where + ": damaged");
  } else if (kind == H5T_OPAQUE && width == 2) {
    // The only 2-byte type that HDF5 does not have. Keras 3 says so in an attribute, its legacy .h5 files do not.
    array.dtype = DataType::bfloat16;
    std::vector<std::uint16_t> bits(elements);
    if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bits.data()) < 0)
      throw std::invalid_argument(where + ": damaged");
    for (std::size_t i = 0; i < elements; ++i) array.values[i] = to_float(bfloat16{bits[i]});
  } else {
    throw std::invalid_argument(where + ": its elements are not float16, bfloat16, float32 or float64");
  }
  return array;
}

}  // namespace sepconv::keras

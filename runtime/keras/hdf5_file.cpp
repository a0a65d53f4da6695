#include "runtime/keras/hdf5_file.h"

#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <stdexcept>

#include "runtime/keras/hdf5_use.h"

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

/// Stands for an image of the file in memory that the library uses in place: it would keep two copies of its own.
void* image_itself(std::size_t, H5FD_file_image_op_t, void* image) { return image; }
void* image_is_there(void* to, const void*, std::size_t, H5FD_file_image_op_t, void*) { return to; }
void* image_cannot_grow(void*, std::size_t, H5FD_file_image_op_t, void*) { return nullptr; }
herr_t image_stays(void*, H5FD_file_image_op_t, void*) { return 0; }
void* same_image(void* image) { return image; }
herr_t not_owned(void*) { return 0; }

/// Opens the file in memory for reading. @return negative when it is no HDF5 file
hid_t open_image(std::string_view bytes) {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  constexpr std::size_t kGrowth = 1 << 16;
  void* image = const_cast<char*>(bytes.data());
  H5FD_file_image_callbacks_t callbacks{image_itself, image_is_there, image_cannot_grow, image_stays, same_image,
                                        not_owned,    image};
  if (!access.ok() || bytes.empty() || H5Pset_fapl_core(access, kGrowth, 0) < 0 ||
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0 || H5Pset_file_image_callbacks(access, &callbacks) < 0 ||
      H5Pset_file_image(access, image, bytes.size()) < 0)
    return -1;
  // The library takes two files in memory that have one name for the same file.
  static std::uint64_t opened = 0;
  return H5Fopen(("in memory " + std::to_string(++opened)).c_str(), H5F_ACC_RDONLY, access);
}

/// A conversion that leaves variable-length strings as the references that the file holds, for StringHeap.
herr_t keep_references(hid_t from, hid_t to, H5T_cdata_t* data, std::size_t, std::size_t, std::size_t, void*, void*,
                       hid_t) {
  if (data->command != H5T_CONV_INIT) return 0;
  data->need_bkg = H5T_BKG_NO;
  const bool fits = H5Tget_size(from) == StringHeap::kReferenceBytes && H5Tget_size(to) == StringHeap::kReferenceBytes;
  return fits && H5Tis_variable_str(from) > 0 ? 0 : -1;
}

/// The references of an attribute of variable-length strings; nothing when it cannot be read.
std::optional<std::string> string_references(hid_t attribute, std::size_t count) {
  const char* name = "sepconv: references of strings";
  const Handle text(H5Tcopy(H5T_C_S1), H5Tclose),
      reference(H5Tcreate(H5T_OPAQUE, StringHeap::kReferenceBytes), H5Tclose);
  if (!text.ok() || !reference.ok() || H5Tset_size(text, H5T_VARIABLE) < 0 ||
      H5Tregister(H5T_PERS_SOFT, name, text, reference, keep_references) < 0)
    return std::nullopt;
  std::string bytes(count * StringHeap::kReferenceBytes, '\0');
  const herr_t status = H5Aread(attribute, reference, bytes.data());
  H5Tunregister(H5T_PERS_SOFT, name, text, reference, keep_references);
  if (status < 0) return std::nullopt;
  return bytes;
}

/// Elements of a chunk, which the library allocates whole; 0 where the data are in one piece.
hsize_t chunk_elements(hid_t creation) {
  hsize_t extents[H5S_MAX_RANK] = {};
  if (H5Pget_layout(creation) != H5D_CHUNKED) return 0;
  const int rank = H5Pget_chunk(creation, H5S_MAX_RANK, extents);
  hsize_t elements = 1;
  for (int i = 0; i < rank; ++i) {
    if (extents[i] != 0 && elements > std::numeric_limits<hsize_t>::max() / extents[i])
      return std::numeric_limits<hsize_t>::max();
    elements *= extents[i];
  }
  return elements;
}

// Deeper nesting than any model has. The library's time to visit groups grows with the square of their depth.
constexpr std::ptrdiff_t kMaxGroupDepth = 500;
constexpr hsize_t kMaxExpansion = 1032;  // what deflate can reach
// What one array may take when it is unpacked, however small its file: weights that training made do not deflate to a
// 64th.
constexpr hsize_t kUnpackedBytes = hsize_t{256} << 20;
constexpr hsize_t kUsualExpansion = 64;
constexpr hsize_t kMaxAttributeStrings = 1u << 20;

hid_t open_dataset(hid_t file, const std::string& path, const std::string& where) {
  if (!path_is_inside(file, path)) throw std::invalid_argument(where + ": missing");
  const hid_t dataset = H5Dopen2(file, path.c_str(), H5P_DEFAULT);
  if (dataset < 0) throw std::invalid_argument(where + ": cannot be opened");
  return dataset;
}

/// A dataset and what describes it.
struct Dataset {
  Dataset(hid_t file, const std::string& path, const std::string& where)
      : id(open_dataset(file, path, where), H5Dclose),
        type(H5Dget_type(id), H5Tclose),
        space(H5Dget_space(id), H5Sclose),
        creation(H5Dget_create_plist(id), H5Pclose) {}
  bool ok() const { return type.ok() && space.ok() && creation.ok(); }

  Handle id, type, space, creation;
};

}  // namespace

Hdf5File::Hdf5File(const std::string& bytes, std::string what)
    : what_(std::move(what)), bytes_(bytes.size()), strings_(bytes) {
  open(bytes);
}

Hdf5File::Hdf5File(std::string&& bytes, std::string what)
    : what_(std::move(what)), owned_(std::move(bytes)), bytes_(owned_.size()), strings_(owned_) {
  open(owned_);
}

void Hdf5File::open(std::string_view bytes) {
  const LibraryUse use;
  if (has_usual_superblock(bytes)) file_ = open_image(bytes);
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

std::size_t Hdf5File::count_datasets(const std::string& path) const { return datasets(path).size(); }

std::vector<std::string> Hdf5File::datasets(const std::string& path) const {
  const LibraryUse use;
  struct Visit {
    std::vector<std::string> paths;
    std::set<haddr_t> seen;
  } found;
  const auto visit = [](hid_t, const char* name, const H5O_info_t* info, void* data) -> herr_t {
    const std::string_view text(name);
    Visit& visited = *static_cast<Visit*>(data);
    if (std::count(text.begin(), text.end(), '/') > kMaxGroupDepth) return -1;
    // In a damaged file a group may hold itself. The library sees that only where the object counts its links right.
    if (!visited.seen.insert(info->addr).second) return -1;
    if (info->type == H5O_TYPE_DATASET) visited.paths.emplace_back(name);
    return 0;
  };
  if (!path_is_inside(file_, path) || H5Ovisit_by_name2(file_, path.c_str(), H5_INDEX_NAME, H5_ITER_INC, visit, &found,
                                                        H5O_INFO_BASIC, H5P_DEFAULT) < 0)
    throw std::invalid_argument(what_ + ": cannot read group '" + path +
                                "': it is damaged, nests too deep or contains itself");
  for (std::string& name : found.paths) name = path + "/" + name;
  return found.paths;
}

std::vector<std::int64_t> Hdf5File::shape(const std::string& path) const {
  const LibraryUse use;
  const std::string where = what_ + ": dataset '" + path + "'";
  const Handle dataset(open_dataset(file_, path, where), H5Dclose);
  const Handle space(H5Dget_space(dataset), H5Sclose);
  hsize_t extents[H5S_MAX_RANK] = {};
  const int rank = space.ok() ? H5Sget_simple_extent_dims(space, extents, nullptr) : -1;
  if (rank < 0) throw std::invalid_argument(where + ": not a simple array");
  return {extents, extents + rank};
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
    if (static_cast<std::size_t>(count) > bytes_ / StringHeap::kReferenceBytes)
      throw std::invalid_argument(where + ": larger than the file");
    const auto references = string_references(attribute, static_cast<std::size_t>(count));
    if (!references) throw std::invalid_argument(where + ": damaged");
    try {
      for (const std::string_view text : strings_.texts(*references)) result.emplace_back(text);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(where + ": damaged: " + error.what());
    }
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
  const Dataset dataset(file_, path, where);
  const auto& [id, type, space, creation] = dataset;
  if (!dataset.ok()) throw std::invalid_argument(where + ": damaged");
  if (H5Pget_external_count(creation) != 0 || H5Pget_layout(creation) == H5D_VIRTUAL || !filters_are_known(creation))
    throw std::invalid_argument(where + ": stored outside the file or with an unknown filter");

  KerasArray array;
  hsize_t extents[H5S_MAX_RANK] = {};
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || rank > 8 || H5Sget_simple_extent_dims(space, extents, nullptr) != rank)
    throw std::invalid_argument(where + ": not a simple array");
  const std::size_t width = H5Tget_size(type);
  const hsize_t stored = H5Dget_storage_size(id);
  const hsize_t limit = stored > bytes_ ? 0 : stored * (H5Pget_nfilters(creation) > 0 ? kMaxExpansion : 1);
  hsize_t elements = 1;
  for (int i = 0; i < rank; ++i) {
    array.shape.push_back(static_cast<std::int64_t>(extents[i]));
    if (extents[i] != 0 && elements > std::numeric_limits<std::int32_t>::max() / extents[i])
      throw std::invalid_argument(where + ": its shape has more than 2^31 - 1 elements");
    elements *= extents[i];
  }
  if (width == 0 || elements > limit / width)
    throw std::invalid_argument(where + ": its shape needs more bytes than the file stores");
  const hsize_t unpacked = std::max(kUnpackedBytes, kUsualExpansion * bytes_);
  if (elements > unpacked / sizeof(double) || chunk_elements(creation) > unpacked / width)
    throw std::invalid_argument(where + ": unpacks to more than " + std::to_string(unpacked) +
                                " bytes, the limit for a file of " + std::to_string(bytes_) + " bytes");

  const H5T_class_t kind = H5Tget_class(type);
  array.values.resize(elements);
  if (kind == H5T_FLOAT && (width == 2 || width == 4 || width == 8)) {
    array.dtype = width == 2 ? DataType::float16 : width == 4 ? DataType::float32 : DataType::float64;
    if (H5Dread(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()) < 0)
      throw std::invalid_argument(where + ": damaged");
  } else if (kind == H5T_OPAQUE && width == 2) {
    // The only 2-byte type that HDF5 does not have. Keras 3 says so in an attribute, its legacy .h5 files do not.
    array.dtype = DataType::bfloat16;
    std::vector<std::uint16_t> bits(elements);
    if (H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bits.data()) < 0)
      throw std::invalid_argument(where + ": damaged");
    for (std::size_t i = 0; i < elements; ++i) array.values[i] = to_float(bfloat16{bits[i]});
  } else {
    throw std::invalid_argument(where + ": its elements are not float16, bfloat16, float32 or float64");
  }
  return array;
}

std::int64_t Hdf5File::integer(const std::string& path) const {
  const LibraryUse use;
  const std::string where = what_ + ": dataset '" + path + "'";
  const Dataset dataset(file_, path, where);
  const auto& [id, type, space, creation] = dataset;
  std::int64_t value = 0;
  if (!dataset.ok() || H5Pget_layout(creation) != H5D_CONTIGUOUS || H5Pget_external_count(creation) != 0 ||
      H5Tget_class(type) != H5T_INTEGER || H5Sget_simple_extent_npoints(space) != 1 ||
      H5Dread(id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) < 0)
    throw std::invalid_argument(where + ": not one integer");
  return value;
}

}  // namespace sepconv::keras

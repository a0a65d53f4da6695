#include "runtime/keras/hdf5_writer.h"

#include <hdf5.h>

#include <stdexcept>

#include "runtime/keras/hdf5_use.h"

namespace sepconv::keras {
namespace {

void check(bool ok, const std::string& what) {
  if (!ok) throw std::runtime_error("HDF5: cannot write " + what);
}

hid_t type_of(DataType dtype) {
  if (dtype == DataType::float64) return H5Tcopy(H5T_IEEE_F64LE);
  if (dtype == DataType::bfloat16) return H5Tcreate(H5T_OPAQUE, 2);
  const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  if (dtype == DataType::float16) {  // sign bit 15, exponent of 5 bits at 10 with bias 15, mantissa of 10
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
  }
  return type;
}

void write_attribute(hid_t object, const char* name, const std::string& value) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const char* pointer = value.c_str();
  check(attribute.ok() && H5Awrite(attribute, type, &pointer) >= 0, std::string("attribute ") + name);
}

void write_array(hid_t group, const std::string& name, const KerasArray& array) {
  const std::vector<hsize_t> extents(array.shape.begin(), array.shape.end());
  const Handle space(extents.empty() ? H5Screate(H5S_SCALAR)
                                     : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                     H5Sclose);
  const Handle type(type_of(array.dtype), H5Tclose);
  const Handle dataset(H5Dcreate2(group, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose);
  check(dataset.ok(), "dataset " + name);
  if (array.dtype == DataType::bfloat16) {
    std::vector<std::uint16_t> bits;
    for (const double value : array.values) bits.push_back(to_bfloat16(value).bits);
    check(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bits.data()) >= 0, "dataset " + name);
    write_attribute(dataset, "dtype", "bfloat16");
  } else {
    check(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array.values.data()) >= 0,
          "dataset " + name);
  }
}

void write_integer(hid_t group, const std::string& name, std::int64_t value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle dataset(H5Dcreate2(group, name.c_str(), H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                       H5Dclose);
  check(dataset.ok() && H5Dwrite(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0,
        "dataset " + name);
}

}  // namespace

std::string weights_hdf5(const std::vector<WeightGroup>& groups) {
  const LibraryUse use;
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  constexpr std::size_t kGrowth = 1 << 16;
  check(H5Pset_fapl_core(access, kGrowth, 0) >= 0, "a file in memory");
  const Handle file(H5Fcreate("weights in memory", H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose);
  check(file.ok(), "a file in memory");
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  // tf.keras 2 looks for the group of the model's own variables even where it has none.
  const Handle own(H5Gcreate2(file, "/vars", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  check(own.ok(), "group /vars");
  for (const WeightGroup& weights : groups) {
    const Handle group(H5Gcreate2(file, weights.path.c_str(), links, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    check(group.ok(), "group " + weights.path);
    if (!weights.layer.empty()) write_attribute(group, "name", weights.layer);
    for (std::size_t i = 0; i < weights.arrays.size(); ++i) write_array(group, std::to_string(i), weights.arrays[i]);
    if (weights.count) write_integer(group, std::to_string(weights.arrays.size()), *weights.count);
  }
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  check(size > 0, "the file's image");
  std::string bytes(static_cast<std::size_t>(size), '\0');
  check(H5Fget_file_image(file, bytes.data(), bytes.size()) == size, "the file's image");
  return bytes;
}

}  // namespace sepconv::keras

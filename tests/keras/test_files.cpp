#include "tests/keras/test_files.h"

#include <hdf5.h>
#include <unistd.h>
#include <zip.h>

#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>

namespace sepconv::keras::test {

using nlohmann::json;

namespace {

/// "name" or "name:1" as Keras' [name, call, output].
json tensor_name(const std::string& text) {
  const std::size_t colon = text.find(':');
  const int call = colon == std::string::npos ? 0 : std::stoi(text.substr(colon + 1));
  return json::array({text.substr(0, colon), call, 0});
}

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string("test file: ") + what);
}

hid_t file_type(Storage storage) {
  switch (storage) {
    case Storage::float16: {
      const hid_t half = H5Tcopy(H5T_IEEE_F32LE);
      H5Tset_fields(half, 15, 10, 5, 0, 10);
      H5Tset_size(half, 2);
      H5Tset_ebias(half, 15);
      return half;
    }
    case Storage::bfloat16: {
      const hid_t opaque = H5Tcreate(H5T_OPAQUE, 2);
      H5Tset_tag(opaque, "bfloat16");
      return opaque;
    }
    case Storage::float32: return H5Tcopy(H5T_IEEE_F32LE);
    case Storage::float64: return H5Tcopy(H5T_IEEE_F64LE);
    case Storage::int32: return H5Tcopy(H5T_STD_I32LE);
  }
  return -1;
}

void write_dataset(hid_t file, hid_t links, const Dataset& dataset) {
  const std::vector<hsize_t> extents(dataset.array.shape.begin(), dataset.array.shape.end());
  const hid_t space = H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
  const hid_t type = file_type(dataset.storage);
  const hid_t id = H5Dcreate2(file, dataset.path.c_str(), type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  check(id >= 0, "cannot create a dataset");
  if (dataset.storage == Storage::bfloat16) {
    std::vector<std::uint16_t> bits;
    for (const double value : dataset.array.values) bits.push_back(to_bfloat16(value).bits);
    check(H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bits.data()) >= 0, "cannot write");
  } else {
    check(H5Dwrite(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, dataset.array.values.data()) >= 0,
          "cannot write");
  }
  H5Dclose(id);
  H5Tclose(type);
  H5Sclose(space);
}

void write_attribute(hid_t file, hid_t links, const StringAttribute& attribute) {
  if (attribute.path != "/" && H5Lexists(file, attribute.path.c_str(), H5P_DEFAULT) <= 0)
    H5Gclose(H5Gcreate2(file, attribute.path.c_str(), links, H5P_DEFAULT, H5P_DEFAULT));
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  const hsize_t count = attribute.values.size();
  const hid_t space = attribute.scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr);
  const hid_t id = H5Acreate_by_name(file, attribute.path.c_str(), attribute.name.c_str(), type, space, H5P_DEFAULT,
                                     H5P_DEFAULT, H5P_DEFAULT);
  check(id >= 0, "cannot create an attribute");
  std::vector<const char*> pointers;
  for (const std::string& value : attribute.values) pointers.push_back(value.c_str());
  check(pointers.empty() || H5Awrite(id, type, pointers.data()) >= 0, "cannot write an attribute");
  H5Aclose(id);
  H5Sclose(space);
  H5Tclose(type);
}

}  // namespace

std::filesystem::path data_path(const std::string& name) {
  return std::filesystem::path(SEPCONV_TEST_DATA) / "models" / name;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  check(stream.good(), "cannot read test data");
  return content.str();
}

std::string make_zip(const std::vector<std::pair<std::string, std::string>>& members) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_source_keep(target);
  zip_t* archive = zip_open_from_source(target, ZIP_TRUNCATE, &error);
  check(archive != nullptr, "cannot make a zip archive");
  for (const auto& [name, content] : members) {
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, ZIP_FL_ENC_UTF_8);
    check(index >= 0, "cannot add a member");
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0);
  }
  check(zip_close(archive) == 0, "cannot close the archive");
  zip_source_open(target);
  zip_source_seek(target, 0, SEEK_END);
  std::string bytes(static_cast<std::size_t>(zip_source_tell(target)), '\0');
  zip_source_seek(target, 0, SEEK_SET);
  zip_source_read(target, bytes.data(), bytes.size());
  zip_source_close(target);
  zip_source_free(target);
  return bytes;
}

std::string make_hdf5(const std::vector<Dataset>& datasets, const std::vector<StringAttribute>& attributes) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 16, 0);
  const hid_t file = H5Fcreate("made in memory", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  check(file >= 0, "cannot make an HDF5 file");
  const hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  for (const Dataset& dataset : datasets) write_dataset(file, links, dataset);
  for (const StringAttribute& attribute : attributes) write_attribute(file, links, attribute);
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  std::string bytes(static_cast<std::size_t>(H5Fget_file_image(file, nullptr, 0)), '\0');
  H5Fget_file_image(file, bytes.data(), bytes.size());
  H5Pclose(links);
  H5Fclose(file);
  H5Pclose(access);
  return bytes;
}

std::string make_legacy(const json& model, const std::vector<LegacyLayer>& layers) {
  const std::string root = model.is_null() ? "" : "/model_weights";
  std::vector<Dataset> datasets;
  std::vector<StringAttribute> attributes{{"/", "keras_version", {"2.15.0"}, true}};
  if (!model.is_null()) attributes.push_back({"/", "model_config", {model.dump()}, true});
  StringAttribute layer_names{root.empty() ? "/" : root, "layer_names", {}};
  for (const LegacyLayer& layer : layers) {
    layer_names.values.push_back(layer.name);
    StringAttribute names{root + "/" + layer.name, "weight_names", {}};
    for (const auto& [name, array] : layer.weights) {
      datasets.push_back({names.path + "/" + name, array});
      names.values.push_back(name);
    }
    attributes.push_back(std::move(names));
  }
  attributes.push_back(std::move(layer_names));
  return make_hdf5(datasets, attributes);
}

std::string make_archive(const json& model, const std::string& weights) {
  return make_zip({{"metadata.json", R"({"keras_version": "3.15.1"})"},
                   {"config.json", model.dump()},
                   {"model.weights.h5", weights}});
}

TemporaryFolder::TemporaryFolder(const std::string& name)
    : path_(std::filesystem::temp_directory_path() / ("sepconv_" + name + "_" + std::to_string(getpid()))) {
  std::filesystem::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

std::filesystem::path TemporaryFolder::write(const std::string& name, const std::string& content) const {
  const std::filesystem::path file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream stream(file, std::ios::binary);
  stream << content;
  stream.close();
  check(stream.good(), "cannot write");
  return file;
}

std::string refusal(const std::function<void()>& function) {
  try {
    function();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

json layer(const std::string& class_name, const std::string& name, json config,
           const std::vector<std::vector<std::string>>& calls) {
  if (config.is_null()) config = json::object();
  config["name"] = name;
  json nodes = json::array();
  for (const std::vector<std::string>& call : calls) {
    json tensors = json::array();
    for (const std::string& source : call)
      tensors.push_back({{"class_name", "__keras_tensor__"}, {"config", {{"keras_history", tensor_name(source)}}}});
    // Several tensors are one argument, a list; a single one stands by itself.
    nodes.push_back({{"args", call.size() == 1 ? tensors : json::array({tensors})}, {"kwargs", json::object()}});
  }
  return {{"module", "keras.layers"},   {"class_name", class_name}, {"config", config}, {"name", name},
          {"registered_name", nullptr}, {"inbound_nodes", nodes}};
}

json input(const std::string& name, json batch_shape) {
  return layer("InputLayer", name, {{"batch_shape", std::move(batch_shape)}});
}

json functional(const std::string& name, const std::vector<json>& layers, const std::vector<std::string>& inputs,
                const std::vector<std::string>& outputs) {
  json config{{"name", name}, {"layers", layers}};
  for (const std::string& text : inputs) config["input_layers"].push_back(tensor_name(text));
  for (const std::string& text : outputs) config["output_layers"].push_back(tensor_name(text));
  return {{"module", "keras.src.models.functional"}, {"class_name", "Functional"}, {"config", config}, {"name", name}};
}

json sequential(const std::string& name, const std::vector<json>& layers) {
  return {{"module", "keras"},
          {"class_name", "Sequential"},
          {"config", {{"name", name}, {"layers", layers}}},
          {"name", name}};
}

ModelDocument document(const json& model, KerasRules rules) {
  return {"test.json", model, rules, WeightsForm::none, {}};
}

KerasArray array(std::vector<std::int64_t> shape, unsigned seed) {
  std::mt19937 engine(seed);
  KerasArray result{std::move(shape), {}};
  std::int64_t elements = 1;
  for (const std::int64_t extent : result.shape) elements *= extent;
  for (std::int64_t i = 0; i < elements; ++i)
    result.values.push_back(static_cast<float>(static_cast<int>(engine() % 2048) - 1024) / 1024.0f);
  return result;
}

}  // namespace sepconv::keras::test

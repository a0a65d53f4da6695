#include "runner/npz.h"

#include <zip.h>

#include <memory>
#include <stdexcept>

namespace sepconv::runner {
namespace {

// A member that claims more is a mistake or an attack, not test data.
constexpr zip_uint64_t kMaxMemberBytes = zip_uint64_t{4} << 30;
constexpr std::size_t kChunkBytes = 1 << 20;

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

std::vector<std::byte> read_member(zip_t* archive, zip_uint64_t index, const std::string& what) {
  const std::unique_ptr<zip_file_t, CloseMember> file(zip_fopen_index(archive, index, 0));
  if (!file) throw std::invalid_argument(what + ": cannot open the member: " + zip_strerror(archive));
  // Read piece by piece: the size in the directory is only a claim.
  std::vector<std::byte> bytes;
  for (;;) {
    const std::size_t begin = bytes.size();
    if (begin > kMaxMemberBytes) throw std::invalid_argument(what + ": the member is larger than 4 GiB");
    bytes.resize(begin + kChunkBytes);
    const zip_int64_t count = zip_fread(file.get(), bytes.data() + begin, kChunkBytes);
    if (count < 0) throw std::invalid_argument(what + ": cannot read the member: " + zip_file_strerror(file.get()));
    bytes.resize(begin + static_cast<std::size_t>(count));
    if (count == 0) return bytes;
  }
}

}  // namespace

std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path) {
  int code = 0;
  const std::unique_ptr<zip_t, CloseArchive> archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw std::invalid_argument(path.string() + ": cannot read the zip file: " + why);
  }
  std::map<std::string, NpyArray> arrays;
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<zip_uint64_t>(i);
    const char* raw_name = zip_get_name(archive.get(), index, 0);
    std::string name = raw_name ? raw_name : "";
    if (name.size() < 5 || !name.ends_with(".npy"))
      throw std::invalid_argument(path.string() + ": member '" + name.substr(0, 80) + "' is not a .npy file");
    const std::string what = path.string() + ": " + name;
    name.resize(name.size() - 4);
    if (!arrays.emplace(name, parse_npy(read_member(archive.get(), index, what), what)).second)
      throw std::invalid_argument(what + ": the member occurs twice");
  }
  return arrays;
}

void write_npz(const std::filesystem::path& path, const std::map<std::string, NpyArray>& arrays) {
  std::filesystem::path temporary = path;
  temporary += ".part";
  const auto fail = [&](const char* why) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw std::runtime_error(path.string() + ": cannot write the file: " + why);
  };
  int code = 0;
  std::unique_ptr<zip_t, CloseArchive> archive(zip_open(temporary.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive) fail("its folder is not there, or may not be written to");
  std::vector<std::vector<std::byte>> members;  // libzip reads them at the end
  for (const auto& [name, array] : arrays) members.push_back(npy_bytes(array));
  std::size_t next = 0;
  for (const auto& [name, array] : arrays) {
    const std::vector<std::byte>& bytes = members[next++];
    zip_source_t* source = zip_source_buffer(archive.get(), bytes.data(), bytes.size(), 0);
    if (source == nullptr) fail(zip_strerror(archive.get()));
    const zip_int64_t index = zip_file_add(archive.get(), (name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      fail(zip_strerror(archive.get()));
    }
    const auto place = static_cast<zip_uint64_t>(index);
    if (zip_set_file_compression(archive.get(), place, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_mtime(archive.get(), place, 315532800, 0) != 0)  // 1980: the same arrays give the same bytes
      fail(zip_strerror(archive.get()));
  }
  if (zip_close(archive.get()) != 0) fail(zip_strerror(archive.get()));
  (void)archive.release();
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) fail(error.message().c_str());
}

}  // namespace sepconv::runner

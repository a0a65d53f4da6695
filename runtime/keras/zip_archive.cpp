#include "runtime/keras/zip_archive.h"

#include <zip.h>

#include <cstdint>
#include <memory>
#include <stdexcept>

namespace sepconv::keras {
namespace {

// Deflate cannot do better than 1032:1, so a larger claim is false whatever the data.
constexpr std::uint64_t kMaxRatio = 1032;

struct FileCloser {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

}  // namespace

ZipArchive::ZipArchive(const std::string& bytes, std::string what) : what_(std::move(what)) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  if (source) archive_ = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  if (!archive_) {
    const std::string reason = zip_error_strerror(&error);
    if (source) zip_source_free(source);
    zip_error_fini(&error);
    throw std::invalid_argument(what_ + ": not a readable zip archive: " + reason);
  }
  zip_error_fini(&error);
}

ZipArchive::~ZipArchive() { zip_discard(archive_); }

std::vector<std::string> ZipArchive::names() const {
  std::vector<std::string> names;
  const zip_int64_t count = zip_get_num_entries(archive_, 0);
  for (zip_int64_t i = 0; i < count; ++i)
    if (const char* name = zip_get_name(archive_, static_cast<zip_uint64_t>(i), 0)) names.emplace_back(name);
  return names;
}

std::optional<std::string> ZipArchive::read(const std::string& name, std::uint64_t max_bytes) const {
  const zip_int64_t index = zip_name_locate(archive_, name.c_str(), 0);
  if (index < 0) return std::nullopt;
  const std::string where = what_ + ": " + name;
  zip_stat_t stat;
  constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
  if (zip_stat_index(archive_, static_cast<zip_uint64_t>(index), 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded)
    throw std::invalid_argument(where + ": cannot read its size: " + zip_strerror(archive_));
  if (stat.size > max_bytes || stat.size / kMaxRatio > stat.comp_size)
    throw std::invalid_argument(where + ": declares " + std::to_string(stat.size) + " bytes, more than its " +
                                std::to_string(stat.comp_size) + " compressed bytes or the limit of " +
                                std::to_string(max_bytes) + " bytes allow");
  const std::unique_ptr<zip_file_t, FileCloser> file(zip_fopen_index(archive_, static_cast<zip_uint64_t>(index), 0));
  if (!file) throw std::invalid_argument(where + ": cannot open: " + zip_strerror(archive_));
  std::string content(stat.size, '\0');
  std::uint64_t got = 0;
  while (got < stat.size) {
    const zip_int64_t count = zip_fread(file.get(), content.data() + got, stat.size - got);
    if (count <= 0)
      throw std::invalid_argument(
          where + ": damaged or truncated: " + (count < 0 ? zip_file_strerror(file.get()) : "it ends early"));
    got += static_cast<std::uint64_t>(count);
  }
  // libzip compares the checksum when it reads past the end.
  char past_end = 0;
  if (zip_fread(file.get(), &past_end, 1) != 0)
    throw std::invalid_argument(where + ": damaged: " + zip_file_strerror(file.get()));
  return content;
}

}  // namespace sepconv::keras

#include "generators/compile/kernel_object.h"

#include <exception>
#include <string_view>
#include <system_error>

#include "generators/compile/files.h"
#include "runtime/core/whole_file.h"

namespace sepconv::generators {
namespace {

constexpr std::string_view kEntryMagic = "sepconv-kernel-cache 2\n";

}  // namespace

std::filesystem::path ObjectCache::path_of(const std::string& key) const {
  return folder_ / key.substr(0, 2) / (key + ".kernel");
}

// An entry is the magic line, the hash of all that follows, the facts as one line, and the object.
std::optional<KernelObject> ObjectCache::load(const std::string& key) const {
  try {
    const std::string entry = read_file(path_of(key));
    const std::size_t hash_begin = kEntryMagic.size(), hash_end = entry.find('\n', hash_begin);
    if (!entry.starts_with(kEntryMagic) || hash_end == std::string::npos) return std::nullopt;
    const std::string content = entry.substr(hash_end + 1);
    if (entry.substr(hash_begin, hash_end - hash_begin) != content_hash(content)) return std::nullopt;
    const std::size_t facts_end = content.find('\n');
    if (facts_end == std::string::npos) return std::nullopt;
    return KernelObject{facts_from_json(content.substr(0, facts_end)), content.substr(facts_end + 1)};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<std::string> ObjectCache::store(const std::string& key, const KernelObject& object) const {
  const std::filesystem::path path = path_of(key);
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return error.message();
  const std::string content = to_json(object.facts) + "\n" + object.bytes;
  return detail::write_whole_file(path, std::string(kEntryMagic) + content_hash(content) + "\n" + content);
}

}  // namespace sepconv::generators

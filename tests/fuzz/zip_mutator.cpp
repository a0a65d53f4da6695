#include "tests/fuzz/zip_mutator.h"

#include <zip.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/hdf5_mutator.h"
#include "tests/fuzz/json_mutator.h"
#include "tests/fuzz/mutation.h"

namespace sepconv::fuzz {
namespace {

constexpr zip_uint64_t kMostMemberBytes = 1 << 20;

struct Member {
  std::string name, bytes;
};

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};

std::optional<Member> read_member(zip_t* archive, zip_uint64_t index) {
  zip_stat_t stat;
  if (zip_stat_index(archive, index, 0, &stat) != 0 || stat.name == nullptr || stat.size > kMostMemberBytes)
    return std::nullopt;
  const std::unique_ptr<zip_file_t, CloseMember> file(zip_fopen_index(archive, index, 0));
  Member member{stat.name, std::string(stat.size, '\0')};
  if (!file || zip_fread(file.get(), member.bytes.data(), stat.size) != static_cast<zip_int64_t>(stat.size))
    return std::nullopt;
  return member;
}

std::vector<Member> unzipped(const std::uint8_t* data, std::size_t size) {
  std::vector<Member> members;
  zip_source_t* source = zip_source_buffer_create(data, size, 0, nullptr);
  const std::unique_ptr<zip_t, CloseArchive> archive(zip_open_from_source(source, ZIP_RDONLY, nullptr));
  if (!archive) {
    zip_source_free(source);
    return members;
  }
  const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i)
    if (auto member = read_member(archive.get(), static_cast<zip_uint64_t>(i))) members.push_back(std::move(*member));
  return members;
}

bool add(zip_t* archive, const Member& member, bool deflate) {
  zip_source_t* source = zip_source_buffer(archive, member.bytes.data(), member.bytes.size(), 0);
  const zip_int64_t index = zip_file_add(archive, member.name.c_str(), source, ZIP_FL_ENC_GUESS);
  if (index < 0) {  // two of one name, or a name that is no text
    zip_source_free(source);
    return false;
  }
  const auto entry = static_cast<zip_uint64_t>(index);
  return zip_set_file_compression(archive, entry, deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 1) == 0 &&
         zip_file_set_mtime(archive, entry, 0, 0) == 0;  // the same members make the same bytes
}

std::string zipped(const std::vector<Member>& members, bool deflate) {
  zip_source_t* target = zip_source_buffer_create(nullptr, 0, 0, nullptr);
  zip_source_keep(target);
  const std::unique_ptr<zip_source_t, FreeSource> kept(target);
  zip_t* archive = zip_open_from_source(target, ZIP_TRUNCATE, nullptr);
  if (!archive) return {};
  for (const Member& member : members) add(archive, member, deflate);
  if (zip_close(archive) != 0) {
    zip_discard(archive);
    return {};
  }
  if (zip_source_open(target) != 0) return {};
  zip_source_seek(target, 0, SEEK_END);
  std::string bytes(static_cast<std::size_t>(zip_source_tell(target)), '\0');
  zip_source_seek(target, 0, SEEK_SET);
  const zip_int64_t count = zip_source_read(target, bytes.data(), bytes.size());
  zip_source_close(target);
  return count == static_cast<zip_int64_t>(bytes.size()) ? bytes : std::string();
}

std::string mutated_member(const Member& member, unsigned seed) {
  if (member.name.ends_with(".json"))
    if (auto text = mutated_json(member.bytes, seed)) return *text;
  if (member.name.ends_with(".h5")) return mutated_hdf5(member.bytes, seed);
  return mutated_bytes(member.bytes, 64);
}

}  // namespace

std::size_t mutate_zip_input(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  Random random(seed);
  const std::size_t way = pick(random, 16);
  std::vector<Member> members = way == 0 ? std::vector<Member>{} : unzipped(data, size);
  if (members.empty()) return LLVMFuzzerMutate(data, size, max_size);
  const std::size_t chosen = pick(random, members.size());
  if (way == 1)
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(chosen));
  else if (way == 2)
    members[chosen].name = mutated_bytes(members[chosen].name, 8);
  else
    members[chosen].bytes = mutated_member(members[chosen], seed);
  return give(zipped(members, way >= 12), data, max_size);
}

}  // namespace sepconv::fuzz

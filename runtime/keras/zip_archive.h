#pragma once
// Members of a zip archive held in memory, with limits on what a damaged or hostile archive can ask for.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

struct zip;

namespace sepconv::keras {

class ZipArchive {
 public:
  static constexpr std::uint64_t kMaxMemberBytes = std::uint64_t{4} << 30;

  /// @param bytes  the archive; must outlive this object
  /// @param what   names the archive in errors
  /// @throws std::invalid_argument when the bytes are no zip archive.
  ZipArchive(const std::string& bytes, std::string what);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  /// Names of all members, for messages.
  std::vector<std::string> names() const;

  /// The uncompressed member, checked against its declared size and checksum; nothing when there is none of that name.
  /// @throws std::invalid_argument naming the archive and the member.
  /// @param max_bytes  the most that a member of this kind may have
  std::optional<std::string> read(const std::string& name, std::uint64_t max_bytes = kMaxMemberBytes) const;

 private:
  std::string what_;
  struct zip* archive_ = nullptr;
};

}  // namespace sepconv::keras

#pragma once
// Changes the bytes of a weights file so that only what is behind its checksum notices.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

namespace sepconv::test {

/// The checksum of the file format, written a second time: with it right, what lies behind it is checked too.
inline void fix_checksum(std::string& bytes) {
  std::memset(bytes.data() + 32, 0, 8);
  std::uint64_t hash = 0x9e3779b97f4a7c15u ^ bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    if (at == 32) continue;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, bytes.size() - at));
    hash = (hash ^ word) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  std::memcpy(bytes.data() + 32, &hash, 8);
}

}  // namespace sepconv::test

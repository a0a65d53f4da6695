#include "runtime/keras/string_heap.h"

#include <limits>
#include <stdexcept>

namespace sepconv::keras {
namespace {

std::uint64_t little_endian(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// A collection: "GCOL", version, 3 reserved bytes, its size (8 bytes); then objects: index, references (2 bytes each),
// 4 reserved bytes, size (8 bytes), data padded to 8 bytes.
constexpr std::uint64_t kHeader = 16;
constexpr std::string_view kSignature("GCOL\1", 5);

}  // namespace

bool has_usual_superblock(std::string_view file) {
  constexpr std::string_view kHdf5("\x89HDF\r\n\x1a\n", 8);
  if (file.size() < 16 || file.substr(0, kHdf5.size()) != kHdf5) return false;
  const std::size_t sizes = file[8] < 2 ? 13 : 9;  // by the superblock's version
  return file[sizes] == 8 && file[sizes + 1] == 8;
}

const StringHeap::Objects& StringHeap::collection(std::uint64_t address) {
  const auto known = collections_.find(address);
  if (known != collections_.end()) return known->second;
  if (address > file_.size() || file_.size() - address < kHeader ||
      file_.substr(address, kSignature.size()) != kSignature)
    throw std::invalid_argument("a string is in no heap");
  const std::string_view heap = file_.substr(address, little_endian(file_, address + 8, 8));
  if (heap.size() < kHeader || heap.size() != little_endian(file_, address + 8, 8))
    throw std::invalid_argument("a heap of strings does not fit the file");
  // Collections do not share bytes. Overlapping ones would be walked over and over.
  walked_bytes_ += heap.size();
  if (walked_bytes_ > file_.size()) throw std::invalid_argument("its heaps of strings overlap");
  Objects objects;
  // What is too short for a header at the end is free.
  for (std::uint64_t at = kHeader; heap.size() - at >= kHeader;) {
    const auto index = static_cast<std::uint32_t>(little_endian(heap, at, 2));
    const std::uint64_t size = little_endian(heap, at + 8, 8);
    const std::uint64_t room = heap.size() - at - kHeader;
    // Index 0 is free space, and objects may follow it; its size counts its header and is not padded.
    const bool fits =
        index == 0 ? size >= kHeader && size - kHeader <= room : size <= room && (size + 7) / 8 * 8 <= room;
    if (!fits) throw std::invalid_argument("a string does not fit its heap");
    if (index != 0) objects[index] = heap.substr(at + kHeader, size);
    at += index == 0 ? size : kHeader + (size + 7) / 8 * 8;
  }
  return collections_[address] = std::move(objects);
}

std::string_view StringHeap::text(std::string_view reference) {
  const std::uint64_t length = little_endian(reference, 0, 4), address = little_endian(reference, 4, 8);
  const auto index = static_cast<std::uint32_t>(little_endian(reference, 12, 4));
  if (address == 0 || address == std::numeric_limits<std::uint64_t>::max()) return {};  // never written
  const Objects& objects = collection(address);
  const auto found = objects.find(index);
  if (found == objects.end() || found->second.size() < length)
    throw std::invalid_argument("a string does not fit its heap");
  const std::string_view text = found->second.substr(0, length);
  return text.substr(0, text.find('\0'));
}

std::vector<std::string_view> StringHeap::texts(std::string_view references) {
  std::vector<std::string_view> result;
  std::uint64_t bytes = 0;
  for (; references.size() >= kReferenceBytes; references.remove_prefix(kReferenceBytes)) {
    result.push_back(text(references.substr(0, kReferenceBytes)));
    bytes += result.back().size();
    // Strings do not share bytes either.
    if (bytes > file_.size()) throw std::invalid_argument("its strings are longer than the file");
  }
  return result;
}

}  // namespace sepconv::keras

#pragma once
// Memory that ends, or begins, where a page begins that nobody may touch.

#include <cstddef>

namespace sepconv::test {

/// Which end of the values lies at the forbidden page.
enum class Fence { after, before };

/// Bytes between two forbidden pages: a read or write across the fenced end faults. The bytes and the rest of the
/// pages, up to the other forbidden page, start as NaN in every floating point type, one that no computation makes.
/// qemu loads a whole vector where a masked load wants a part of it: SEPCONV_TEST_FENCE_GAP=64 in the environment
/// leaves 64 bytes before the fence. Writes into them are noticed, reads are not.
class FencedBuffer {
 public:
  /// @throws std::system_error where the memory cannot be had.
  FencedBuffer(std::size_t bytes, Fence fence);
  ~FencedBuffer();
  FencedBuffer(const FencedBuffer&) = delete;
  FencedBuffer& operator=(const FencedBuffer&) = delete;

  std::byte* data() { return data_; }
  std::size_t bytes() const { return bytes_; }
  /// False when something was written beyond the bytes, on the side without the fence.
  bool intact() const;
  /// Whether the bytes [first, first + count) are still what the buffer started with.
  bool untouched(std::size_t first, std::size_t count) const;

 private:
  std::byte* pages_ = nullptr;
  std::size_t page_bytes_ = 0, mapped_bytes_ = 0;
  std::size_t bytes_ = 0;
  std::byte* data_ = nullptr;
};

}  // namespace sepconv::test

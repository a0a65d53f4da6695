#pragma once
// Memory that ends, or begins, where a page begins that nobody may touch.

#include <cstddef>
#include <span>

namespace sepconv {

/// Which end of the values lies at the forbidden page.
enum class Fence { after, before };

/// Floats between two forbidden pages: a read or write across the fenced end faults. The values and the rest of the
/// pages, up to the other forbidden page, start as a NaN that no computation makes.
class FencedBuffer {
 public:
  /// @throws std::system_error where the memory cannot be had.
  FencedBuffer(std::size_t elems, Fence fence);
  ~FencedBuffer();
  FencedBuffer(const FencedBuffer&) = delete;
  FencedBuffer& operator=(const FencedBuffer&) = delete;

  float* data() { return data_; }
  std::span<float> values() { return {data_, elems_}; }
  /// False when something was written beyond the values, on the side without the fence.
  bool intact() const;
  /// Whether the float still has the bits that the buffer started with.
  static bool untouched(float value);

 private:
  std::byte* pages_ = nullptr;
  std::size_t page_bytes_ = 0, mapped_bytes_ = 0;
  std::size_t elems_ = 0;
  float* data_ = nullptr;
};

}  // namespace sepconv

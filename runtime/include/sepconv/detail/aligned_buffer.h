#pragma once
// Zero-filled, 64-byte-aligned memory that one object owns: tensors and packed weights.

#include <cstddef>
#include <memory>
#include <new>

namespace sepconv {

/// Alignment of every buffer that the library allocates: a cache line, and the widest vector.
inline constexpr std::size_t kBufferAlignment = 64;

/// Movable, not copyable. Linux backs a large buffer with huge pages where it may: weights that fit in no cache are
/// read faster with fewer misses of the TLB.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  /// @throws std::bad_alloc
  explicit AlignedBuffer(std::size_t bytes);
  void* data() noexcept { return data_.get(); }
  const void* data() const noexcept { return data_.get(); }
  std::size_t bytes() const noexcept { return data_ ? bytes_ : 0; }

 private:
  struct Delete {
    std::align_val_t alignment;
    void operator()(void* p) const noexcept { ::operator delete(p, alignment); }
  };
  std::unique_ptr<void, Delete> data_;
  std::size_t bytes_ = 0;
};

}  // namespace sepconv

#pragma once
// Zero-filled, 64-byte-aligned memory that one object owns: tensors and packed weights.

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace sepconv {

/// Alignment of every buffer that the library allocates: a cache line, and the widest vector.
inline constexpr std::size_t kBufferAlignment = 64;

/// Movable, not copyable.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  /// @throws std::bad_alloc
  explicit AlignedBuffer(std::size_t bytes)
      : data_(bytes == 0 ? nullptr : ::operator new (bytes, std::align_val_t{kBufferAlignment})), bytes_(bytes) {
    if (bytes != 0) std::memset(data_.get(), 0, bytes);
  }
  void* data() noexcept { return data_.get(); }
  const void* data() const noexcept { return data_.get(); }
  std::size_t bytes() const noexcept { return data_ ? bytes_ : 0; }

 private:
  struct Delete {
    void operator()(void* p) const noexcept { ::operator delete (p, std::align_val_t{kBufferAlignment}); }
  };
  std::unique_ptr<void, Delete> data_;
  std::size_t bytes_ = 0;
};

}  // namespace sepconv

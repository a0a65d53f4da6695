#include "sepconv/detail/aligned_buffer.h"

#include <cstring>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace sepconv {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

/// Whole huge pages only: the rest of the buffer takes no more memory than it needs. Where the kernel refuses, pages
/// stay small.
void advise_huge_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef __linux__
  madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
}

}  // namespace

AlignedBuffer::AlignedBuffer(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  const std::align_val_t alignment{bytes < kHugePage ? kBufferAlignment : kHugePage};
  data_ = std::unique_ptr<void, Delete>(::operator new(bytes, alignment), Delete{alignment});
  if (bytes >= kHugePage) advise_huge_pages(data_.get(), bytes);  // before the first write to it
  std::memset(data_.get(), 0, bytes);
}

}  // namespace sepconv

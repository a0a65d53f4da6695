#include "tests/kernels/fenced_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <system_error>

namespace sepconv::test {
namespace {

/// The start of the 16-bit word at an address: 0x7ffd is NaN in float16, bfloat16, float32 and float64.
std::byte start_byte(const std::byte* at) {
  return reinterpret_cast<std::uintptr_t>(at) % 2 == 0 ? std::byte{0xfd} : std::byte{0x7f};
}

bool is_start(const std::byte* begin, const std::byte* end) {
  for (; begin != end; ++begin)
    if (*begin != start_byte(begin)) return false;
  return true;
}

/// Bytes between the values and their fence, for emulators: SEPCONV_TEST_FENCE_GAP, at most a page.
std::size_t fence_gap() {
  const char* variable = std::getenv("SEPCONV_TEST_FENCE_GAP");
  return variable == nullptr ? 0 : std::strtoul(variable, nullptr, 10);
}

}  // namespace

FencedBuffer::FencedBuffer(std::size_t bytes, Fence fence)
    : page_bytes_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))), bytes_(bytes) {
  const std::size_t gap = fence_gap(), needed = bytes + gap;
  const std::size_t usable = needed / page_bytes_ * page_bytes_ + page_bytes_;  // some of it lies beside the values
  mapped_bytes_ = usable + 2 * page_bytes_;
  void* pages = ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "FencedBuffer: mmap");
  pages_ = static_cast<std::byte*>(pages);
  std::byte* begin = pages_ + page_bytes_;
  for (std::byte* at = begin; at != begin + usable; ++at) *at = start_byte(at);
  data_ = fence == Fence::before ? begin + gap : begin + usable - needed;
  if (::mprotect(pages_, page_bytes_, PROT_NONE) != 0 || ::mprotect(begin + usable, page_bytes_, PROT_NONE) != 0) {
    const int error = errno;
    ::munmap(pages_, mapped_bytes_);
    throw std::system_error(error, std::generic_category(), "FencedBuffer: mprotect");
  }
}

FencedBuffer::~FencedBuffer() { ::munmap(pages_, mapped_bytes_); }

bool FencedBuffer::intact() const {
  const std::byte* begin = pages_ + page_bytes_;
  const std::byte* end = pages_ + mapped_bytes_ - page_bytes_;
  return is_start(begin, data_) && is_start(data_ + bytes_, end);
}

bool FencedBuffer::untouched(std::size_t first, std::size_t count) const {
  return is_start(data_ + first, data_ + first + count);
}

}  // namespace sepconv::test

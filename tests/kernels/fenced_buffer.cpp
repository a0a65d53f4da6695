#include "fenced_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace sepconv {
namespace {

constexpr std::uint32_t kStartBits = 0x7fc0beefu;

}  // namespace

FencedBuffer::FencedBuffer(std::size_t elems, Fence fence)
    : page_bytes_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))), elems_(elems) {
  const std::size_t bytes = elems * sizeof(float);
  const std::size_t usable = bytes / page_bytes_ * page_bytes_ + page_bytes_;  // some of it lies beside the values
  mapped_bytes_ = usable + 2 * page_bytes_;
  void* pages = ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "FencedBuffer: mmap");
  pages_ = static_cast<std::byte*>(pages);
  std::byte* begin = pages_ + page_bytes_;
  auto* floats = reinterpret_cast<float*>(begin);
  for (std::size_t i = 0; i < usable / sizeof(float); ++i) floats[i] = std::bit_cast<float>(kStartBits);
  data_ = reinterpret_cast<float*>(fence == Fence::before ? begin : begin + usable - bytes);
  if (::mprotect(pages_, page_bytes_, PROT_NONE) != 0 || ::mprotect(begin + usable, page_bytes_, PROT_NONE) != 0) {
    const int error = errno;
    ::munmap(pages_, mapped_bytes_);
    throw std::system_error(error, std::generic_category(), "FencedBuffer: mprotect");
  }
}

FencedBuffer::~FencedBuffer() { ::munmap(pages_, mapped_bytes_); }

bool FencedBuffer::intact() const {
  const auto* begin = reinterpret_cast<const float*>(pages_ + page_bytes_);
  const auto* end = reinterpret_cast<const float*>(pages_ + mapped_bytes_ - page_bytes_);
  for (const float* at = begin; at != end; ++at)
    if ((at < data_ || at >= data_ + elems_) && !untouched(*at)) return false;
  return true;
}

bool FencedBuffer::untouched(float value) { return std::bit_cast<std::uint32_t>(value) == kStartBits; }

}  // namespace sepconv

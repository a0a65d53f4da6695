#pragma once
// The result of `run`: a code and a message stored in place, so that reporting an error never allocates or throws.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sepconv {

enum class StatusCode : std::uint8_t {
  ok,
  not_built,            // build() has not been called, or weights are missing
  invalid_shape,        // a view's rank or extents do not fit the layer
  invalid_layout,       // H, W or C is not dense, or the views overlap
  invalid_dtype,        // the view's data type is not the layer's
  no_kernel,            // no compiled kernel serves this configuration on this CPU
  workspace_too_small,  // the workspace given has fewer bytes than workspace_bytes()
  kernel_failed,        // the kernel or the executor returned an error
};

/// Result of a run. Outputs are untouched unless ok() (or kernel_failed).
class [[nodiscard]] Status {
 public:
  static constexpr std::size_t kMessageBytes = 496;
  /// Ok. Every layer call makes one, so only the message's terminator is written, not the whole buffer.
  Status() noexcept { message_[0] = '\0'; }
  Status(const Status& other) noexcept : code_(other.code_) { copy_message(other); }
  Status& operator=(const Status& other) noexcept {
    code_ = other.code_;
    copy_message(other);
    return *this;
  }
  /// printf-style; a message longer than kMessageBytes - 1 is truncated.
  [[gnu::format(printf, 2, 3)]] static Status error(StatusCode code, const char* format, ...) noexcept;
  bool ok() const noexcept { return code_ == StatusCode::ok; }
  StatusCode code() const noexcept { return code_; }
  /// What is wrong, with names, received and expected values; empty if ok.
  const char* message() const noexcept { return message_; }

 private:
  void copy_message(const Status& other) noexcept {
    std::memmove(message_, other.message_, std::strlen(other.message_) + 1);
  }

  StatusCode code_ = StatusCode::ok;
  char message_[kMessageBytes];
};

/// "ok", "invalid_shape", ...
const char* to_text(StatusCode code) noexcept;

}  // namespace sepconv

#include "sepconv/detail/status.h"

#include <cstdarg>
#include <cstdio>

namespace sepconv {

Status Status::error(StatusCode code, const char* format, ...) noexcept {
  Status status;
  status.code_ = code;
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(status.message_, kMessageBytes, format, arguments);
  va_end(arguments);
  return status;
}

const char* to_text(StatusCode code) noexcept {
  switch (code) {
    case StatusCode::ok: return "ok";
    case StatusCode::not_built: return "not_built";
    case StatusCode::invalid_shape: return "invalid_shape";
    case StatusCode::invalid_layout: return "invalid_layout";
    case StatusCode::invalid_dtype: return "invalid_dtype";
    case StatusCode::no_kernel: return "no_kernel";
    case StatusCode::workspace_too_small: return "workspace_too_small";
    case StatusCode::kernel_failed: return "kernel_failed";
  }
  return "unknown";
}

}  // namespace sepconv

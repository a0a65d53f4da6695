#include "tools/console.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <streambuf>

namespace sepconv::tools {
namespace {

int lost = 0;  // why a part of stdout was: an errno

/// Hands on what std::cout is given.
class VisibleBuffer : public std::streambuf {
 protected:
  std::streamsize xsputn(const char* text, std::streamsize count) override {
    write_text(stdout, {text, static_cast<std::size_t>(count)});
    return lost != 0 ? 0 : count;
  }
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char text = traits_type::to_char_type(c);
    return xsputn(&text, 1) == 1 ? c : traits_type::eof();
  }
  int sync() override {
    if (std::fflush(stdout) != 0) lost = errno;
    return lost != 0 ? -1 : 0;
  }
};

}  // namespace

std::string visible(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    const bool c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;  // the other control characters, in UTF-8
    if (c1)
      ++i;
    else if ((byte >= ' ' && byte != 0x7f) || byte == '\n' || byte == '\t') {
      result += text[i];
      continue;
    }
    result += fmt::format("\\u{:04x}", c1 ? next : byte);
  }
  return result;
}

void write_text(std::FILE* stream, std::string_view text) {
  const std::string shown = visible(text);
  const bool written = std::fwrite(shown.data(), 1, shown.size(), stream) == shown.size();
  if (!written && stream == stdout) lost = errno;
}

void start_output() {
  // A file that was opened as number 1 would receive the output. Reading and writing fail as they should: the null
  // device is opened the other way round.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  std::cout.rdbuf(new VisibleBuffer);  // never deleted: std::cout is flushed at the very end
}

bool finish_output() {
  std::cout.flush();
  if (std::fflush(stdout) != 0) lost = errno;
  if (lost != 0) print_error("sepconv: the output cannot be written: {}\n", std::strerror(lost));
  return lost == 0;
}

}  // namespace sepconv::tools

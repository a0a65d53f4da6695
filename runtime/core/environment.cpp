#include "runtime/core/environment.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace sepconv::detail {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string environment_target() { return variable("SEPCONV_TARGET"); }

int environment_threads() {
  const std::string text = variable("SEPCONV_THREADS");
  if (!text.empty()) return threads_from_text(text);
  const unsigned hardware = std::thread::hardware_concurrency();
  return static_cast<int>(std::clamp(hardware, 1u, static_cast<unsigned>(kMostThreads)));
}

int threads_from_text(std::string_view text) {
  int value = 0;
  const char* text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, value);
  if (error != std::errc{} || end != text_end || value < 1 || value > kMostThreads)
    throw std::invalid_argument("SEPCONV_THREADS: received '" + std::string(text) + "'; expected a number from 1 to " +
                                std::to_string(kMostThreads));
  return value;
}

}  // namespace sepconv::detail

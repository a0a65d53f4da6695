#pragma once
// What a refused action says.

#include <functional>
#include <stdexcept>
#include <string>

namespace sepconv::test {

/// The message of the std::invalid_argument that the action throws, or "no error".
inline std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace sepconv::test

#pragma once
// Records for tests, and folders for their stores.

#include <filesystem>
#include <string>

#include "autoschedule/records/record_store.h"

namespace sepconv::test {

/// A folder of its own, removed at the end.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

autoschedule::TrialContext example_context();

/// A search trial of the `number`th schedule, whose every field differs from its default.
autoschedule::TrialRecord example_record(int number);

/// The message of what `action` throws, or "nothing was thrown".
template <class Exception, class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace sepconv::test

#include "autoschedule/trial.h"

#include <array>
#include <stdexcept>
#include <string_view>

namespace sepconv::autoschedule {
namespace {

constexpr std::array<const char*, kTrialStatuses> kNames = {
    "ok",          "build-failed", "build-crashed", "build-timeout", "wrong-value",
    "run-crashed", "run-timeout",  "out-of-memory", "not-run",       "lost"};

}  // namespace

const char* to_text(TrialStatus status) { return kNames.at(static_cast<std::size_t>(status)); }

TrialStatus trial_status_from_text(const std::string& text) {
  std::string known;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (text == kNames[i]) return static_cast<TrialStatus>(i);
    known += (known.empty() ? "" : ", ") + std::string(kNames[i]);
  }
  throw std::invalid_argument("trial status '" + text + "' is not known; expected one of " + known);
}

std::string message_of_output(std::string output) {
  while (!output.empty() && (output.back() == '\n' || output.back() == ' ')) output.pop_back();
  return output.size() > kMessageBytes ? "..." + output.substr(output.size() - kMessageBytes) : output;
}

}  // namespace sepconv::autoschedule

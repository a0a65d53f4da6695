#pragma once
// Halide's own autoschedulers, by the names that stand in place of a schedule's text: for comparison in trials.

#include <optional>
#include <string>
#include <string_view>

namespace sepconv::generators {

struct Autoscheduler {
  std::string name;                     // Halide's: "Adams2019"
  std::string library;                  // its plug-in: "autoschedule_adams2019"
  int threads = 1;                      // that it schedules for; of a GPU its multiprocessors
  bool for_cpu = true, for_gpu = true;  // where it can be used
  int beam = 0;  // Adams2019 and Anderson2021: candidates kept at each step of the search; 0 = their default
};

/// "halide-mullapudi2016", "halide-adams2019" or "halide-anderson2021", followed by the threads to schedule for and,
/// for the latter two, the beam, to which their time is proportional: "halide-adams2019_p8_b4". Nothing for a text that
/// does not begin with "halide-".
/// @throws std::invalid_argument naming the text and what is allowed.
std::optional<Autoscheduler> autoscheduler_from_text(std::string_view text);

/// Loads the plug-in from the folder of this program's libHalide, else from the system's library path. If it is
/// missing, Halide's error reporter is called.
void load_autoscheduler(const Autoscheduler& autoscheduler);

/// The generator that writes our algorithms for them.
inline constexpr const char* kAutoscheduledGenerator = "autoscheduled";

}  // namespace sepconv::generators

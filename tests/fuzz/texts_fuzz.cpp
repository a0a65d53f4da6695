// The one-line texts: problems, schedules for CPUs and GPUs, targets, activations, Keras' versions and extents. Every
// reader sees every line. Two or three of them, separated by tabs, are a problem, a target and a schedule: the rule
// picks one, and the schedule is judged. A text that begins with the word "network" is one.

#include <vector>

#include "generators/spec/gpu_schedule.h"
#include "runtime/core/text.h"
#include "sepconv/conv_problem.h"
#include "sepconv/detail/activation.h"
#include "sepconv/detail/keras_rules.h"
#include "sepconv/detail/network_plan.h"
#include "tests/fuzz/fuzz_target.h"
#include "tools/input_shape.h"

namespace {

using sepconv::fuzz::read_or_refuse;

/// What is read can be written, and is written the same when read again.
template <class Value, class Text>
void read_twice(Value (*read)(std::string_view), Text text) {
  read_or_refuse([&] {
    const std::string written = to_text(read(text));
    sepconv::fuzz::require(to_text(read(written)) == written, "a text is written as it was read");
  });
}

void read_line(std::string_view line) {
  read_twice<sepconv::ConvProblem>(sepconv::problem_from_text, line);
  read_twice<sepconv::generators::CpuSchedule>(sepconv::generators::schedule_from_text, line);
  read_twice<sepconv::generators::GpuSchedule>(sepconv::generators::gpu_schedule_from_text, line);
  read_twice<sepconv::Activation>(sepconv::activation_from_text, line);
  read_or_refuse([&] { sepconv::generators::target_from_name(line); });
  read_or_refuse([&] { sepconv::keras_rules_from_text(line); });
  read_or_refuse([&] { sepconv::tools::named_shape_from_text(std::string(line), "--input-shape"); });
}

void judge(const std::vector<std::string_view>& parts) {
  const sepconv::ConvProblem problem = sepconv::problem_from_text(parts[0]);
  const sepconv::generators::Target& target = sepconv::generators::target_from_name(parts[1]);
  read_or_refuse([&] {
    const sepconv::generators::Schedule chosen = default_schedule(lower(problem, target), 3);
    if (target.device == sepconv::generators::Device::cpu)
      sepconv::fuzz::require(!reject_reason(chosen, lower(problem, target)),
                             "the rule picks a schedule that is accepted");
  });
  if (parts.size() == 3)
    reject_reason(sepconv::generators::schedule_from_text(parts[2], target), lower(problem, target));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string line = sepconv::fuzz::text_of(data, size);
  const std::vector<std::string_view> parts = sepconv::detail::split(line, '\t');
  if (parts[0] == "network")
    read_twice<sepconv::NetworkPlan>(sepconv::network_from_text, line);
  else if (parts.size() == 2 || parts.size() == 3)
    read_or_refuse([&] { judge(parts); });
  else
    read_line(line);
  return 0;
}

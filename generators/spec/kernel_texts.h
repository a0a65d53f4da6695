#pragma once
// The inputs of a kernel's compilation, as texts that travel to other processes and machines and into stores.

#include <string>

namespace sepconv::generators {

struct KernelTexts {
  std::string problem;   // to_text(ConvProblem)
  std::string target;    // a name from the target table
  std::string schedule;  // to_text(Schedule), or one of Halide's autoschedulers: "halide-adams2019"

  friend bool operator==(const KernelTexts&, const KernelTexts&) = default;
};

}  // namespace sepconv::generators

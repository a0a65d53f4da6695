#pragma once
// Which registered kernel serves a problem on this CPU, and why the others do not.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/kernel_registry.h"

namespace sepconv::detail {

enum class Refusal { none, problem, restriction, features, not_best };

struct KernelVerdict {
  const CompiledKernel* kernel;
  Refusal reason;       // none for the kernel that was taken
  std::string refusal;  // the reason in words
};

struct KernelChoice {
  const CompiledKernel* kernel = nullptr;
  ConvProblem row_problem;              // of `kernel`
  std::vector<KernelVerdict> verdicts;  // every registered kernel
  std::string restriction;              // what `forced` or SEPCONV_TARGET restricted the choice to; empty if nothing
};

/// @param forced a kernel's symbol or a target's name; empty: SEPCONV_TARGET, else no restriction.
KernelChoice choose_kernel(const ConvProblem& problem, std::string_view forced);

/// The kernel that choose_kernel() takes, without verdicts on the others; nothing if none serves.
std::optional<RegisteredKernel> best_kernel(const ConvProblem& problem, std::string_view forced);

/// One line per kernel: "taken: SYMBOL (TARGET)" or "refused: SYMBOL (TARGET): why".
std::string verdicts_text(const KernelChoice& choice);

/// The message for a layer without a kernel: what is missing, what was forced, and the command that would build it.
std::string no_kernel_text(std::string_view layer, const ConvProblem& problem, const KernelChoice& choice);

}  // namespace sepconv::detail

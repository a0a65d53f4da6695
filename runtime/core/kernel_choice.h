#pragma once
// Which registered row serves a problem on this CPU, and why the others do not.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/kernel_registry.h"

namespace sepconv::detail {

enum class Refusal { none, problem, restriction, features, not_best };

struct RowVerdict {
  const KernelRow* row;
  Refusal reason;       // none for the row that was taken
  std::string refusal;  // the reason in words
};

struct KernelChoice {
  const KernelRow* row = nullptr;
  ConvProblem row_problem;           // of `row`
  std::vector<RowVerdict> verdicts;  // every registered row
  std::string restriction;           // what `forced` or SEPCONV_TARGET restricted the choice to; empty if nothing
};

/// @param forced a row's symbol or a target's name; empty: SEPCONV_TARGET, else no restriction.
KernelChoice choose_kernel(const ConvProblem& problem, std::string_view forced);

/// The row that choose_kernel() takes, without a word about the others; nothing if none serves.
std::optional<RegisteredRow> best_row(const ConvProblem& problem, std::string_view forced);

/// One line a row: "taken: SYMBOL (TARGET)" or "refused: SYMBOL (TARGET): why".
std::string verdicts_text(const KernelChoice& choice);

/// The message for a layer without a kernel: what is missing, what was forced, and the command that would build it.
std::string no_kernel_text(std::string_view layer, const ConvProblem& problem, const KernelChoice& choice);

}  // namespace sepconv::detail

#include "runtime/core/kernel_choice.h"

#include "runtime/core/cpu_features.h"
#include "runtime/core/environment.h"
#include "runtime/core/feature_table.h"
#include "runtime/core/registered_kernels.h"
#include "runtime/core/text.h"

namespace sepconv::detail {
namespace {

/// The better of two kernels that can both run: the higher rank; of equals the one made for exactly these extents.
bool better(const RegisteredKernel& a, const RegisteredKernel& b) {
  if (a.kernel->rank != b.kernel->rank) return a.kernel->rank > b.kernel->rank;
  if (a.problem.is_dynamic() != b.problem.is_dynamic()) return !a.problem.is_dynamic();
  return std::string_view(a.kernel->symbol) < b.kernel->symbol;  // any fixed order: not that of registration
}

KernelVerdict judge(const RegisteredKernel& candidate, const ConvProblem& problem, std::string_view forced,
                    const std::string& restriction) {
  const CompiledKernel* kernel = candidate.kernel;
  const std::string other = mismatch_reason(candidate.problem, problem);
  if (!other.empty()) return {kernel, Refusal::problem, "made for another problem: " + other};
  if (!forced.empty() && forced != kernel->symbol && forced != kernel->target)
    return {kernel, Refusal::restriction, "the choice is restricted by " + restriction};
  const std::uint64_t devices = kernel->required_features & device_features();
  if (devices != 0)
    return {kernel, Refusal::features, "made for a " + cpu_feature_names(devices) + "; only a GpuLayer can call it"};
  const std::uint64_t missing = kernel->required_features & ~detected_cpu_features();
  if (missing != 0)
    return {kernel, Refusal::features, "this CPU or its operating system lacks " + cpu_feature_names(missing)};
  return {kernel, Refusal::none, {}};
}

/// Fields that most kernels of a library differ in. Cheap: a layer that meets a new size looks at every kernel.
bool may_serve(const ConvProblem& kernel, const ConvProblem& wanted) {
  if (kernel.dtype != wanted.dtype || kernel.layout != wanted.layout || kernel.IC != wanted.IC ||
      kernel.stages.size() != wanted.stages.size() || kernel.input_pitches != wanted.input_pitches ||
      kernel.output_pitches != wanted.output_pitches)
    return false;
  for (std::size_t i = 0; i < kernel.stages.size(); ++i) {
    const Stage &a = kernel.stages[i], &b = wanted.stages[i];
    if (a.kind != b.kind || a.window.KH != b.window.KH || a.window.KW != b.window.KW ||
        a.out_channels != b.out_channels)
      return false;
  }
  return (kernel.dynamic_h() || kernel.IH == wanted.IH) && (kernel.dynamic_w() || kernel.IW == wanted.IW);
}

/// What the choice is restricted to: a kernel's symbol or a target's name, and who said so. Both empty: nothing.
struct Restriction {
  std::string value, source;
};

Restriction restriction_of(std::string_view forced) {
  if (!forced.empty()) return {std::string(forced), std::string("force_kernel('").append(forced).append("')")};
  const std::string target = environment_target();
  if (target.empty()) return {};
  return {target, "SEPCONV_TARGET=" + target};
}

/// Why a kernel that can run was not taken.
std::string not_best_text(const RegisteredKernel& kernel, const RegisteredKernel& best) {
  const std::string taken = quoted(best.kernel->symbol);
  if (kernel.kernel->rank < best.kernel->rank)
    return "lower rank (" + std::to_string(kernel.kernel->rank) + ") than " + taken + " (" +
           std::to_string(best.kernel->rank) + ")";
  if (kernel.problem.is_dynamic() != best.problem.is_dynamic()) return "dynamic extents; " + taken + " has static ones";
  return "equal rank, and " + taken + " comes first by name";
}

/// The best target for every type that this CPU runs, as a command line names it; nothing when it runs none.
std::string target_option() {
#if defined(__aarch64__) && defined(__APPLE__)
  return " --target arm-64-osx";
#elif defined(__aarch64__) && defined(__ANDROID__)
  return " --target arm-64-android";
#elif defined(__aarch64__)
  return " --target arm-64";
#else
  const std::uint64_t features = detected_cpu_features();
  const auto has = [&](std::uint64_t needed) { return (features & needed) == needed; };
  if (has(kAvx512Level)) return " --target x86-64-avx512";
  if (has(kAvx2Level)) return " --target x86-64-avx2";
  if (has(kCpuSse41)) return " --target x86-64-sse41";
  return {};
#endif
}

}  // namespace

KernelChoice choose_kernel(const ConvProblem& layer_problem, std::string_view forced) {
  const ConvProblem problem = kernel_problem(layer_problem);
  const Restriction restriction = restriction_of(forced);
  KernelChoice choice;
  choice.restriction = restriction.source;
  const std::vector<RegisteredKernel> kernels = registered_kernels();
  const RegisteredKernel* best = nullptr;
  for (const RegisteredKernel& kernel : kernels) {
    choice.verdicts.push_back(judge(kernel, problem, restriction.value, restriction.source));
    if (choice.verdicts.back().reason == Refusal::none && (best == nullptr || better(kernel, *best))) best = &kernel;
  }
  if (best == nullptr) return choice;
  choice.kernel = best->kernel;
  choice.row_problem = best->problem;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    if (&kernels[i] == best || choice.verdicts[i].reason != Refusal::none) continue;
    choice.verdicts[i] = {kernels[i].kernel, Refusal::not_best, not_best_text(kernels[i], *best)};
  }
  return choice;
}

std::optional<RegisteredKernel> best_kernel(const ConvProblem& layer_problem, std::string_view forced) {
  const ConvProblem problem = kernel_problem(layer_problem);
  const Restriction restriction = restriction_of(forced);
  std::optional<RegisteredKernel> best;
  visit_kernels([&](const RegisteredKernel& kernel) {
    if (may_serve(kernel.problem, problem) &&
        judge(kernel, problem, restriction.value, restriction.source).reason == Refusal::none &&
        (!best || better(kernel, *best)))
      best = kernel;
  });
  return best;
}

std::string verdicts_text(const KernelChoice& choice) {
  if (choice.verdicts.empty()) return "no kernels are registered: call sepconv::use_kernels or load_kernel_library\n";
  std::string text;
  for (const KernelVerdict& verdict : choice.verdicts) {
    text += verdict.reason == Refusal::none ? "taken: " : "refused: ";
    text += std::string(verdict.kernel->symbol) + " (" + verdict.kernel->target + ")";
    if (verdict.reason != Refusal::none) text += ": " + verdict.refusal;
    text += "\n";
  }
  return text;
}

std::string no_kernel_text(std::string_view layer, const ConvProblem& problem, const KernelChoice& choice) {
  std::string text = "layer '" + std::string(layer) + "': no kernel for " + to_text(problem);
  if (!choice.restriction.empty()) text += " with " + choice.restriction;
  text += "; build one: sepconv compile MODEL --layers '" + std::string(layer) + "'" + target_option() +
          " -o DIR (--dynamic for any input size), and call use_kernels";
  if (choice.verdicts.empty()) return text + "; no kernels are registered";
  // First the kernels that almost served: the message of a Status is cut at its end.
  std::size_t restricted = 0, others = 0;
  for (const KernelVerdict& verdict : choice.verdicts) {
    if (verdict.reason == Refusal::features)
      text += "; " + std::string(verdict.kernel->target) + " kernel refused: " + verdict.refusal;
    restricted += verdict.reason == Refusal::restriction;
    others += verdict.reason == Refusal::problem;
  }
  if (restricted != 0) text += "; " + std::to_string(restricted) + " kernels have another target or symbol";
  if (others != 0) text += "; " + std::to_string(others) + " registered kernels are for other problems";
  return text;
}

}  // namespace sepconv::detail

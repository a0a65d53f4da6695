#include "kernel_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "compile/files.h"
#include "sepconv/kernel_abi.h"

namespace sepconv {
namespace {

constexpr std::size_t kMaxNameLength = 64;
constexpr std::size_t kMaxSymbolRowLength = 100;  // keeps name + row + hash + "_metadata" below 200 characters
constexpr std::size_t kSymbolHashLength = 16;

// Keywords, and names that a namespace cannot have beside the standard library and sepconv itself.
constexpr std::string_view kReservedNames =
    " alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t "
    " char32_t class co_await co_return co_yield compl concept const consteval constexpr constinit "
    " const_cast continue decltype default delete do double dynamic_cast else enum explicit export "
    " extern false float for friend goto if inline int long main mutable namespace new noexcept not "
    " not_eq nullptr operator or or_eq posix private protected public register reinterpret_cast requires "
    " return sepconv short signed sizeof static static_assert static_cast std struct switch template "
    " this thread_local throw true try typedef typeid typename union unsigned using virtual void "
    " volatile wchar_t while xor xor_eq ";

bool is_reserved(std::string_view name) {
  return kReservedNames.find(fmt::format(" {} ", name)) != std::string_view::npos;
}

bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool is_alpha(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

/// Letters and digits kept, every run of anything else one underscore.
std::string identifier_from(std::string_view text) {
  std::string identifier;
  for (char c : text) {
    if (is_alnum(c))
      identifier += c;
    else if (!identifier.empty() && identifier.back() != '_')
      identifier += '_';
  }
  while (!identifier.empty() && identifier.back() == '_') identifier.pop_back();
  return identifier;
}

std::vector<const Target*> find_targets(const std::vector<std::string>& names) {
  if (names.empty()) throw std::invalid_argument("targets: expected at least one name");
  std::vector<const Target*> targets;
  for (const std::string& name : names) {
    const Target& target = target_from_name(name);
    if (std::find(targets.begin(), targets.end(), &target) != targets.end())
      throw std::invalid_argument(fmt::format("target: '{}' is given twice", name));
    targets.push_back(&target);
  }
  for (const Target* target : targets)
    if (target->arch != targets.front()->arch || target->os != targets.front()->os)
      throw std::invalid_argument(
          fmt::format("targets: '{}' is for {} and '{}' for {}, which no archive can hold together; compile a library "
                      "for each, into a folder of its own",
                      targets.front()->name, system_text(*targets.front()), target->name, system_text(*target)));
  std::sort(targets.begin(), targets.end(), [](const Target* a, const Target* b) { return a->name < b->name; });
  return targets;
}

std::string target_names(const std::vector<const Target*>& targets) {
  std::string names;
  for (const Target* target : targets) names += (names.empty() ? "'" : ", '") + target->name + "'";
  return names;
}

/// Problem text -> the problem and the layers that it serves.
struct Use {
  ConvProblem problem;
  std::vector<std::string> layers;
};

std::map<std::string, Use> unique_problems(const Plan& plan, bool dynamic) {
  std::map<std::string, Use> uses;
  const auto add = [&](const ConvProblem& problem, const std::string& layer) {
    Use& use = uses[to_text(problem)];
    use.problem = problem;
    use.layers.push_back(layer);
  };
  for (const PlannedLayer& layer : plan.layers) {
    const ConvProblem problem = kernel_problem(layer.problem);
    add(problem, layer.name);
    if (dynamic && !problem.is_dynamic()) add(with_dynamic_extents(problem), layer.name);
  }
  return uses;
}

std::string kernel_key(const PlannedKernel& kernel, const std::string& problem, const RowOptions& options) {
  return content_hash(fmt::format("sepconv-kernel\nabi {}\nproblem {}\nschedule {} {}\ntarget {} {}\ngenerator {}\n",
                                  kKernelAbi, problem, kScheduleVersion, to_text(kernel.schedule), kernel.target.name,
                                  kernel.target.halide, options.generator_identity));
}

}  // namespace

std::string PlannedKernel::object_symbol() const { return "sepconv_kernel_" + content_hash(symbol); }

std::vector<PlannedKernel> plan_kernels(const Plan& plan, const RowOptions& options) {
  check_library_name(options.library);
  const std::vector<const Target*> targets = find_targets(options.targets);
  std::vector<PlannedKernel> kernels;
  for (auto& [text, use] : unique_problems(plan, options.dynamic)) {
    const std::size_t before = kernels.size();
    for (const Target* target : targets) {
      if (!serves(*target, use.problem.dtype)) continue;
      PlannedKernel kernel;
      kernel.problem = use.problem;
      kernel.target = *target;
      kernel.layers = use.layers;
      std::optional<Schedule> known;
      if (options.schedules != nullptr) known = options.schedules->find(use.problem, *target);
      if (!known && options.locked)
        throw std::invalid_argument(fmt::format(
            "lockfile: no row for layer '{}' on target '{}' (problem '{}'); leave out --locked to let the rule choose",
            use.layers.front(), target->name, text));
      kernel.from_source = known.has_value();
      kernel.schedule = known ? *known : default_schedule(use.problem, *target, options.threads);
      if (const auto reason = reject_reason(kernel.schedule, use.problem, *target))
        throw std::invalid_argument(fmt::format("schedule '{}' of layer '{}' on target '{}' (problem '{}'): {}",
                                                to_text(kernel.schedule), use.layers.front(), target->name, text,
                                                *reason));
      kernel.key = kernel_key(kernel, text, options);
      kernel.symbol = fmt::format("{}_{}_{}_{}", options.library, identifier_from(text.substr(0, kMaxSymbolRowLength)),
                                  identifier_from(target->name), kernel.key.substr(0, kSymbolHashLength));
      kernels.push_back(std::move(kernel));
    }
    if (kernels.size() == before)
      throw std::invalid_argument(
          fmt::format("target: {} has no kernels for {}, the type of layer '{}'; name another too",
                      target_names(targets), to_text(use.problem.dtype), use.layers.front()));
  }
  return kernels;
}

bool has_device_kernels(const std::vector<PlannedKernel>& kernels) {
  return std::any_of(kernels.begin(), kernels.end(),
                     [](const PlannedKernel& kernel) { return kernel.target.device != Device::cpu; });
}

std::vector<std::string> default_target_names() {
  std::vector<std::string> names;
  for (const Target& target : native_cpu_targets()) names.push_back(target.name);
  return names;
}

void check_library_name(const std::string& name) {
  const bool letters = std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '_'; });
  if (name.empty() || name.size() > kMaxNameLength || !is_alpha(name[0]) || !letters ||
      name.find("__") != std::string::npos)
    throw std::invalid_argument(
        fmt::format("name: '{}' cannot name a library; expected letters, digits and single underscores, a letter "
                    "first, at most {} characters",
                    name, kMaxNameLength));
  if (is_reserved(name))
    throw std::invalid_argument(fmt::format("name: '{}' cannot name a library; it is a reserved word of C++", name));
}

std::string library_name_from(const std::filesystem::path& model) {
  std::string name = identifier_from(model.stem().string());
  if (name.empty() || !is_alpha(name[0])) name = name.empty() ? "model" : "model_" + name;
  if (name.size() > kMaxNameLength) name = identifier_from(name.substr(0, kMaxNameLength));
  if (is_reserved(name)) name += "_model";
  return name;
}

}  // namespace sepconv

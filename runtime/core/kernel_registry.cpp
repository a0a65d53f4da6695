#include "sepconv/kernel_registry.h"

#include <dlfcn.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "runtime/core/fork_guard.h"
#include "runtime/core/registered_kernels.h"
#include "runtime/core/text.h"

namespace sepconv {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<RegisteredKernel> kernels;                           // guarded by mutex
  std::unordered_map<std::string, const CompiledKernel*> symbols;  // guarded by mutex
};

Registry& registry() {
  static Registry* const instance = new Registry;  // never destroyed: layers may be used until the process ends
  return *instance;
}

/// Reads and checks one kernel.
RegisteredKernel read_kernel(const char* library, std::size_t index, const CompiledKernel& kernel) {
  std::string where = "library '" + std::string(library) + "', kernel " + std::to_string(index);
  // Nothing else of the kernel can be trusted before its version is known.
  if (kernel.abi != kKernelAbi)
    throw std::invalid_argument(where + ": kernel ABI version " + std::to_string(kernel.abi) + "; this runtime calls " +
                                std::to_string(kKernelAbi) +
                                ": compile the library again with this version of sepconv");
  if (kernel.symbol == nullptr || *kernel.symbol == '\0') throw std::invalid_argument(where + ": no symbol");
  where += " ('" + std::string(kernel.symbol) + "')";
  const auto require = [&](bool fits, const char* what) {
    if (!fits) throw std::invalid_argument(where + ": " + what);
  };
  require(kernel.function != nullptr, "no function");
  require(kernel.problem != nullptr, "no problem text");
  require(kernel.target != nullptr, "no target");
  require(kernel.schedule != nullptr, "no schedule text");
  RegisteredKernel registered{library, &kernel, {}};
  try {
    registered.problem = problem_from_text(kernel.problem);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(where + ": " + error.what());
  }
  require(!registered.problem.has(StageKind::depthwise) || kernel.depthwise_panel >= 1,
          "depthwise_panel is not positive");
  require(!registered.problem.has(StageKind::conv) || kernel.pointwise_panel >= 1, "pointwise_panel is not positive");
  require(kernel.flat_output == 0 || kernel.flat_output == 1, "flat_output is neither 0 nor 1");
  require(kernel.call_scratch_bytes <= kMaxScratchBytes && kernel.task_scratch_bytes <= kMaxScratchBytes,
          "2^31 bytes of scratch or more, which no kernel can address");
  return registered;
}

bool same_kernel(const CompiledKernel& a, const CompiledKernel& b) {
  const std::string_view problem = a.problem, target = a.target, schedule = a.schedule;
  return problem == b.problem && target == b.target && schedule == b.schedule;
}

std::string pair_text(std::int32_t a, std::int32_t b) {
  const auto text = [](std::int32_t value) { return value == kDynamic ? std::string("?") : std::to_string(value); };
  return text(a) + "x" + text(b);
}

/// The first field that differs.
struct Mismatch {
  std::string reason;
  void differs(const std::string& field, const std::string& row_text, const std::string& wanted_text) {
    if (reason.empty() && row_text != wanted_text) reason = field + " " + row_text + ", wanted " + wanted_text;
  }
  void pair_differs(const std::string& field, std::int32_t row_a, std::int32_t row_b, std::int32_t a, std::int32_t b) {
    if (reason.empty() && (row_a != a || row_b != b)) differs(field, pair_text(row_a, row_b), pair_text(a, b));
  }
};

std::string of_stage(const ConvProblem& problem, std::size_t stage) {
  return problem.stages.size() == 1 ? "" : " of stage " + std::to_string(stage);
}

std::string epilogue_text(const Epilogue& epilogue) {
  std::string text;
  for (const EpilogueStep& step : epilogue) text += (text.empty() ? "" : "+") + to_text(step);
  return text.empty() ? "none" : text;
}

void stage_differs(Mismatch& found, const ConvProblem& kernel, const ConvProblem& wanted, std::size_t index) {
  const Stage &a = kernel.stages[index], &b = wanted.stages[index];
  const std::string of = of_stage(kernel, index);
  found.pair_differs("window" + of, a.window.KH, a.window.KW, b.window.KH, b.window.KW);
  found.pair_differs("strides" + of, a.window.stride_h, a.window.stride_w, b.window.stride_h, b.window.stride_w);
  found.pair_differs("dilation" + of, a.window.dilation_h, a.window.dilation_w, b.window.dilation_h,
                     b.window.dilation_w);
  found.differs("depth_multiplier" + of, std::to_string(a.depth_multiplier), std::to_string(b.depth_multiplier));
  found.pair_differs("output" + of, a.out_H, a.out_W, b.out_H, b.out_W);
  found.differs("interpolation" + of, to_text(a.interpolation), to_text(b.interpolation));
  found.differs("epsilon" + of, detail::print_double(a.epsilon), detail::print_double(b.epsilon));
  if (a.epilogue != b.epilogue) found.differs("epilogue" + of, epilogue_text(a.epilogue), epilogue_text(b.epilogue));
}

}  // namespace

void use_kernels(const KernelTable& table) {
  const char* library = table.library == nullptr ? "" : table.library;
  if (table.kernels == nullptr && table.kernel_count != 0)
    throw std::invalid_argument("library '" + std::string(library) + "': a table without kernels");
  std::vector<RegisteredKernel> kernels;
  kernels.reserve(table.kernel_count);
  for (std::size_t i = 0; i < table.kernel_count; ++i) kernels.push_back(read_kernel(library, i, table.kernels[i]));

  Registry& known = registry();
  const detail::ForkSafeLock lock(known.mutex);
  std::unordered_map<std::string, const CompiledKernel*> symbols = known.symbols;
  std::vector<RegisteredKernel> all = known.kernels;
  for (RegisteredKernel& kernel : kernels) {
    const auto [place, added] = symbols.emplace(kernel.kernel->symbol, kernel.kernel);
    if (added) {
      all.push_back(std::move(kernel));
    } else if (!same_kernel(*place->second, *kernel.kernel)) {
      throw std::invalid_argument("library '" + std::string(library) + "': kernel '" + kernel.kernel->symbol +
                                  "' has the symbol of another kernel: " + place->second->problem + ", " +
                                  place->second->target + ", " + place->second->schedule);
    }
  }
  known.symbols.swap(symbols);
  known.kernels.swap(all);
}

const KernelTable& load_kernel_library(const std::filesystem::path& path) {
  constexpr const char* kEntry = "sepconv_kernel_table";
  const std::string file = path.string();
  const auto reject = [&](const std::string& why) {
    throw std::invalid_argument("kernel library '" + file + "': " + why);
  };
  const auto loader_error = [] {
    const char* text = dlerror();
    return std::string(text == nullptr ? "unknown error" : text);
  };
  // A name without a slash would be searched for in the system's folders.
  const std::string name = file.find('/') == std::string::npos ? "./" + file : file;
  void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) reject("cannot be opened: " + loader_error());
  const auto entry = reinterpret_cast<const KernelTable* (*)()>(dlsym(library, kEntry));
  const KernelTable* table = entry == nullptr ? nullptr : entry();
  if (table == nullptr) {
    dlclose(library);
    reject(std::string("has no function ") + kEntry + "; expected a library made by `sepconv compile --shared`");
  }
  try {
    use_kernels(*table);
  } catch (...) {
    dlclose(library);
    throw;
  }
  return *table;
}

std::vector<RegisteredKernel> registered_kernels() {
  Registry& known = registry();
  const detail::ForkSafeLock lock(known.mutex);
  return known.kernels;
}

void detail::visit_kernels(const std::function<void(const RegisteredKernel&)>& visit) {
  Registry& known = registry();
  const ForkSafeLock lock(known.mutex);
  for (const RegisteredKernel& kernel : known.kernels) visit(kernel);
}

std::string mismatch_reason(const ConvProblem& kernel, const ConvProblem& wanted) {
  Mismatch found;
  found.differs("stages", stages_name(kernel), stages_name(wanted));
  found.differs("dtype", to_text(kernel.dtype), to_text(wanted.dtype));
  found.differs("layout", to_text(kernel.layout), to_text(wanted.layout));
  if (!found.reason.empty()) return found.reason;
  found.pair_differs("channels (in x out)", kernel.IC, kernel.OC(), wanted.IC, wanted.OC());
  const Pitches &in = kernel.input_pitches, &out = kernel.output_pitches;
  found.pair_differs("input pitches (row x pixel)", in.row, in.pixel, wanted.input_pitches.row,
                     wanted.input_pitches.pixel);
  found.pair_differs("output pitches (row x pixel)", out.row, out.pixel, wanted.output_pitches.row,
                     wanted.output_pitches.pixel);
  for (std::size_t i = 0; i < kernel.stages.size(); ++i) stage_differs(found, kernel, wanted, i);
  if (!kernel.dynamic_h() && kernel.IH != wanted.IH)
    found.pair_differs("input", kernel.IH, kernel.IW, wanted.IH, wanted.IW);
  if (!kernel.dynamic_w() && kernel.IW != wanted.IW)
    found.pair_differs("input", kernel.IH, kernel.IW, wanted.IH, wanted.IW);
  for (std::size_t i = 0; i < kernel.stages.size(); ++i) {
    const Window &a = kernel.stages[i].window, &b = wanted.stages[i].window;
    const std::string of = of_stage(kernel, i);
    if (!kernel.dynamic_h())
      found.pair_differs("pads (top x bottom)" + of, a.pad_top, a.pad_bottom, b.pad_top, b.pad_bottom);
    if (!kernel.dynamic_w())
      found.pair_differs("pads (left x right)" + of, a.pad_left, a.pad_right, b.pad_left, b.pad_right);
  }
  return found.reason;
}

}  // namespace sepconv

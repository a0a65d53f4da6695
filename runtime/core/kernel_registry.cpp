#include "sepconv/kernel_registry.h"

#include <dlfcn.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "fork_guard.h"
#include "registered_rows.h"

namespace sepconv {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<RegisteredRow> rows;                            // guarded by mutex
  std::unordered_map<std::string, const KernelRow*> symbols;  // guarded by mutex
};

Registry& registry() {
  static Registry* const instance = new Registry;  // never destroyed: layers may be used until the process ends
  return *instance;
}

/// Reads and checks one row.
RegisteredRow read_row(const char* library, std::size_t index, const KernelRow& row) {
  std::string where = "library '" + std::string(library) + "', row " + std::to_string(index);
  // Nothing else of the row can be trusted before its version is known.
  if (row.abi != kKernelAbi)
    throw std::invalid_argument(where + ": kernel ABI version " + std::to_string(row.abi) + "; this runtime calls " +
                                std::to_string(kKernelAbi) +
                                ": compile the library again with this version of sepconv");
  if (row.symbol == nullptr || *row.symbol == '\0') throw std::invalid_argument(where + ": no symbol");
  where += " ('" + std::string(row.symbol) + "')";
  const auto require = [&](bool fits, const char* what) {
    if (!fits) throw std::invalid_argument(where + ": " + what);
  };
  require(row.function != nullptr, "no function");
  require(row.problem != nullptr, "no problem text");
  require(row.target != nullptr, "no target");
  require(row.schedule != nullptr, "no schedule text");
  RegisteredRow registered{library, &row, {}};
  try {
    registered.problem = problem_from_text(row.problem);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(where + ": " + error.what());
  }
  require(!registered.problem.has_depthwise() || row.depthwise_panel >= 1, "depthwise_panel is not positive");
  require(!registered.problem.has_pointwise() || row.pointwise_panel >= 1, "pointwise_panel is not positive");
  require(row.flat_output == 0 || row.flat_output == 1, "flat_output is neither 0 nor 1");
  require(row.call_scratch_bytes <= kMaxScratchBytes && row.task_scratch_bytes <= kMaxScratchBytes,
          "2^31 bytes of scratch or more, which no kernel can address");
  return registered;
}

bool same_row(const KernelRow& a, const KernelRow& b) {
  const std::string_view problem = a.problem, target = a.target, schedule = a.schedule;
  return problem == b.problem && target == b.target && schedule == b.schedule;
}

std::string pair_text(std::int32_t a, std::int32_t b) {
  const auto text = [](std::int32_t value) { return value == kDynamic ? std::string("?") : std::to_string(value); };
  return text(a) + "x" + text(b);
}

}  // namespace

void use_kernels(const KernelTable& table) {
  const char* library = table.library == nullptr ? "" : table.library;
  if (table.rows == nullptr && table.row_count != 0)
    throw std::invalid_argument("library '" + std::string(library) + "': a table without rows");
  std::vector<RegisteredRow> rows;
  rows.reserve(table.row_count);
  for (std::size_t i = 0; i < table.row_count; ++i) rows.push_back(read_row(library, i, table.rows[i]));

  Registry& known = registry();
  const detail::ForkSafeLock lock(known.mutex);
  std::unordered_map<std::string, const KernelRow*> symbols = known.symbols;
  std::vector<RegisteredRow> all = known.rows;
  for (RegisteredRow& row : rows) {
    const auto [place, added] = symbols.emplace(row.row->symbol, row.row);
    if (added) {
      all.push_back(std::move(row));
    } else if (!same_row(*place->second, *row.row)) {
      throw std::invalid_argument("library '" + std::string(library) + "': row '" + row.row->symbol +
                                  "' has the symbol of another row: " + place->second->problem + ", " +
                                  place->second->target + ", " + place->second->schedule);
    }
  }
  known.symbols.swap(symbols);
  known.rows.swap(all);
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

std::vector<RegisteredRow> all_rows() {
  Registry& known = registry();
  const detail::ForkSafeLock lock(known.mutex);
  return known.rows;
}

void detail::visit_rows(const std::function<void(const RegisteredRow&)>& visit) {
  Registry& known = registry();
  const ForkSafeLock lock(known.mutex);
  for (const RegisteredRow& row : known.rows) visit(row);
}

std::string mismatch_reason(const ConvProblem& row, const ConvProblem& wanted) {
  std::string reason;
  const auto differs = [&](const char* field, const std::string& row_text, const std::string& wanted_text) {
    if (reason.empty() && row_text != wanted_text)
      reason = std::string(field) + " " + row_text + ", wanted " + wanted_text;
  };
  const auto pair_differs = [&](const char* field, std::int32_t row_a, std::int32_t row_b, std::int32_t a,
                                std::int32_t b) {
    if (reason.empty() && (row_a != a || row_b != b)) differs(field, pair_text(row_a, row_b), pair_text(a, b));
  };
  if (row.op != wanted.op) differs("op", to_text(row.op), to_text(wanted.op));
  if (row.dtype != wanted.dtype) differs("dtype", to_text(row.dtype), to_text(wanted.dtype));
  if (row.layout != wanted.layout) differs("layout", to_text(row.layout), to_text(wanted.layout));
  pair_differs("channels (in x out)", row.IC, row.OC, wanted.IC, wanted.OC);
  pair_differs("window", row.KH, row.KW, wanted.KH, wanted.KW);
  pair_differs("strides", row.stride_h, row.stride_w, wanted.stride_h, wanted.stride_w);
  pair_differs("dilation", row.dilation_h, row.dilation_w, wanted.dilation_h, wanted.dilation_w);
  if (row.depth_multiplier != wanted.depth_multiplier)
    differs("depth_multiplier", std::to_string(row.depth_multiplier), std::to_string(wanted.depth_multiplier));
  const auto epilogue_differs = [&](const char* field, const Epilogue& a, const Epilogue& b) {
    if (!reason.empty() || (a.bias == b.bias && a.activation == b.activation)) return;
    const auto text = [](const Epilogue& e) { return (e.bias ? "bias-" : "nobias-") + to_text(e.activation); };
    differs(field, text(a), text(b));
  };
  if (row.op == ConvOp::separable) epilogue_differs("middle epilogue", row.middle, wanted.middle);
  epilogue_differs("output epilogue", row.output, wanted.output);
  if (!row.dynamic_h() && row.IH != wanted.IH) pair_differs("input", row.IH, row.IW, wanted.IH, wanted.IW);
  if (!row.dynamic_w() && row.IW != wanted.IW) pair_differs("input", row.IH, row.IW, wanted.IH, wanted.IW);
  if (!row.dynamic_h())
    pair_differs("pads (top x bottom)", row.pad_top, row.pad_bottom, wanted.pad_top, wanted.pad_bottom);
  if (!row.dynamic_w())
    pair_differs("pads (left x right)", row.pad_left, row.pad_right, wanted.pad_left, wanted.pad_right);
  return reason;
}

}  // namespace sepconv

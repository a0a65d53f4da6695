#include "generators/scratch_meter.h"

#include <algorithm>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "sepconv/detail/compiled_kernel.h"

namespace sepconv::generators {
namespace {

using namespace Halide::Internal;

// Halide keeps constant allocations up to this size on the stack, and so never asks for them.
constexpr std::int64_t kStackBytes = 16 * 1024;
// Alignment and the readable bytes around each allocation that halide_malloc owes its callers.
constexpr std::int64_t kSlackBytes = 256;

/// Halide counts the bytes of an allocation in 32 bits, and takes what is left of a larger number.
void check_scratch(const std::string& name, std::int64_t bytes) {
  if (bytes > static_cast<std::int64_t>(kMaxScratchBytes))
    throw std::invalid_argument("scratch '" + name + "' needs " + std::to_string(bytes) + " bytes; at most " +
                                std::to_string(kMaxScratchBytes) + " can be addressed");
}

std::int64_t upper_bound_bytes(const Allocate* op) {
  Halide::Expr elements = 1;
  for (const Halide::Expr& extent : op->extents) elements = elements * extent;
  elements = simplify(elements);
  const Halide::Expr bound = find_constant_bound(elements, Direction::Upper);
  const auto constant = bound.defined() ? as_const_int(bound) : std::nullopt;
  if (!constant) {
    std::ostringstream message;
    message << "scratch '" << op->name << "' has no constant bound: " << elements << " elements";
    throw std::runtime_error(message.str());
  }
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(*constant, op->type.bytes(), &bytes)) bytes = std::numeric_limits<std::int64_t>::max();
  check_scratch(op->name, bytes);
  return bytes;
}

}  // namespace

Stmt ScratchMeter::visit(const Allocate* op) {
  const bool on_stack = op->memory_type == Halide::MemoryType::Stack || op->memory_type == Halide::MemoryType::Register;
  std::int64_t bytes = on_stack ? 0 : upper_bound_bytes(op);
  if (op->memory_type == Halide::MemoryType::Auto && is_const(op->extents.empty() ? Halide::Expr(1) : op->extents[0]) &&
      bytes <= kStackBytes)
    bytes = 0;
  if (bytes > 0) bytes += kSlackBytes;
  std::int64_t& now = in_task_ ? task_now_ : call_now_;
  std::uint64_t& peak = in_task_ ? facts_.task_scratch_bytes : facts_.call_scratch_bytes;
  now += bytes;
  check_scratch(op->name, now);
  peak = std::max(peak, static_cast<std::uint64_t>(now));
  Stmt result = IRMutator::visit(op);
  now -= bytes;
  return result;
}

Stmt ScratchMeter::visit(const For* op) {
  const bool outer = in_task_;
  in_task_ = in_task_ || op->for_type == ForType::Parallel;
  Stmt result = IRMutator::visit(op);
  in_task_ = outer;
  return result;
}

}  // namespace sepconv::generators

#include "generators/thread_registers.h"

#include <sstream>
#include <stdexcept>

namespace sepconv::generators {

using namespace Halide::Internal;
using Halide::Expr;

namespace {

/// Replaces the thread indices by zero, also in what has a name.
class WithoutThreads : public IRMutator {
 public:
  explicit WithoutThreads(const std::map<std::string, Expr>& lets) : lets_(lets) {}

 protected:
  using IRMutator::visit;
  Expr visit(const Variable* op) override {
    if (op->name.find(".thread_id_") != std::string::npos) return 0;
    const auto named = lets_.find(op->name);
    return named == lets_.end() ? Expr(op) : mutate(named->second);
  }

 private:
  const std::map<std::string, Expr>& lets_;
};

bool is_constant(const Expr& index) {
  if (const Ramp* ramp = index.as<Ramp>()) return as_const_int(ramp->base) && as_const_int(ramp->stride);
  return as_const_int(index).has_value();
}

}  // namespace

bool ThreadRegisters::is_ours(const std::string& buffer) const {
  return buffer == name_ || buffer.rfind(name_ + "$", 0) == 0 || buffer.rfind(name_ + ".", 0) == 0;
}

Expr ThreadRegisters::own_index(const std::string& buffer, const Expr& index) const {
  const Expr own = simplify(WithoutThreads(lets_).mutate(index));
  if (!is_constant(own)) {
    std::ostringstream message;
    message << "the place of '" << buffer << "' in a thread's registers is not constant: " << own;
    throw std::runtime_error(message.str());
  }
  return own;
}

Stmt ThreadRegisters::visit(const LetStmt* op) {
  lets_[op->name] = op->value;  // names are unique by now
  return IRMutator::visit(op);
}

Stmt ThreadRegisters::visit(const Store* op) {
  if (!is_ours(op->name)) return IRMutator::visit(op);
  return Store::make(op->name, mutate(op->value), own_index(op->name, op->index), op->param, op->predicate,
                     ModulusRemainder());
}

Expr ThreadRegisters::visit(const Load* op) {
  if (!is_ours(op->name)) return IRMutator::visit(op);
  return Load::make(op->type, op->name, own_index(op->name, op->index), op->image, op->param, op->predicate,
                    ModulusRemainder());
}

}  // namespace sepconv::generators

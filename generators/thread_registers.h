#pragma once
// Keeps the sums of a GPU block in the registers of its threads.

#include <map>
#include <string>

#include "Halide.h"

namespace sepconv::generators {

/// A lowering pass for the sums of a tile that live across the steps of a block. Halide gives each thread an array as
/// large as the tile, of which it uses the part that its thread indices select; with those left out of the index, each
/// thread's part lies at the same constant place and the assembler keeps it in registers. That is right because a
/// thread never reads another's part: all stages of the sums are distributed over threads in the same way.
class ThreadRegisters : public Halide::Internal::IRMutator {
 public:
  /// @param name  of the Func whose storage it is.
  explicit ThreadRegisters(std::string name) : name_(std::move(name)) {}

 protected:
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::LetStmt* op) override;
  Halide::Internal::Stmt visit(const Halide::Internal::Store* op) override;
  Halide::Expr visit(const Halide::Internal::Load* op) override;

 private:
  Halide::Expr own_index(const std::string& buffer, const Halide::Expr& index) const;
  bool is_ours(const std::string& buffer) const;

  std::string name_;
  std::map<std::string, Halide::Expr> lets_;  // what indices are made of, as far as they are named
};

}  // namespace sepconv::generators

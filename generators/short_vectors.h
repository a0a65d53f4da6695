#pragma once
// Makes strided and clamped loads of vectors compilable for OpenCL.

#include "Halide.h"

namespace sepconv::generators {

/// A lowering pass. Where a vector's elements lie apart, Halide 21 loads all elements between the first and the last as
/// one vector, and picks from it. OpenCL has vectors of 2, 3, 4, 8 and 16 elements only: where the vector would have
/// another length, the elements that are picked are loaded one by one.
class ShortVectors : public Halide::Internal::IRMutator {
 protected:
  using IRMutator::visit;
  Halide::Expr visit(const Halide::Internal::Let* op) override;
  Halide::Internal::Stmt visit(const Halide::Internal::LetStmt* op) override;
  Halide::Expr visit(const Halide::Internal::Shuffle* op) override;

 private:
  template <class Node>
  auto visit_let(const Node* op) -> decltype(op->body);

  Halide::Internal::Scope<Halide::Expr> long_loads_;  // by the name that a let gives them
};

}  // namespace sepconv::generators

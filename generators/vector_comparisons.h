#pragma once
// Makes strict comparisons of vectors compilable for OpenCL.

#include "Halide.h"

namespace sepconv::generators {

/// A lowering pass. Halide 21's OpenCL back end does not know strict_lt, strict_le and strict_eq as conditions of
/// vectors (EliminateBoolVectors). The plain operators, which it prints as C's, mean the same there, and nothing
/// simplifies them after this pass.
class VectorComparisons : public Halide::Internal::IRMutator {
 protected:
  using IRMutator::visit;
  Halide::Expr visit(const Halide::Internal::Call* op) override;
};

}  // namespace sepconv::generators

#pragma once
// The weights of a layer and of its copies.

#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>

#include "runtime/core/fork_guard.h"
#include "runtime/core/prepack.h"
#include "sepconv/detail/compiled_kernel.h"

namespace sepconv::detail {

/// The weights of a layer and of its copies, and what has been packed from them.
struct SharedWeights {
  explicit SharedWeights(ConvWeights weights) : unpacked(std::move(weights)) {}

  std::shared_ptr<const PackedWeights> pack(const ConvProblem& problem, const CompiledKernel& kernel) {
    const ForkSafeLock lock(mutex);
    std::shared_ptr<const PackedWeights>& packed =
        by_form[{problem.dtype, kernel.depthwise_panel, kernel.pointwise_panel}];
    if (!packed)
      packed = std::make_shared<const PackedWeights>(
          pack_weights(unpacked, problem, {kernel.depthwise_panel, kernel.pointwise_panel}));
    return packed;
  }

  const ConvWeights unpacked;
  std::mutex mutex;
  /// By the type that the elements are rounded to and by panels; guarded by mutex.
  std::map<std::tuple<DataType, int, int>, std::shared_ptr<const PackedWeights>> by_form;
};

}  // namespace sepconv::detail

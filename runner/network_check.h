#pragma once
// Compares a run of a whole network with the double reference, step by step.

#include <exception>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runner/compare.h"
#include "runner/network_reference.h"
#include "runner/network_run.h"

namespace sepconv::runner {

/// A step's result, compared twice.
struct StepCheck {
  std::string layer;
  /// With the reference of this one step, computed from what the step itself read: from the kernel's inputs. The
  /// limits are those of reference_with_limits, which hold for any correct kernel.
  Comparison own;
  /// With the network in double, in which nothing is rounded. Limit: relative_limit() of the largest value.
  Comparison chain;
  double largest = 0;  // |value| of the network in double
};

/// How far a tensor may be from the network in double, relative to its largest value. float32: 1e-4, as `make
/// check-networks` has it; a correct network of a hundred steps stays below a tenth of that. float64: 1e-12. In 16-bit
/// types each step rounds its result once, by at most u = 2^-11 (float16) or 2^-8 (bfloat16) of it. Roundings are
/// independent, so after S steps they add up to sqrt(S) * u, and 4 times that allows for weights that enlarge them.
/// This bound is wide: `own` is the strict test of such steps.
double relative_limit(DataType dtype, std::size_t steps);

/// Compares with one limit: `relative` times the largest finite expected value, and at least the type's least number.
Comparison compare_relative(std::span<const double> actual, std::span<const double> expected, double relative,
                            DataType dtype, double* largest = nullptr);

/// Runs the call and checks each step as it ends.
class NetworkCheck : private detail::StepObserver {
 public:
  /// @param expected  network_reference() for the call's inputs
  NetworkCheck(const NetworkPlan& network, const std::vector<NamedWeights>& layers, const NetworkValues& expected,
               NetworkCall& call, int threads);

  /// Called before each step, with its number: a crash happens after it.
  std::function<void(std::size_t)> started = [](std::size_t) {};

  /// @return what NetworkCall::run returns
  /// @throws what the reference or `started` throws
  std::string run();

  const std::vector<StepCheck>& steps() const { return steps_; }

  /// The first step whose own result misses; else the first that departs from the network in double; else nullptr.
  const StepCheck* first_miss() const;

 private:
  void begin(std::size_t step) noexcept override;
  void end(std::size_t step) noexcept override;
  void check(std::size_t step);
  std::vector<double> values(std::int32_t tensor) const;

  const NetworkPlan& network_;
  const std::vector<NamedWeights>& layers_;
  const NetworkValues& expected_;
  NetworkCall& call_;
  const int threads_;
  std::vector<double> input_;
  Operands operands_;
  std::vector<StepCheck> steps_;
  std::exception_ptr error_;
};

}  // namespace sepconv::runner

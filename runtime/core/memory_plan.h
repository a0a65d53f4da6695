#pragma once
// Where the tensors of a network lie in its workspace.

#include <cstdint>
#include <vector>

#include "sepconv/detail/network_plan.h"

namespace sepconv::detail {

/// The first and the last step that reads or writes any tensor of a base; -1 for tensors that are no base, bases that
/// no step uses, and the caller's memory.
struct Lifetime {
  std::int32_t first = -1, last = -1;
  bool used() const noexcept { return first >= 0; }
  bool meets(const Lifetime& other) const noexcept { return first <= other.last && other.first <= last; }
};
std::vector<Lifetime> lifetimes(const NetworkPlan& network);

/// The most bytes that are alive during one step: no plan without steps in place takes less.
std::int64_t largest_live_bytes(const NetworkPlan& network, const std::vector<Lifetime>& lifetimes);

/// Which steps may write over their input, if it is not used after them. Only copies in place, from dense images to
/// dense images of as many elements, read each element before they write to it.
enum class InPlace : std::uint8_t {
  nothing,
  plain_copies,  // without an epilogue: such a step in place does nothing, and the runtime leaves it out
  all_copies,    // also with one: needs kernels that compute no element twice
};
bool may_run_in_place(const NetworkPlan& network, const NetworkStep& step, InPlace in_place);

/// Sets the offsets of the bases and tensor_bytes: the smallest workspace of several greedy plans. The same network
/// always gets the same plan.
/// @throws std::invalid_argument for a network that breaks the rules of validate_graph.
void plan_memory(NetworkPlan& network, InPlace in_place = InPlace::plain_copies);

}  // namespace sepconv::detail

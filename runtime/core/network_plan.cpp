#include "sepconv/detail/network_plan.h"

#include <iterator>
#include <map>
#include <stdexcept>
#include <string>

#include "runtime/core/memory_plan.h"
#include "runtime/core/network_graph.h"
#include "runtime/core/tensor_regions.h"
#include "runtime/core/text.h"
#include "sepconv/detail/aligned_buffer.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv {
namespace {

constexpr auto kAlignment = static_cast<std::int64_t>(kBufferAlignment);
constexpr std::int64_t kMaxTensorBytes = std::int64_t{1} << 44;  // that of kMaxNetworkItems tensors is below 2^63

[[noreturn]] void refuse(const NetworkTensor& tensor, const std::string& why) {
  throw std::invalid_argument("network: tensor " + detail::quoted(tensor.name) + ": " + why);
}

void check_offset(const NetworkTensor& base, bool callers, bool used, std::int64_t workspace) {
  if (callers || !used) {
    if (base.offset_bytes != -1)
      refuse(base, "offset " + std::to_string(base.offset_bytes) + "; expected -1: it is not in the workspace");
    return;
  }
  if (base.offset_bytes < 0 || base.offset_bytes % kAlignment != 0 || base.offset_bytes > workspace ||
      tensor_bytes(base) > workspace - base.offset_bytes)
    refuse(base, "offset " + std::to_string(base.offset_bytes) + "; expected a multiple of 64 that leaves its " +
                     std::to_string(tensor_bytes(base)) + " bytes within the workspace of " +
                     std::to_string(workspace));
}

/// The bases that are alive, by their offsets.
class LiveMemory {
 public:
  explicit LiveMemory(const NetworkPlan& network) : network_(network) {}

  void add(std::int32_t index) {
    const NetworkTensor& base = network_.tensor(index);
    const auto [place, inserted] = live_.emplace(base.offset_bytes, index);
    if (!inserted) refuse(base, "shares its memory with " + detail::quoted(network_.tensor(place->second).name));
    if (place != live_.begin()) check_apart(std::prev(place)->second, index);
    if (const auto next = std::next(place); next != live_.end()) check_apart(index, next->second);
  }
  void remove(std::int32_t index) { live_.erase(network_.tensor(index).offset_bytes); }

 private:
  void check_apart(std::int32_t below_index, std::int32_t above_index) const {
    const NetworkTensor &below = network_.tensor(below_index), &above = network_.tensor(above_index);
    if (below.offset_bytes + tensor_bytes(below) > above.offset_bytes)
      refuse(above, "shares its memory with " + detail::quoted(below.name));
  }

  const NetworkPlan& network_;
  std::map<std::int64_t, std::int32_t> live_;
};

/// Goes through the steps with the bases that are alive.
void check_memory(const NetworkPlan& network, const std::vector<detail::Lifetime>& lifetimes) {
  std::vector<std::vector<std::int32_t>> born(network.steps.size()), dies(network.steps.size());
  for (std::size_t i = 0; i < lifetimes.size(); ++i) {
    if (!lifetimes[i].used()) continue;
    born[static_cast<std::size_t>(lifetimes[i].first)].push_back(static_cast<std::int32_t>(i));
    dies[static_cast<std::size_t>(lifetimes[i].last)].push_back(static_cast<std::int32_t>(i));
  }
  const auto offset_of = [&](std::int32_t base) { return network.tensor(base).offset_bytes; };
  LiveMemory memory(network);
  for (std::size_t s = 0; s < network.steps.size(); ++s) {
    const NetworkStep& step = network.steps[s];
    const std::int32_t in = network.tensor(step.input).base, out = network.tensor(step.output).base;
    const auto at = static_cast<std::int32_t>(s);
    const bool over_input = offset_of(out) >= 0 && offset_of(in) == offset_of(out) &&
                            lifetimes[static_cast<std::size_t>(in)].last == at &&
                            lifetimes[static_cast<std::size_t>(out)].first == at &&
                            detail::may_run_in_place(network, step, detail::InPlace::all_copies);
    if (over_input) memory.remove(in);  // its elements become those of the output, one by one
    for (const std::int32_t base : born[s]) memory.add(base);
    for (const std::int32_t base : dies[s])
      if (!over_input || base != in) memory.remove(base);
  }
}

}  // namespace

std::int64_t tensor_bytes(const NetworkTensor& tensor) {
  std::int64_t bytes = 0;
  if (tensor.images < 1 || __builtin_mul_overflow(detail::image_elements(tensor), tensor.images, &bytes) ||
      __builtin_mul_overflow(bytes, static_cast<std::int64_t>(size_bytes(tensor.dtype)), &bytes) ||
      bytes > kMaxTensorBytes - kAlignment)
    throw std::invalid_argument(std::to_string(tensor.images) + " images of shape " + to_text(tensor.shape) +
                                "; expected at least one, and less than 2^44 bytes");
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

void validate(const NetworkPlan& network) {
  detail::validate_graph(network);
  if (network.tensor_bytes < 0 || network.tensor_bytes % kAlignment != 0)
    throw std::invalid_argument("network: a workspace of " + std::to_string(network.tensor_bytes) +
                                " bytes; expected a multiple of 64");
  const std::vector<bool> callers = detail::caller_bases(network);
  const std::vector<detail::Lifetime> lifetimes = detail::lifetimes(network);
  for (std::size_t i = 0; i < network.tensors.size(); ++i) {
    const NetworkTensor& tensor = network.tensors[i];
    const bool is_base = tensor.base == static_cast<std::int32_t>(i);
    check_offset(tensor, callers[i], is_base && lifetimes[i].used(), network.tensor_bytes);
  }
  check_memory(network, lifetimes);
}

}  // namespace sepconv

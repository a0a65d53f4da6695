#pragma once
// The convolutions that a Keras layer has made, one for each size of input.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sepconv/layer.h"

namespace sepconv::detail {

/// A hash table that is read without a lock. Entries are only ever added, by one thread at a time; a table that has
/// grown too small stays, for the threads that still read it.
class SizeTable {
 public:
  SizeTable() { grow(64); }
  SizeTable(const SizeTable&) = delete;
  SizeTable& operator=(const SizeTable&) = delete;

  /// The convolution for that size, or nullptr if it has not been added.
  const ConvLayer* find(std::int64_t H, std::int64_t W) const noexcept {
    const Slots& slots = *current_.load(std::memory_order_acquire);
    for (std::size_t at = first_slot(H, W, slots.size());; at = (at + 1) & (slots.size() - 1)) {
      const Entry* entry = slots[at].load(std::memory_order_acquire);
      if (entry == nullptr) return nullptr;
      if (entry->H == H && entry->W == W) return &entry->layer;
    }
  }

  /// Adds a size that the table lacks.
  const ConvLayer& add(std::int64_t H, std::int64_t W, ConvLayer layer) {
    if (entries_.size() * 2 >= tables_.back()->size()) grow(tables_.back()->size() * 4);
    entries_.push_back(std::make_unique<const Entry>(Entry{H, W, std::move(layer)}));
    insert(*tables_.back(), entries_.back().get());
    return entries_.back()->layer;
  }

  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::int64_t H, W;
    ConvLayer layer;
  };
  using Slots = std::vector<std::atomic<const Entry*>>;

  static std::size_t first_slot(std::int64_t H, std::int64_t W, std::size_t slots) noexcept {
    const std::uint64_t mixed =
        (static_cast<std::uint64_t>(H) * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(W)) * 0xff51afd7ed558ccdu;
    return static_cast<std::size_t>(mixed >> 32) & (slots - 1);
  }

  static void insert(Slots& slots, const Entry* entry) noexcept {
    std::size_t at = first_slot(entry->H, entry->W, slots.size());
    while (slots[at].load(std::memory_order_relaxed) != nullptr) at = (at + 1) & (slots.size() - 1);
    slots[at].store(entry, std::memory_order_release);
  }

  /// @param slots  a power of two
  void grow(std::size_t slots) {
    auto table = std::make_unique<Slots>(slots);
    for (const auto& entry : entries_) insert(*table, entry.get());
    tables_.push_back(std::move(table));
    current_.store(tables_.back().get(), std::memory_order_release);
  }

  std::vector<std::unique_ptr<const Entry>> entries_;
  std::vector<std::unique_ptr<Slots>> tables_;  // the last one is current
  std::atomic<const Slots*> current_{nullptr};
};

}  // namespace sepconv::detail

#pragma once
// The tables of a record store, and opening a file as one.

#include <filesystem>

#include "autoschedule/records/sqlite.h"

namespace sepconv::autoschedule {

/// Version of the tables. A store of version 1, whose problems have an older text form, is brought to this one when it
/// is written, and read as if it had been; a store of another version is refused.
inline constexpr int kStoreVersion = 2;

/// Opens the file and checks that it is an undamaged store; makes it if `write` and it is new.
/// @throws std::invalid_argument naming the path, what is wrong and what to do; std::runtime_error for a full disk.
sqlite::Database open_store(const std::filesystem::path& path, bool write);

}  // namespace sepconv::autoschedule

#pragma once
// Records as a tuning run of MobileNetV1 might leave them, made up from a seed.

#include <cstdint>
#include <vector>

#include "autoschedule/records/record_store.h"

namespace sepconv::test {

/// @param layers  of the thirteen separable layers, from the first.
/// @param trials  of the search of each layer; about one in twelve fails, each way at times.
std::vector<autoschedule::TrialRecord> plausible_records(std::size_t layers, std::size_t trials, std::uint64_t seed);

}  // namespace sepconv::test

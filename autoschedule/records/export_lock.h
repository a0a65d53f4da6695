#pragma once
// From records to the lockfile and back.

#include "autoschedule/lockfile.h"
#include "autoschedule/records/record_store.h"

namespace sepconv::autoschedule {

/// The best schedule of each problem and target in the store on one machine: the one with the smallest ratio in the
/// last final round, if it beats the rule's (source "tuned"), else the rule's (source "rule"). Problems without a final
/// round are left out. Trials that are not ok, Halide's autoschedulers and schedules that reject_reason refuses are
/// never exported. The same records give the same bytes.
/// @param machine  the records' machine; empty: the store must have only one.
/// @throws std::invalid_argument naming the machines when the store has several and none is given, or none matches.
Lockfile export_lock(const RecordStore& store, const std::string& machine = {});

/// The lockfile's rows as candidates, from which a search starts.
std::vector<Candidate> import_lock(const Lockfile& lockfile);

}  // namespace sepconv::autoschedule

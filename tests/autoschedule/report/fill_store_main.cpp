// sepconv-fill-store: makes a store with made-up trials, to look at its report.

#include <cstdio>
#include <exception>

#include "tests/autoschedule/report/plausible_store.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "use: sepconv-fill-store FILE\n");
    return 2;
  }
  try {
    sepconv::autoschedule::RecordStore store(argv[1]);
    std::vector<sepconv::autoschedule::TrialRecord> batch;
    for (const sepconv::autoschedule::TrialRecord& record : sepconv::test::plausible_records(13, 160, 7)) {
      if (!batch.empty() && batch.back().batch != record.batch) {
        store.add(batch);
        batch.clear();
      }
      batch.push_back(record);
    }
    store.add(batch);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
  return 0;
}
